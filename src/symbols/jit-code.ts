// JIT code of one process: its perf map and jitdump, opened while it lives and read on as they grow.
import { statSync } from 'node:fs'
import type { PerfMapping, SymbolFrame } from '../profile/symbolizer.ts'
import { readBytes } from './byte-source.ts'
import { JitDump } from './jitdump.ts'
import { type NodePaths, openMappedFile } from './mapped-file.ts'
import { type OpenFile, openFile, printDevice } from './open-file.ts'
import { PerfMap } from './perf-map.ts'
import { type ProcessIdentity, readIdentity, readStartTicks, startedMs } from './process-identity.ts'

const noFrames: readonly SymbolFrame[] = []
/** Names kept, at about 250 bytes each; hot JIT code is some hundreds of functions. */
const maxFrames = 4096
/** Boot time is known to the second only. */
const clockSlackMs = 1500
/** Enough to see that a map was written anew (`jcmd Compiler.perfmap` does that) and not only appended to. */
const headBytes = 256

export interface JitCodeOptions {
  /** A folder with perf maps that were copied from the recorded machine. */
  readonly folder?: string | undefined
  /** The process ran here, so what it wrote to /tmp may still be there. */
  readonly sameMachine?: boolean
  /** End of the recording: a process that started later only has the same number. */
  readonly recordedMs?: number | undefined
}

export class JitCode {
  private readonly node: NodePaths
  private readonly options: JitCodeOptions
  private readonly pid: number
  private identity: ProcessIdentity | undefined
  private map: { file: OpenFile; path: string; names: PerfMap; head: string } | undefined
  private dump: { file: OpenFile; names: JitDump } | undefined
  /** By text: the same function is compiled again and again. */
  private readonly frames = new Map<string, readonly SymbolFrame[]>()
  private noticedCount = 0

  constructor(pid: number, node: NodePaths, options: JitCodeOptions = {}) {
    this.pid = pid
    this.node = node
    this.options = options
  }

  get bytes(): number {
    return 512 + (this.map?.names.bytes ?? 0) + (this.dump?.names.bytes ?? 0) + this.frames.size * 250
  }

  /** Lines and records that could not be read. */
  get dropped(): number {
    return (this.map?.names.dropped ?? 0) + (this.dump?.names.dropped ?? 0)
  }

  /** New code was mapped. Looks for the map at the 1st, 2nd, 4th, 8th … time, since a JIT maps code often. */
  noticed(): void {
    if (this.map) return
    const count = ++this.noticedCount
    if ((count & (count - 1)) === 0) this.openMap()
  }

  /** A jitdump file was mapped, which is how the runtime makes perf aware of it. */
  noticedDump(mapping: PerfMapping): void {
    if (this.dump) return
    const file = openMappedFile(mapping, this.node)
    if (file) this.dump = { file, names: new JitDump(file) }
  }

  /** Reads what the process has written since; call before a batch of `framesAt`. */
  refresh(): void {
    const startTicks = readStartTicks(this.node.proc, this.pid)
    if (startTicks !== undefined && this.identity && startTicks !== this.identity.startTicks) this.forget()
    if (this.map && startTicks !== undefined && wasReplaced(this.map)) this.forget()
    this.dump?.names.refresh(this.dump.file.sizeNow())
    if (!this.map) this.openMap()
    if (!this.map) return
    const { file, names } = this.map
    names.refresh(file.sizeNow())
    this.map.head ||= headOf(file)
  }

  framesAt(address: number): readonly SymbolFrame[] {
    for (const names of [this.map?.names, this.dump?.names]) {
      const range = names ? names.find(address) : -1
      if (names && range >= 0) return this.named(names.readName(range))
    }
    return noFrames
  }

  close(): void {
    this.map?.file.close()
    this.map = undefined
    this.dump?.file.close()
    this.dump = undefined
  }

  private named(name: string): readonly SymbolFrame[] {
    let frames = this.frames.get(name)
    if (!frames) {
      frames = [{ name }]
      if (this.frames.size >= maxFrames) this.frames.clear()
      this.frames.set(name, frames)
    }
    return frames
  }

  private forget(): void {
    this.close()
    this.frames.clear()
    this.identity = undefined
  }

  private openMap(): void {
    const { folder, sameMachine = true, recordedMs } = this.options
    const copied = folder ? openFile(`${folder}/perf-${this.pid}.map`, { followLinks: true }) : undefined
    if (copied) {
      this.map = { file: copied, path: `${folder}/perf-${this.pid}.map`, names: new PerfMap(copied), head: '' }
      return
    }
    if (!sameMachine) return
    const { proc, root } = this.node
    this.identity ??= readIdentity(proc, this.pid)
    const started = this.identity && recordedMs !== undefined ? startedMs(proc, this.identity.startTicks) : undefined
    if (started !== undefined && recordedMs !== undefined && started > recordedMs + clockSlackMs) return
    const path = this.identity
      ? `${proc}/${this.pid}/root/tmp/perf-${this.identity.innerPid}.map`
      : // It has ended and was never seen alive: the node's own folder may still have the map, as perf assumes.
        `${root}/tmp/perf-${this.pid}.map`
    const file = openFile(path)
    // As perf does: anybody may write to /tmp, so only the process itself and root are believed.
    if (file && (file.uid === 0 || file.uid === this.identity?.uid)) {
      this.map = { file, path, names: new PerfMap(file), head: headOf(file) }
    } else file?.close()
  }
}

/** Another file at the path, or the same one begun anew. */
function wasReplaced({
  file,
  path,
  names,
  head,
}: {
  file: OpenFile
  path: string
  names: PerfMap
  head: string
}): boolean {
  if (file.sizeNow() < names.readTo || headOf(file).slice(0, head.length) !== head) return true
  try {
    const stat = statSync(path)
    return stat.ino !== file.inode || printDevice(stat.dev) !== file.device
  } catch {
    // Deleted, or the process has just ended: what is open stays good.
    return false
  }
}

const headOf = (file: OpenFile): string => Buffer.from(readBytes(file, 0, headBytes)).toString('latin1')
