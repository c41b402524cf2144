// Gives equal rows of 32-bit words the same number, and can forget rows: the numbers of those that stay do not change.
// Rows lie in blocks of memory one behind the other; no object per row. Rows count as equal when 64 bits of their
// hashes are: among a million different rows the chance that two are mistaken for each other is 1 in 37 million, and
// comparing the words themselves would cost more than all the rest of reading a recording.

import { release } from './release.ts'

/** First room, in rows. Small: growing early, before code is compiled for good, spares compiling it twice. */
const firstRows = 64
/** Words of a block of memory: 256 KB, several of the longest rows (a record holds 16 383 words). */
const blockBits = 16
const blockWords = 1 << blockBits

/** Odd multipliers of MurmurHash3 and its successors: every input bit reaches every output bit. */
const multipliers = { one: 0x85ebca6b, two: 0xc2b2ae35, fold: 0x27d4eb2f } as const

export class RowArena {
  /** One above the largest number in use. */
  limit = 0
  /** Rows in use. */
  size = 0
  /** The row that `intern` returned last was new. */
  wasNew = false
  private readonly hasNotes: boolean
  private blocks: Int32Array[] = [new Int32Array(blockWords)]
  /** Words used of the last block. */
  private used = 0
  /** Position of a row: block * blockWords + word. */
  private positions = new Uint32Array(firstRows)
  /** Length plus one; 0 = the number is free. */
  private lengths = new Uint16Array(firstRows)
  private keys = new Int32Array(firstRows)
  /** Entries [first hash, second hash, number + 1]; 0 = free. */
  private slots = new Int32Array(firstRows * 2 * 3)
  private mask = firstRows * 2 - 1
  private free: number[] = []
  private one = 0
  private two = 0

  /** @param hasNotes room for one word of notes per two words of a row, behind it */
  constructor({ hasNotes = false } = {}) {
    this.hasNotes = hasNotes
  }

  /** The block that holds a row, and where in it the row begins. */
  block(id: number): Int32Array {
    return this.blocks[(this.positions[id] as number) >>> blockBits] as Int32Array
  }

  start(id: number): number {
    return (this.positions[id] as number) & (blockWords - 1)
  }

  length(id: number): number {
    return (this.lengths[id] as number) - 1
  }

  isUsed(id: number): boolean {
    return id < this.limit && this.lengths[id] !== 0
  }

  key(id: number): number {
    return this.keys[id] as number
  }

  /** Number of the row words[from .. to] under a key; rows of different keys are different. */
  intern(words: Int32Array, from: number, to: number, key: number): number {
    this.hash(words, from, to, key)
    const { slots, mask, one, two } = this
    let slot = (one & mask) * 3
    for (;;) {
      const number = slots[slot + 2] as number
      if (number === 0) break
      if (slots[slot] === one && slots[slot + 1] === two) {
        this.wasNew = false
        return number - 1
      }
      slot = slot === mask * 3 ? 0 : slot + 3
    }
    const id = this.insert(words, from, to, key)
    slots[slot] = one
    slots[slot + 1] = two
    slots[slot + 2] = id + 1
    // Two thirds full at most: linear probing stays short.
    if (this.size * 3 > (mask + 1) * 2) this.rehash((mask + 1) * 2)
    this.wasNew = true
    return id
  }

  /** Gives the row a second number, which `intern` answers from now on; the first stays readable. */
  renew(id: number): number {
    const { slots, mask } = this
    const from = this.start(id)
    this.hash(this.block(id), from, from + this.length(id), this.key(id))
    let slot = (this.one & mask) * 3
    while (slots[slot + 2] !== id + 1) slot = slot === mask * 3 ? 0 : slot + 3
    const now = this.insert(this.block(id), from, from + this.length(id), this.key(id))
    slots[slot + 2] = now + 1
    return now
  }

