// One pair of clocks for the whole agent: perf and usage are timed by CLOCK_MONOTONIC, people by the wall clock.

/** `performance.now()` counts on the same clock, from the start of the process, and makes no bigint at every tick. */
const startedMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds of CLOCK_MONOTONIC, the clock of perf's `-k CLOCK_MONOTONIC` (Node's hrtime reads the same one). */
export const monotonicMs = (): number => startedMs + performance.now()

/** Steps of the wall clock smaller than this are left alone, or every NTP slew would shift the axis under a capture. */
const toleranceMs = 50

/** Keeps what must be added to monotonic milliseconds to get milliseconds since the epoch. */
export class WallClock {
  #offsetMs = Date.now() - monotonicMs()

  get offsetMs(): number {
    const now = Date.now() - monotonicMs()
    if (Math.abs(now - this.#offsetMs) > toleranceMs) this.#offsetMs = now
    return this.#offsetMs
  }

  nowMs(): number {
    return monotonicMs() + this.offsetMs
  }
}
