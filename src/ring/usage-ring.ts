// The last minutes of CPU usage of every target, in slots of fixed length: the chart of an incident is cut from it.
import type { UsageSeries } from '../model/usage.ts'

interface Slots {
  /** Cores of slot number n at n % its length, which grows to that of the ring; NaN = not measured. */
  cores: Float32Array
  /** Number of the newest slot written. */
  last: number
  first: number
}

/** What lives for a few seconds, as most of a fork storm does, needs no room for minutes. */
const firstSlots = 32
/** Beyond this, tens of megabytes, those that have ended lately are forgotten: a node has far fewer that live. */
const mostSeries = 50_000
/** What has no reading for so long has ended. */
const endedAfterMs = 30_000

export class UsageRing {
  readonly #stepMs: number
  readonly #length: number
  readonly #series = new Map<string, Slots>()

  /** @param stepMs length of a slot; finer readings are not kept, coarser ones fill several slots */
  constructor({ stepMs, keepMs }: { stepMs: number; keepMs: number }) {
    this.#stepMs = stepMs
    this.#length = Math.ceil(keepMs / stepMs)
  }

  get size(): number {
    return this.#series.size
  }

  /**
   * Puts a mean over a span into the slots whose middle it covers.
   * @param reading with times in ms on a clock that only moves forward; those of slices are on the same
   */
  record(key: string, { fromMs, toMs, cores }: { fromMs: number; toMs: number; cores: number }): void {
    const first = Math.round(fromMs / this.#stepMs)
    const last = Math.max(first, Math.round(toMs / this.#stepMs) - 1)
    let slots = this.#series.get(key)
    if (!slots) {
      if (this.#series.size >= mostSeries) this.#forgetBefore(first - Math.ceil(endedAfterMs / this.#stepMs))
      slots = { cores: new Float32Array(Math.min(firstSlots, this.#length)).fill(Number.NaN), last: first - 1, first }
      this.#series.set(key, slots)
    }
    if (last - slots.first >= slots.cores.length) this.#grow(slots, last)
    const { length } = slots.cores
    // Slots skipped since the last reading were not measured; what stands there is minutes old.
    for (let n = Math.max(slots.last + 1, first - length); n < first; n++) slots.cores[modulo(n, length)] = Number.NaN
    for (let n = Math.max(first, last - length + 1); n <= last; n++) slots.cores[modulo(n, length)] = cores
    slots.last = Math.max(slots.last, last)
  }

  /** Makes room for slots up to `last`: four times as many, which is done a few times in a life. */
  #grow(slots: Slots, last: number): void {
    const old = slots.cores
    if (old.length >= this.#length) return
    let length = old.length
    while (length < this.#length && last - slots.first >= length) length = Math.min(this.#length, length * 4)
    slots.cores = new Float32Array(length).fill(Number.NaN)
    for (let n = Math.max(slots.first, slots.last - old.length + 1); n <= slots.last; n++) {
      slots.cores[modulo(n, length)] = old[modulo(n, old.length)] as number
    }
  }

  /** The slots between two times, null where nothing was measured; undefined for a key never seen. */
  slice(key: string, name: string, { fromMs, toMs }: { fromMs: number; toMs: number }): UsageSeries | undefined {
    const slots = this.#series.get(key)
    if (!slots) return undefined
    const cores: (number | null)[] = []
    const first = Math.floor(fromMs / this.#stepMs)
    const end = Math.ceil(toMs / this.#stepMs)
    for (let n = first; n < end; n++) {
      const known = n <= slots.last && n >= slots.first && n > slots.last - this.#length
      const value = known ? (slots.cores[modulo(n, slots.cores.length)] as number) : Number.NaN
      cores.push(Number.isNaN(value) ? null : Math.round(value * 1000) / 1000)
    }
    return { name, startMs: first * this.#stepMs, stepMs: this.#stepMs, cores }
  }

  /** What several keys used together; null where none of them was measured, undefined when none was ever seen. */
  sum(keys: readonly string[], name: string, range: { fromMs: number; toMs: number }): UsageSeries | undefined {
    const parts = keys.map((key) => this.slice(key, name, range)).filter((series) => series !== undefined)
    const first = parts[0]
    if (!first || parts.length === 1) return first
    const cores = first.cores.map((_, i) => {
      const known = parts.map((part) => part.cores[i] ?? null).filter((value) => value !== null)
      return known.length === 0 ? null : Math.round(known.reduce((sum, value) => sum + value, 0) * 1000) / 1000
    })
    return { ...first, cores }
  }

  /** Forgets targets whose newest reading is older than what the ring keeps. */
  sweep(nowMs: number): void {
    this.#forgetBefore(Math.floor(nowMs / this.#stepMs) - this.#length)
  }

  #forgetBefore(slot: number): void {
    for (const [key, slots] of this.#series) if (slots.last < slot) this.#series.delete(key)
  }
}

/** Always in 0..n-1, also for negative slot numbers. */
const modulo = (value: number, n: number): number => ((value % n) + n) % n
