// A usage that people can read: the mean over the last second or more, of a counter that is read now often, now seldom.

/** top(1) and friends show no less; shorter means of a counter of 10 ms steps jump by several percent. */
const spanMs = 1000

export class SteadyCores {
  /** 0 until a whole span has passed. */
  cores = 0
  #seconds: number
  #sinceMs: number

  /** @param seconds CPU used until `nowMs` */
  constructor(seconds: number, nowMs: number) {
    this.#seconds = seconds
    this.#sinceMs = nowMs
  }

  note(seconds: number, nowMs: number): void {
    const elapsedMs = nowMs - this.#sinceMs
    if (elapsedMs < spanMs) return
    // Counters may step back by a tick when the kernel scales utime and stime (kernel/sched/cputime.c).
    if (Number.isFinite(elapsedMs)) this.cores = Math.max(0, ((seconds - this.#seconds) * 1000) / elapsedMs)
    this.#seconds = seconds
    this.#sinceMs = nowMs
  }
}
