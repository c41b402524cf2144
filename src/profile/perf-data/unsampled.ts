// Finds the processes that came and went between two deliveries without a sample. Nothing that the stream says of them
// will ever be asked for, and in a fork storm that is nearly all it says:
//
//   FORK(200):(100)  COMM exec: true:200  MMAP2 200 ×7  EXIT(200)          98 samples a second, 2 000 such processes
import type { RecordBlock } from './record-block.ts'
import { COMM, EXIT, FORK, MMAP, MMAP2, SAMPLE } from './record-types.ts'

/** Records in their order, about to be delivered. */
export interface Upcoming {
  block(row: number): RecordBlock
  /** Word of its header in the block. */
  position(row: number): number
  timeNs(row: number): number
}

/** Samples may follow EXIT, which the kernel tells early in do_exit(); on all machines seen within a millisecond. */
const afterExitNs = 50e6
/** In place of a count of threads: it was sampled, or it is needed for another reason; no count comes near it. */
const needed = -(2 ** 30)

export class UnsampledProcesses {
  /** From PID to its living threads, of processes that began in this delivery. */
  private readonly threads = new PidTable()

  /** Looks at what comes next; answers are about these records only. @param pidWord of samples, by their header */
  look(upcoming: Upcoming, count: number, pidWord: (words: Int32Array, at: number) => number): void {
    const { threads } = this
    threads.clear()
    const lastNs = count > 0 ? upcoming.timeNs(count - 1) : 0
    for (let row = 0; row < count; row++) {
      const { words } = upcoming.block(row)
      const at = upcoming.position(row)
      const kind = words[at]
      if (kind === SAMPLE) {
        const word = pidWord(words, at)
        if (word >= 0) threads.set(words[word] as number, needed)
      } else if (kind === FORK) {
        // u32 pid, ppid, tid, ptid: a thread has the PID of its parent
        const pid = words[at + 2] as number
        const known = threads.get(pid)
        if (known !== undefined) threads.set(pid, known + 1)
        else if (pid !== words[at + 3]) threads.set(pid, 1)
      } else if (kind === EXIT) {
        const pid = words[at + 2] as number
        const known = threads.get(pid)
        if (known !== undefined) threads.set(pid, upcoming.timeNs(row) > lastNs - afterExitNs ? needed : known - 1)
      }
    }
    // A child that goes on has its mappings from its parent. Youngest first: its own children are decided by then.
    for (let row = count - 1; row >= 0; row--) {
      const { words } = upcoming.block(row)
      const at = upcoming.position(row)
      if (words[at] !== FORK || this.has(words[at + 2] as number)) continue
      if (threads.has(words[at + 3] as number)) threads.set(words[at + 3] as number, needed)
    }
  }

  has(pid: number): boolean {
    return this.threads.get(pid) === 0
  }

  /** True when the record tells of such a process and of nothing else. */
  isAbout(words: Int32Array, at: number): boolean {
    const kind = words[at]
    const isOfProcess = kind === MMAP2 || kind === COMM || kind === FORK || kind === EXIT || kind === MMAP
    return isOfProcess && this.has(words[at + 2] as number)
  }
}

/** First room: 2 000 processes. */
const firstSlots = 4096

/**
 * Numbers by PID. A Map of some thousand entries that is filled anew every second makes the garbage collector walk the
 * whole heap every few seconds; these columns are used again.
 */
class PidTable {
  private pids = new Int32Array(firstSlots)
  private values = new Int32Array(firstSlots)
  /** The filling in which a slot was written; those of earlier ones are free. */
  private fillings = new Int32Array(firstSlots)
  private filling = 1
  private count = 0

  clear(): void {
    this.filling++
    this.count = 0
  }

  get(pid: number): number | undefined {
    const slot = this.slotOf(pid)
    return this.fillings[slot] === this.filling ? this.values[slot] : undefined
  }

  has(pid: number): boolean {
    return this.fillings[this.slotOf(pid)] === this.filling
  }

  set(pid: number, value: number): void {
    let slot = this.slotOf(pid)
    if (this.fillings[slot] !== this.filling) {
      if (this.count * 2 >= this.pids.length) {
        this.grow()
        slot = this.slotOf(pid)
      }
      this.count++
      this.fillings[slot] = this.filling
      this.pids[slot] = pid
    }
    this.values[slot] = value
  }

  /** Where the PID is, or the free slot where it would be. */
  private slotOf(pid: number): number {
    const mask = this.pids.length - 1
    let slot = Math.imul(pid, 0x9e3779b1) & mask
    while (this.fillings[slot] === this.filling && this.pids[slot] !== pid) slot = (slot + 1) & mask
    return slot
  }

  private grow(): void {
    const { pids, values, fillings, filling } = this
    this.pids = new Int32Array(pids.length * 2)
    this.values = new Int32Array(pids.length * 2)
    this.fillings = new Int32Array(pids.length * 2)
    for (let old = 0; old < pids.length; old++) {
      if (fillings[old] !== filling) continue
      const slot = this.slotOf(pids[old] as number)
      this.fillings[slot] = filling
      this.pids[slot] = pids[old] as number
      this.values[slot] = values[old] as number
    }
  }
}
