// From a call chain to the number of its stack, by 64 bits of hash; the chain itself is not kept. What takes time is the
// wait for memory, of which a large recording's index has 10 MB: so chains that come next are announced, and their
// entries fetched at once, before each is asked for.
import { release } from './release.ts'

const entryWords = 4
const firstEntries = 1024

/** Odd multipliers of MurmurHash3 and its successors, as in row-arena.ts. */
const multipliers = { one: 0x85ebca6b, two: 0xc2b2ae35, fold: 0x27d4eb2f } as const

export class ChainIndex {
  /** Entries [first hash, second hash, number + 1, unused]; number 0 = free. Four words never lie in two lines of cache. */
  private entries = new Int32Array(firstEntries * entryWords)
  private mask = firstEntries - 1
  private size = 0
  /** The announced: [first word, first hash, second hash]. */
  private ahead = new Int32Array(3 * 1024)
  private aheadCount = 0
  private aheadNext = 0
  private one = 0
  private two = 0
  /** Entry of the last search. */
  private place = 0
  /** What was fetched: read by nobody, but a value that is not kept need not be fetched. */
  fetched = 0

  /** Chains follow, in the order in which they will be asked for. */
  beginAhead(): void {
    this.aheadCount = 0
    this.aheadNext = 0
  }

  announce(words: Int32Array, from: number, to: number): void {
    const at = 3 * this.aheadCount++
    if (at + 3 > this.ahead.length) {
      const larger = new Int32Array(this.ahead.length * 2)
      larger.set(this.ahead)
      release(this.ahead)
      this.ahead = larger
    }
    this.hash(words, from, to)
    this.ahead[at] = from
    this.ahead[at + 1] = this.one
    this.ahead[at + 2] = this.two
  }

  /** Nothing in this loop waits for what it reads, so many reads are under way at once. */
  endAhead(): void {
    const { ahead, entries, mask } = this
    let sum = 0
    for (let at = 1; at < 3 * this.aheadCount; at += 3) {
      sum ^= entries[((ahead[at] as number) & mask) * entryWords + 2] as number
    }
    this.fetched = sum
  }

  /**
   * @param key chains of different keys are different
   * @returns -1 when it was not met yet: `add` gives it its number
   */
  find(words: Int32Array, from: number, to: number, key: number): number {
    const at = 3 * this.aheadNext
    if (this.aheadNext < this.aheadCount && this.ahead[at] === from) {
      this.aheadNext++
      this.one = this.ahead[at + 1] as number
      this.two = this.ahead[at + 2] as number
    } else this.hash(words, from, to)
    this.two = fold(this.two ^ Math.imul(key, multipliers.one))
    const { entries, one, two } = this
    let place = this.firstPlace(one)
    for (let step = 1; ; step++) {
      const number = entries[place + 2] as number
      if (number === 0) break
      if (entries[place] === one && entries[place + 1] === two) return number - 1
      place = this.nextPlace(place, two, step)
    }
    this.place = place
    return -1
  }

  /** Gives the chain that was looked for last its number. */
  add(number: number): void {
    const { entries, place } = this
    entries[place] = this.one
    entries[place + 1] = this.two
    entries[place + 2] = number + 1
    this.size++
    // Three quarters full at most.
    if (this.size * 4 > (this.mask + 1) * 3) this.grow()
  }

  /** Gives all memory back; nothing may be asked any more. */
  release(): void {
    release(this.entries, this.ahead)
  }

  private firstPlace(one: number): number {
    return (one & this.mask) * entryWords
  }

  /**
   * First the other three places of the same line of cache, then another line. Equal chains of a hundred processes begin
   * at one place, and part there: the key is in the second hash.
   */
  private nextPlace(place: number, two: number, step: number): number {
    const entry = place / entryWords
    const next = (step & 3) === 0 ? (entry + ((two | 1) << 2)) & this.mask : (entry & ~3) | ((entry + 1) & 3)
    return next * entryWords
  }

  /** Leaves the two hashes of a chain in `one` and `two`. */
  private hash(words: Int32Array, from: number, to: number): void {
    let one = (to - from) ^ 0x5bd1e995
    let two = to - from
    // Two words at a time: each hash is a chain of multiplications, and the length of the chain is what takes time.
    for (let at = from; at + 1 < to; at += 2) {
      const low = words[at] as number
      const high = words[at + 1] as number
      one = Math.imul(((one << 5) | (one >>> 27)) ^ (low + Math.imul(high, multipliers.fold)), multipliers.one)
      two = Math.imul(((two << 13) | (two >>> 19)) + (high ^ Math.imul(low, multipliers.one)), multipliers.two)
    }
    this.one = fold(one)
    this.two = two
  }

  private grow(): void {
    const old = this.entries
    this.mask = this.mask * 2 + 1
    this.entries = new Int32Array((this.mask + 1) * entryWords)
    const { entries } = this
    for (let from = 0; from < old.length; from += entryWords) {
      if (old[from + 2] === 0) continue
      let place = this.firstPlace(old[from] as number)
      for (let step = 1; entries[place + 2] !== 0; step++) place = this.nextPlace(place, old[from + 1] as number, step)
      entries[place] = old[from] as number
      entries[place + 1] = old[from + 1] as number
      entries[place + 2] = old[from + 2] as number
    }
    release(old)
  }
}

/** High bits down: multiplication carries only upwards. */
function fold(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 15), multipliers.fold)
  return hash ^ (hash >>> 13)
}