  /** Forgets the rows that are not kept; their numbers are given to new rows. */
  retain(isKept: (id: number) => boolean): void {
    const { blocks: oldBlocks, slots: oldSlots } = this
    this.blocks = [new Int32Array(blockWords)]
    this.used = 0
    this.size = 0
    this.free = []
    for (let id = 0; id < this.limit; id++) {
      if (!this.isUsed(id) || !isKept(id)) {
        this.lengths[id] = 0
        continue
      }
      const position = this.positions[id] as number
      const block = oldBlocks[position >>> blockBits] as Int32Array
      const from = position & (blockWords - 1)
      const words = this.room(this.length(id))
      this.positions[id] = this.place(words)
      this.block(id).set(block.subarray(from, from + words), this.start(id))
      this.size++
    }
    while (this.limit > 0 && this.lengths[this.limit - 1] === 0) this.limit--
    for (let id = 0; id < this.limit; id++) if (this.lengths[id] === 0) this.free.push(id)
    for (let slot = 2; slot < oldSlots.length; slot += 3) {
      if (!this.isUsed((oldSlots[slot] as number) - 1)) oldSlots[slot] = 0
    }
    let slotCount = firstRows * 2
    while (this.size * 3 > slotCount * 2) slotCount *= 2
    this.rehash(slotCount)
  }

  /** Gives all memory back; nothing may be asked any more. */
  release(): void {
    release(this.positions, this.lengths, this.keys, this.slots, ...this.blocks)
  }

  /** Leaves the two hashes of a row in `one` and `two`. */
  private hash(words: Int32Array, from: number, to: number, key: number): void {
    let one = key ^ 0x5bd1e995
    let two = (to - from) ^ Math.imul(key, multipliers.fold)
    let at = from
    // Two words at a time: each hash is a chain of multiplications, and the length of the chain is what takes time.
    for (; at + 1 < to; at += 2) {
      const low = words[at] as number
      const high = words[at + 1] as number
      one = Math.imul(((one << 5) | (one >>> 27)) ^ (low + Math.imul(high, multipliers.fold)), multipliers.one)
      two = Math.imul(((two << 13) | (two >>> 19)) + (high ^ Math.imul(low, multipliers.one)), multipliers.two)
    }
    if (at < to) {
      one = Math.imul(((one << 5) | (one >>> 27)) ^ (words[at] as number), multipliers.one)
      two = Math.imul(((two << 13) | (two >>> 19)) + (words[at] as number), multipliers.two)
    }
    this.one = fold(one)
    this.two = fold(two)
  }

  private room(length: number): number {
    return this.hasNotes ? length + (length >> 1) : length
  }

  /** Takes room for words that must lie in one block. @returns its position */
  private place(words: number): number {
    if (this.used + words > blockWords) {
      this.blocks.push(new Int32Array(blockWords))
      this.used = 0
    }
    const position = (this.blocks.length - 1) * blockWords + this.used
    this.used += words
    return position
  }

  private insert(words: Int32Array, from: number, to: number, key: number): number {
    const id = this.free.pop() ?? this.limit++
    if (id >= this.lengths.length) this.growRows()
    const length = to - from
    const position = this.place(this.room(length))
    const block = this.blocks[this.blocks.length - 1] as Int32Array
    const start = position & (blockWords - 1)
    for (let i = 0; i < length; i++) block[start + i] = words[from + i] as number
    this.positions[id] = position
    this.lengths[id] = length + 1
    this.keys[id] = key
    this.size++
    return id
  }

  private rehash(slotCount: number): void {
    const old = this.slots
    const slots = new Int32Array(slotCount * 3)
    const mask = slotCount - 1
    for (let from = 0; from < old.length; from += 3) {
      const number = old[from + 2] as number
      if (number === 0) continue
      const one = old[from] as number
      let slot = (one & mask) * 3
      while (slots[slot + 2] !== 0) slot = slot === mask * 3 ? 0 : slot + 3
      slots[slot] = one
      slots[slot + 1] = old[from + 1] as number
      slots[slot + 2] = number
    }
    release(old)
    this.slots = slots
    this.mask = mask
  }

  private growRows(): void {
    const rows = this.lengths.length * 2
    const positions = new Uint32Array(rows)
    positions.set(this.positions)
    const lengths = new Uint16Array(rows)
    lengths.set(this.lengths)
    const keys = new Int32Array(rows)
    keys.set(this.keys)
    release(this.positions, this.lengths, this.keys)
    this.positions = positions
    this.lengths = lengths
    this.keys = keys
  }
}

/** High bits down: multiplication carries only upwards. */
function fold(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 15), multipliers.fold)
  return hash ^ (hash >>> 13)
}
