// Gives equal rows of 32-bit integers the same number: stacks, locations, functions and label sets are all such rows.
// One arena and one open-addressing table of typed arrays; no object and no string per row. Rows are always Uint32Array:
// a loop that meets several kinds of arrays runs five times slower.

import { growSlots } from './hash-slots.ts'
import type { RowBatch } from './row-batch.ts'

/** First size of the hash table: small, because most interners of a small capture hold fewer than this many rows. */
const firstSlots = 64

export class RowInterner {
  /** Rows, one behind the other; row i is arena[offsets[i] .. offsets[i+1]]. */
  private arena = new Uint32Array(256)
  private offsets = new Uint32Array(firstSlots / 2 + 2)
  private count = 0
  /** Pairs of row number + 1 (0 = free) and hash, next to each other because most lookups end in reading both. */
  private slots = new Int32Array(firstSlots * 2)
  private scratch = new Uint32Array(64)
  /** Hash of the row that was looked up last. */
  private hash = 0

  /** How many different rows there are. */
  get length(): number {
    return this.count
  }

  /** Number of the row that equals row[from .. to], -1 when there is none. */
  find(row: Uint32Array, from: number, to: number): number {
    return (this.slots[this.slotOf(row, from, to)] as number) - 1
  }

  /**
   * Number of the row that equals row[from .. to]; a new number when there is none yet.
   * Numbers count up from 0 in order of first appearance.
   */
  intern(row: Uint32Array, from: number, to: number): number {
    const slot = this.slotOf(row, from, to)
    const found = this.slots[slot] as number
    if (found !== 0) return found - 1
    const id = this.count++
    this.slots[slot] = id + 1
    this.slots[slot + 1] = this.hash
    const start = this.offsets[id] as number
    const end = start + to - from
    if (end > this.arena.length) {
      const larger = new Uint32Array(Math.max(this.arena.length * 2, end))
      larger.set(this.arena.subarray(0, start))
      this.arena = larger
    }
    // Short rows by hand: `set` wants a view, and making one costs more than copying a hundred numbers.
    const { arena } = this
    for (let i = from, at = start; i < to; i++, at++) arena[at] = row[i] as number
    this.offsets[id + 1] = end
    // Half full at most: linear probing stays short.
    if (this.count * 4 >= this.slots.length) this.grow()
    return id
  }

  /** `intern` for all rows of a batch; their numbers are in `batch.ids` then. */
  internAll(batch: RowBatch): void {
    const { values, offsets, hashes, ids, length } = batch
    const { slots } = this
    for (let i = 0; i < length; i++) {
      hashes[i] = hashRow(values, offsets[i] as number, offsets[i + 1] as number)
    }
    // The first row with the same hash is nearly always the same row.
    const mask = slots.length - 1
    for (let i = 0; i < length; i++) {
      const hash = hashes[i] as number
      let slot = (hash << 1) & mask
      while (slots[slot] !== 0 && slots[slot + 1] !== hash) slot = (slot + 2) & mask
      ids[i] = slots[slot] as number
    }
    for (let i = 0; i < length; i++) {
      const id = (ids[i] as number) - 1
      const to = offsets[i + 1] as number
      let word = offsets[i] as number
      let isFound = false
      if (id >= 0) {
        const { arena } = this
        let at = this.offsets[id] as number
        if ((this.offsets[id + 1] as number) - at === to - word) {
          while (word < to && arena[at] === values[word]) {
            word++
            at++
          }
          isFound = word === to
        }
      }
      ids[i] = isFound ? id : this.intern(values, offsets[i] as number, to)
    }
  }

  /** The same for a row as a list; negative numbers stand for their 32 bits. */
  internList(row: readonly number[]): number {
    if (row.length > this.scratch.length) this.scratch = new Uint32Array(row.length * 2)
    for (let i = 0; i < row.length; i++) this.scratch[i] = row[i] as number
    return this.intern(this.scratch, 0, row.length)
  }

  /** Value `column` of row `id`. */
  at(id: number, column: number): number {
    return this.arena[(this.offsets[id] as number) + column] as number
  }

  /** Offsets and values of all rows, exact-sized copies: row i is values[offsets[i] .. offsets[i+1]]. */
  rows(): { offsets: Uint32Array; values: Uint32Array } {
    return {
      offsets: this.offsets.slice(0, this.count + 1),
      values: this.arena.slice(0, this.offsets[this.count] as number),
    }
  }

  /** Slot that holds the row, or the free one where it belongs. */
  private slotOf(row: Uint32Array, from: number, to: number): number {
    const { slots, arena, offsets } = this
    const hash = hashRow(row, from, to)
    this.hash = hash
    const mask = slots.length - 1
    for (let slot = (hash << 1) & mask; ; slot = (slot + 2) & mask) {
      const id = (slots[slot] as number) - 1
      if (id < 0) return slot
      if (slots[slot + 1] !== hash) continue
      let at = offsets[id] as number
      if ((offsets[id + 1] as number) - at !== to - from) continue
      let i = from
      while (i < to && arena[at] === row[i]) {
        i++
        at++
      }
      if (i === to) return slot
    }
  }

  private grow(): void {
    this.slots = growSlots(this.slots)
    const offsets = new Uint32Array(this.slots.length / 4 + 2)
    offsets.set(this.offsets)
    this.offsets = offsets
  }
}

/**
 * 32-bit hash of integers: multiply, then fold the high bits down, per value; the constants are the odd multipliers
 * of MurmurHash3's finalizer, chosen there because every input bit reaches every output bit. Two hashes side by side,
 * each of every other value, because the next multiplication waits for the last.
 */
function hashRow(row: Uint32Array, from: number, to: number): number {
  let hash = to - from
  let other = hash
  let i = from
  for (; i + 1 < to; i += 2) {
    hash = Math.imul(hash ^ (row[i] as number), 0x85ebca6b)
    other = Math.imul(other ^ (row[i + 1] as number), 0xc2b2ae35)
    hash ^= hash >>> 15
    other ^= other >>> 13
  }
  if (i < to) hash = Math.imul(hash ^ (row[i] as number), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ Math.imul(other ^ (other >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 16)
}
