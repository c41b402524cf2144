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
/** In place of a count of threads: it was sampled, or it is needed for another reason. */
const needed = Number.NEGATIVE_INFINITY

export class UnsampledProcesses {
  /** From PID to its living threads, of processes that began in this delivery. */
  private readonly threads = new Map<number, number>()

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
