// Everything the kernel tells besides samples: who runs, what is mapped, which cgroups there are, what was lost.
//
//   PERF_RECORD_MMAP2 1386/1386: [0x7fb87c155000(0xd3000) @ 0xa000 00:01 1024 0]: r-xp /memfd:x (deleted)
import type { PerfMapping } from '../symbolizer.ts'
import { AddressSpace } from './address-space.ts'
import type { Events } from './events.ts'
import { hex } from './features.ts'
import { kernelText, MappedFiles, type RangeSpec } from './mapped-file.ts'
import { cString, int64, type RecordBlock, recordMisc, recordSize } from './record-block.ts'
import * as type from './record-types.ts'
import { misc } from './record-types.ts'
import { Tasks } from './tasks.ts'

export interface SideBandOptions {
  readonly noticed: ((mapping: PerfMapping) => void) | undefined
  readonly lose: (timeNs: number, what: string, count: number) => void
}

/** Protection bit of executable mappings (mmap(2), PROT_EXEC). */
const protExec = 4
/** How many cgroup names we remember; a node runs some hundred containers, and records tell only of new ones. */
const mostCgroups = 65_536
/** Kernel addresses are those of the upper half: -2^55 is the lowest with 5-level paging. */
const kernelStart = -(2 ** 55)

export class SideBand {
  readonly tasks = new Tasks()
  readonly kernel = new AddressSpace()
  private readonly files = new MappedFiles()
  private readonly cgroups = new Map<number, string>()
  private readonly events: Events
  private readonly noticed: ((mapping: PerfMapping) => void) | undefined
  private readonly lose: (timeNs: number, what: string, count: number) => void

  constructor(events: Events, { noticed, lose }: SideBandOptions) {
    this.events = events
    this.noticed = noticed
    this.lose = lose
    // What no record places is the kernel proper: kallsyms knows the names of modules too.
    const all = { pid: -1, start: kernelStart, length: -kernelStart, pageOffset: 0, path: kernelText, isKernel: true }
    this.kernel.add(this.files.rangeOf(all))
  }

  cgroupPath(id: number): string {
    return this.cgroups.get(id) ?? ''
  }

  get fileCount(): number {
    return this.files.size
  }

  /** Forgets the files that are neither in the set (by id) nor mapped. */
  retainFiles(used: Set<number>): void {
    for (const space of [this.kernel, ...this.tasks.spaces()]) for (const { file } of space.ranges) used.add(file.id)
    this.files.retain((file) => used.has(file.id))
  }

  /**
   * One record that is no sample.
   * @returns true when kernel code was loaded or unloaded
   */
  read(timeNs: number, { words, bytes }: RecordBlock, at: number): boolean {
    const size = recordSize(words, at)
    const flags = recordMisc(words, at)
    const layout = this.events.length > 0 ? this.events.layout(this.events.rowOf(words, at)) : undefined
    // The trailer is no part of what the record says.
    const end = at + (size >> 2) - (layout?.trailer.words ?? 0)
    const body = at + 2
    const word = (index: number): number => (body + index < end ? (words[body + index] as number) : 0)
    const wide = (index: number): number => (body + index + 2 <= end ? int64(words, body + index) : 0)
    const text = (index: number): string => cString(bytes, (body + index) * 4, Math.max(end, body + index) * 4)
    switch (words[at]) {
      case type.MMAP:
        // u32 pid, tid; u64 addr, len, pgoff; filename
        if (body + 8 > end || (flags & misc.mmapData) !== 0) return false
        return this.map(flags, { pid: word(0), start: wide(2), length: wide(4), pageOffset: wide(6), path: text(8) })
      case type.MMAP2: {
        // u32 pid, tid; u64 addr, len, pgoff; u32 maj, min, u64 ino, generation (or build-id); u32 prot, flags; filename
        if (body + 16 > end || (word(14) & protExec) === 0) return false
        const place = { pid: word(0), start: wide(2), length: wide(4), pageOffset: wide(6), path: text(16) }
        if (flags & misc.mmapBuildId) {
          const from = (body + 8) * 4
          const buildId = hex(bytes.subarray(from + 4, from + 4 + Math.min(bytes[from] as number, 20)))
          return this.map(flags, { ...place, buildId })
        }
        const inode = wide(10)
        if (inode === 0) return this.map(flags, place)
        const device = `${word(8).toString(16).padStart(2, '0')}:${word(9).toString(16).padStart(2, '0')}`
        return this.map(flags, { ...place, device, inode })
      }
      case type.COMM:
        // u32 pid, tid; comm
        if (body + 3 <= end) this.tasks.setComm(word(0), word(1), text(2), (flags & misc.commExec) !== 0)
        return false
      case type.FORK: {
        // u32 pid, ppid, tid, ptid; u64 time
        if (body + 4 > end) return false
        const inherits = (flags & misc.forkExec) === 0
        this.tasks.fork({ pid: word(0), tid: word(2) }, { pid: word(1), tid: word(3) }, inherits)
        return false
      }
      case type.EXIT:
        if (body + 4 <= end) this.tasks.exit(word(2), timeNs)
        return false
      case type.LOST:
        // u64 id, lost
        this.lose(timeNs, 'records lost by the kernel because perf was too slow', wide(2))
        return false
      case type.LOST_SAMPLES:
        this.lose(timeNs, 'samples lost by the kernel', wide(0))
        return false
      case type.THROTTLE:
        this.lose(timeNs, 'times that the kernel throttled sampling', 1)
        return false
      case type.KSYMBOL: {
        // u64 addr; u32 len; u16 type, flags (bit 0 = unloaded); name
        if (body + 5 > end) return false
        const start = wide(0)
        if (((word(3) >>> 16) & 1) !== 0) this.kernel.remove(start)
        else this.addKernelCode({ pid: -1, start, length: word(2) >>> 0, pageOffset: 0, path: text(4), isKernel: true })
        return true
      }
      case type.CGROUP:
        // u64 id; path
        if (body + 3 <= end) this.setCgroup(wide(0), text(2))
        return false
      default:
        return false
    }
  }

  private map(flags: number, place: Omit<RangeSpec, 'isKernel'>): boolean {
    if (!(place.length > 0)) return false
    if ((flags & misc.cpuMode) === misc.kernel || place.pid === -1) {
      this.kernel.add(this.files.rangeOf({ ...place, pid: -1, isKernel: true }))
      return true
    }
    const range = this.files.rangeOf({ ...place, isKernel: false })
    this.tasks.spaceOf(place.pid).add(range)
    this.noticed?.(range)
    return false
  }

  /** BPF programs and trampolines: the record brings the one name they have. */
  private addKernelCode(spec: RangeSpec): void {
    if (spec.length > 0) this.kernel.add(this.files.rangeOf(spec, spec.path))
  }

  private setCgroup(id: number, path: string): void {
    // Oldest out first: a Map keeps the order of insertion.
    if (this.cgroups.size >= mostCgroups) this.cgroups.delete(this.cgroups.keys().next().value as number)
    this.cgroups.set(id, path)
  }
}
