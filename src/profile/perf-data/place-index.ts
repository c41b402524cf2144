// Numbers of places in code, by file and offset, in one table: whoever looks for a place waits for memory once. Numbers
// can be given back; those of the places that stay do not change.
import { release } from './release.ts'

/** First room. Small: growing early, before code is compiled for good, spares compiling it twice. */
const firstSlots = 128
/** Four words never lie in two lines of cache. */
const entryWords = 4
/** 2^32: weight of the high word. */
const highWord = 4294967296

export class PlaceIndex {
  /** One above the largest number in use. */
  limit = 0
  /** Numbers in use. */
  size = 0
  /** The number that `intern` returned last was new. */
  wasNew = false
  /** Entries [offset low, offset high, file, number + 1]; 0 in place of the fourth = free. */
  private entries = new Int32Array(firstSlots * entryWords)
  private mask = firstSlots - 1
  private free: number[] = []

  /** @param file its id; @param offset an integer, also a negative one */
  intern(file: number, offset: number): number {
    const low = offset | 0
    const high = Math.floor(offset / highWord)
    const at = this.find(file, low, high)
    const { entries } = this
    const known = entries[at + 3] as number
    this.wasNew = known === 0
    if (known !== 0) return known - 1
    entries[at] = low
    entries[at + 1] = high
    entries[at + 2] = file
    return this.number(at)
  }

  /** Gives the place a second number, which `intern` answers from now on; the first stays in use. */
  renew(file: number, offset: number): number {
    return this.number(this.find(file, offset | 0, Math.floor(offset / highWord)))
  }

  /** Gives back the numbers that are not kept. */
  retain(isKept: (number: number) => boolean): void {
    const old = this.entries
    const kept: number[] = []
    for (let number = 0; number < this.limit; number++) if (isKept(number)) kept.push(number)
    this.size = kept.length
    this.limit = (kept.at(-1) ?? -1) + 1
    this.free = []
    let next = 0
    for (let number = 0; number < this.limit; number++) {
      if (kept[next] === number) next++
      else this.free.push(number)
    }
    let slots = firstSlots
    while (this.size * 2 > slots) slots *= 2
    this.fill(slots, old, isKept)
  }

  private number(at: number): number {
    const number = this.free.pop() ?? this.limit++
    this.entries[at + 3] = number + 1
    this.size++
    // Half full at most: linear probing stays short, and mostly in one line of cache.
    if (this.size * 2 > this.mask + 1) this.fill((this.mask + 1) * 2, this.entries, () => true)
    return number
  }

  /** The entry of a place, or the free one where it belongs. */
  private find(file: number, low: number, high: number): number {
    const { entries, mask } = this
    // Multipliers of MurmurHash3, as in row-arena.ts.
    const hash = Math.imul(low ^ Math.imul(high ^ Math.imul(file, 0x9e3779b1), 0x85ebca6b), 0xc2b2ae35)
    let slot = (hash ^ (hash >>> 15)) & mask
    for (;;) {
      const at = slot * entryWords
      if (entries[at + 3] === 0) return at
      if (entries[at] === low && entries[at + 1] === high && entries[at + 2] === file) return at
      slot = (slot + 1) & mask
    }
  }

  private fill(slots: number, old: Int32Array, isKept: (number: number) => boolean): void {
    this.entries = new Int32Array(slots * entryWords)
    this.mask = slots - 1
    for (let from = 0; from < old.length; from += entryWords) {
      const number = (old[from + 3] as number) - 1
      if (number < 0 || !isKept(number)) continue
      const at = this.find(old[from + 2] as number, old[from] as number, old[from + 1] as number)
      for (let word = 0; word < entryWords; word++) this.entries[at + word] = old[from + word] as number
    }
    release(old)
  }
}
