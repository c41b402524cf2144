// Everything the kernel tells besides samples: who runs, what is mapped, which cgroups there are, what was lost.
//
//   PERF_RECORD_MMAP2 1386/1386: [0x7fb87c155000(0xd3000) @ 0xa000 00:01 1024 0]: r-xp /memfd:x (deleted)
import type { PerfMapping } from '../symbolizer.ts'
import { AddressSpace } from './address-space.ts'
import type { Events } from './events.ts'
import { hex } from './features.ts'
import { ForkLog } from './fork-log.ts'
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
  /** Processes that began during the recording. */
  readonly forks = new ForkLog()
  private readonly files = new MappedFiles()
  private readonly cgroups = new Map<number, string>()
  private readonly devices = new Map<number, string>()
  private readonly events: Events
  private readonly noticed: ((mapping: PerfMapping) => void) | undefined
  private readonly lose: (timeNs: number, what: string, count: number) => void

  constructor(events: Events, { noticed, lose }: SideBandOptions) {
    this.events = events
    this.noticed = noticed
    this.lose = lose
    // What no record places is the kernel proper: kallsyms knows the names of modules too.
    this.kernel.add(this.files.rangeOf(kernelSpec(kernelStart, -kernelStart)))
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
  read(timeNs: number, block: RecordBlock, at: number): boolean {
    const { words } = block
    const flags = recordMisc(words, at)
    const trailer = this.events.length > 0 ? this.events.layout(this.events.rowOf(words, at)).trailer.words : 0
    const body = at + 2
    // The trailer is no part of what the record says.
    const end = at + (recordSize(words, at) >> 2) - trailer
    const room = end - body
    switch (words[at]) {
      case type.MMAP:
        // u32 pid, tid; u64 addr, len, pgoff; filename
        if (room >= 8 && (flags & misc.mmapData) === 0)
          return this.map(block, body, textAt(block, body + 8, end), flags)
        return false
      case type.MMAP2:
        // u32 pid, tid; u64 addr, len, pgoff; 24 bytes of identity; u32 prot, flags; filename
        if (room < 16 || ((words[body + 14] as number) & protExec) === 0) return false
        return this.map(block, body, textAt(block, body + 16, end), flags, body + 8)
      case type.COMM: {
        // u32 pid, tid; comm
        if (room < 3) return false
        const isExec = (flags & misc.commExec) !== 0
        this.tasks.setComm(words[body] as number, words[body + 1] as number, textAt(block, body + 2, end), isExec)
        return false
      }
      case type.FORK:
        // u32 pid, ppid, tid, ptid; u64 time
        if (room >= 4) {
          const child = { pid: words[body] as number, tid: words[body + 2] as number }
          const parent = { pid: words[body + 1] as number, tid: words[body + 3] as number }
          const inherits = (flags & misc.forkExec) === 0
          this.tasks.fork(child, parent, inherits)
          if (inherits && child.pid !== parent.pid) this.forks.add(timeNs, child.pid, parent.pid)
        }
        return false
      case type.EXIT:
        if (room >= 4) this.tasks.exit(words[body + 2] as number, timeNs)
        return false
      case type.LOST:
        // u64 id, lost
        if (room >= 4) this.lose(timeNs, 'records lost by the kernel because perf was too slow', int64(words, body + 2))
        return false
      case type.LOST_SAMPLES:
        if (room >= 2) this.lose(timeNs, 'samples lost by the kernel', int64(words, body))
        return false
      case type.THROTTLE:
        this.lose(timeNs, 'times that the kernel throttled sampling', 1)
        return false
      case type.KSYMBOL: {
        // u64 addr; u32 len; u16 type, flags (bit 0 = unloaded); name
        if (room < 5) return false
        const start = int64(words, body)
        const isUnloaded = ((words[body + 3] as number) & 0x10000) !== 0
        const length = (words[body + 2] as number) >>> 0
        if (isUnloaded) this.kernel.add(this.files.rangeOf(kernelSpec(start, length)))
        else this.addKernelCode(start, length, textAt(block, body + 4, end))
        return true
      }
      case type.CGROUP:
        // u64 id; path
        if (room >= 3) this.setCgroup(int64(words, body), textAt(block, body + 2, end))
        return false
      default:
        return false
    }
  }

  /**
   * MMAP and MMAP2, which begin alike: u32 pid, tid; u64 addr, len, pgoff.
   * @param identity word of MMAP2's union: u32 major, minor, u64 inode, generation, or u8 size, 3 reserved, build-id
   */
  private map({ words, bytes }: RecordBlock, body: number, path: string, flags: number, identity = -1): boolean {
    const pid = words[body] as number
    const isKernel = pid === -1 || (flags & misc.cpuMode) === misc.kernel
    const length = int64(words, body + 4)
    if (!(length > 0)) return false
    let spec: RangeSpec = {
      pid: isKernel ? -1 : pid,
      start: int64(words, body + 2),
      length,
      pageOffset: int64(words, body + 6),
      path,
      isKernel,
    }
    if (identity >= 0 && (flags & misc.mmapBuildId) !== 0) {
      const from = identity * 4
      spec = { ...spec, buildId: hex(bytes.subarray(from + 4, from + 4 + Math.min(bytes[from] as number, 20))) }
    } else if (identity >= 0 && !isKernel) {
      const inode = int64(words, identity + 2)
      if (inode > 0) {
        const device = this.deviceName(words[identity] as number, words[identity + 1] as number)
        spec = { ...spec, device, inode }
      }
    }
    const range = this.files.rangeOf(spec)
    if (isKernel) {
      this.kernel.add(range)
      return true
    }
    this.tasks.spaceOf(pid).add(range)
    this.noticed?.(range)
    return false
  }

  /** `fe:00`, as in /proc/PID/maps. */
  private deviceName(major: number, minor: number): string {
    const key = major * 2 ** 20 + minor
    let name = this.devices.get(key)
    if (name === undefined) {
      name = `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`
      this.devices.set(key, name)
    }
    return name
  }

  /** BPF programs and trampolines: the record brings the one name they have. */
  private addKernelCode(start: number, length: number, name: string): void {
    if (length === 0) return
    const spec = { pid: -1, start, length, pageOffset: 0, path: name, isKernel: true }
    this.kernel.add(this.files.rangeOf(spec, name))
  }

  private setCgroup(id: number, path: string): void {
    // Oldest out first: a Map keeps the order of insertion.
    if (this.cgroups.size >= mostCgroups) this.cgroups.delete(this.cgroups.keys().next().value as number)
    this.cgroups.set(id, path)
  }
}

/** Addresses that belong to nothing but the kernel itself. */
function kernelSpec(start: number, length: number): RangeSpec {
  return { pid: -1, start, length, pageOffset: start, path: kernelText, isKernel: true }
}

function textAt({ bytes }: RecordBlock, word: number, end: number): string {
  return cString(bytes, word * 4, Math.max(word, end) * 4)
}
