// One pair of clocks for the whole agent: perf and usage are timed by CLOCK_MONOTONIC, people by the wall clock.

/** `performance.now()` counts on the same clock, from the start of the process, and makes no bigint at every tick. */
const startedMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds of CLOCK_MONOTONIC, the clock of perf's `-k CLOCK_MONOTONIC` (Node's hrtime reads the same one). */
export const monotonicMs = (): number => startedMs + performance.now()

/** Steps of the wall clock smaller than this are left alone, or every NTP slew would shift the axis under a capture. */
const toleranceMs = 50

export interface Clock {
  /** Added to monotonic milliseconds gives milliseconds since the epoch. */
  readonly offsetMs: number
  nowMs(): number
}

/** Follows the wall clock wherever that is set. */
export class WallClock implements Clock {
  readonly #wallMs: () => number
  #offsetMs: number

  constructor(wallMs: () => number = Date.now) {
    this.#wallMs = wallMs
    this.#offsetMs = wallMs() - monotonicMs()
  }

  get offsetMs(): number {
    const beforeMs = monotonicMs()
    const wallMs = this.#wallMs()
    const least = wallMs - monotonicMs()
    // What passes between the two clocks while somebody else has the CPU is no step.
    const most = wallMs - beforeMs
    if (least > this.#offsetMs + toleranceMs || most < this.#offsetMs - toleranceMs) this.#offsetMs = (least + most) / 2
    return this.#offsetMs
  }

  nowMs(): number {
    return monotonicMs() + this.offsetMs
  }

  /**
   * As it stands now, for good. What belongs together is timed by one of these: set back by a minute in the middle of a
   * capture, the wall clock would put its beginning behind its end.
   */
  pinned(): Clock {
    const { offsetMs } = this
    return { offsetMs, nowMs: () => monotonicMs() + offsetMs }
  }
}
