// The files with code that were seen, each opened once however many processes map it.
import type { PerfMapping } from '../profile/symbolizer.ts'
import type { ByteSource } from './byte-source.ts'
import { debugFileFinder } from './debug-files.ts'
import { type Executable, openExecutable } from './executable.ts'
import type { FrameDetail } from './go-table.ts'
import { mappedFileKey } from './mapped-file.ts'
import type { OpenFile } from './open-file.ts'
import { PageCache } from './page-cache.ts'

/** A default limit of 1024 descriptors must also hold pipes, sockets and, for some files, a debug file each. */
const maxOpenFiles = 384

export interface ModuleCacheOptions {
  /** Finds the file that was mapped; undefined when it is gone or another one stands in its place. */
  readonly open: (mapping: PerfMapping) => OpenFile | undefined
  /** Root folders under which separate debug files may be. */
  readonly debugRoots: (mapping: PerfMapping) => readonly string[]
  /** Bound for tables and names of all files. */
  readonly maxBytes: number
  readonly detail: FrameDetail
}

interface Slot {
  file: OpenFile | undefined
  /** `null`: opened, but not an ELF file. */
  executable: Executable | null | undefined
  /** Where it was looked for last, so that a lost one is not looked for at every sample. */
  tried: Pick<PerfMapping, 'pid' | 'path'>
  /** Of the open file. */
  inode: number | undefined
  bytes: number
}

export class ModuleCache {
  private readonly slots = new Map<string, Slot>()
  private readonly options: ModuleCacheOptions
  private readonly pages = new PageCache()
  /** From inode to device of what is open; two devices with one inode are rare, and then looked up the longer way. */
  private readonly openInodes = new Map<number, string>()
  private openFiles = 0
  bytes = 0

  constructor(options: ModuleCacheOptions) {
    this.options = options
  }

  get length(): number {
    return this.slots.size
  }

  /** Parts of debug information that could not be read, of the files that are held. */
  get unread(): number {
    let count = 0
    for (const { executable } of this.slots.values()) count += executable?.unread ?? 0
    return count
  }

  /** Whether the file is open; in a fork storm this is asked ten thousand times a second. */
  has({ buildId, inode, device }: PerfMapping): boolean {
    if (buildId) return this.slots.get(buildId)?.file !== undefined
    return inode !== undefined && device !== undefined && this.openInodes.get(inode) === device
  }

  /** Opens the file while the process lives; does nothing when it is open already. */
  noticed(mapping: PerfMapping): void {
    const key = mappedFileKey(mapping) ?? keyWithoutIdentity(mapping)
    const slot = this.slots.get(key)
    if (slot && (slot.file || wasTried(slot, mapping))) return
    this.open(key, mapping)
  }

  /** @returns undefined when the file is gone or is no ELF file */
  get(mapping: PerfMapping): Executable | undefined {
    const key = mappedFileKey(mapping) ?? keyWithoutIdentity(mapping)
    this.noticed(mapping)
    const slot = this.slots.get(key)
    if (!slot?.file) return undefined
    // Last in the map is used last.
    this.slots.delete(key)
    this.slots.set(key, slot)
    if (slot.executable === undefined) {
      const { detail, debugRoots } = this.options
      const over = (source: ByteSource): ByteSource => this.pages.over(source)
      const debugFiles = debugFileFinder({ path: mapping.path, roots: debugRoots(mapping), over })
      const { file } = slot
      const source = { ...over(file), close: () => file.close() }
      slot.executable = openExecutable(source, { debugFiles, detail }) ?? null
    }
    return slot.executable ?? undefined
  }

  /** Counts what the file's tables take now and drops those that were not used for longest. */
  settle(mapping: PerfMapping): void {
    const used = this.slots.get(mappedFileKey(mapping) ?? keyWithoutIdentity(mapping))
    if (!used) return
    this.count(used)
    for (const slot of this.slots.values()) {
      if (this.bytes <= this.options.maxBytes || slot === used) return
      slot.executable?.release()
      this.count(slot)
    }
  }

  close(): void {
    for (const slot of this.slots.values()) this.closeSlot(slot)
    this.slots.clear()
  }

  private count(slot: Slot): void {
    const bytes = slot.executable?.bytes ?? 0
    this.bytes += bytes - slot.bytes
    slot.bytes = bytes
  }

  private open(key: string, mapping: PerfMapping): void {
    const file = this.options.open(mapping)
    this.slots.delete(key)
    const { pid, path, inode } = mapping
    this.slots.set(key, { file, executable: undefined, inode: file && inode, tried: { pid, path }, bytes: 0 })
    if (file) this.openFiles++
    if (file && mapping.inode && mapping.device && !mapping.buildId) this.openInodes.set(mapping.inode, mapping.device)
    // Lost ones take a slot too; they are forgotten with the rest.
    while (this.openFiles > maxOpenFiles || this.slots.size > maxOpenFiles * 4) {
      const [oldest, slot] = this.slots.entries().next().value as [string, Slot]
      this.slots.delete(oldest)
      this.closeSlot(slot)
    }
  }

  private closeSlot(slot: Slot): void {
    if (slot.inode !== undefined) this.openInodes.delete(slot.inode)
    this.bytes -= slot.bytes
    slot.bytes = 0
    if (!slot.file) return
    this.openFiles--
    if (slot.executable) slot.executable.close()
    else slot.file.close()
  }
}

const wasTried = ({ tried }: Slot, { pid, path }: PerfMapping): boolean => tried.pid === pid && tried.path === path

/** Old records (PERF_RECORD_MMAP) name no file; then only this very mapping of this process is known. */
const keyWithoutIdentity = (mapping: PerfMapping): string => `${mapping.pid}:${mapping.start}:${mapping.path}`
