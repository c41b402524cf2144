// The agent's memory budget: over it, memory that is not needed is given back, and ever less often when that does not
// help.
export interface MemoryBudgetOptions {
  readonly budgetBytes: number
  /** Resident memory of this process. */
  rssBytes(): number
  /** Gives back what can be given back. */
  trim(): void
  nowMs(): number
}

/** Starting up takes 15 MB that are never needed again; by then it is over, symbols of what runs included. */
const afterStartMs = 20_000
const everyMs = 30_000
/** A trim costs up to 80 ms of CPU: at most this long apart when they are of no use, it does not show. */
const rarestMs = 15 * 60_000

export class MemoryBudget {
  readonly #options: MemoryBudgetOptions
  #nextMs: number
  #intervalMs = everyMs
  #isStarted = false

  constructor(options: MemoryBudgetOptions) {
    this.#options = options
    this.#nextMs = options.nowMs() + afterStartMs
  }

  /** To be called every few seconds. */
  check(): void {
    const { budgetBytes, rssBytes, trim, nowMs } = this.#options
    const now = nowMs()
    if (now < this.#nextMs) return
    if (this.#isStarted && rssBytes() <= budgetBytes) {
      this.#intervalMs = everyMs
      return
    }
    trim()
    // What the last trim freed in other threads shows only later, so its use is judged at the next look.
    this.#nextMs = now + this.#intervalMs
    if (this.#isStarted) this.#intervalMs = Math.min(rarestMs, this.#intervalMs * 2)
    this.#isStarted = true
  }
}
