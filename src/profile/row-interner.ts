// Gives equal rows of 32-bit integers the same number: stacks, locations, functions and label sets are all such rows.
// One arena and one open-addressing table of typed arrays; no object and no string per row.

/** First size of the hash table: small, because most interners of a small capture hold fewer than this many rows. */
const firstSlots = 64

export class RowInterner {
  /** Rows, one behind the other; row i is arena[offsets[i] .. offsets[i+1]]. */
  private arena = new Uint32Array(256)
  private offsets = new Uint32Array(firstSlots / 2 + 2)
  private hashes = new Uint32Array(firstSlots / 2 + 1)
  private count = 0
  /** Row number plus one; 0 = free. */
  private slots = new Int32Array(firstSlots)
  /** Hash of the row that was looked up last. */
  private hash = 0

  /** How many different rows there are. */
  get length(): number {
    return this.count
  }

  /** Number of the row that equals row[from .. to], -1 when there is none. */
  find(row: ArrayLike<number>, from: number, to: number): number {
    return (this.slots[this.slotOf(row, from, to)] as number) - 1
  }

  /**
   * Number of the row that equals row[from .. to]; a new number when there is none yet.
   * Numbers count up from 0 in order of first appearance.
   */
  intern(row: ArrayLike<number>, from: number, to: number): number {
    const length = to - from
    const slot = this.slotOf(row, from, to)
    if (this.slots[slot] !== 0) return (this.slots[slot] as number) - 1
    const id = this.count++
    this.slots[slot] = id + 1
    const start = this.offsets[id] as number
    if (start + length > this.arena.length) {
      const larger = new Uint32Array(Math.max(this.arena.length * 2, start + length))
      larger.set(this.arena.subarray(0, start))
      this.arena = larger
    }
    for (let i = 0; i < length; i++) this.arena[start + i] = row[from + i] as number
    this.hashes[id] = this.hash
    this.offsets[id + 1] = start + length
    // Half full at most: linear probing stays short.
    if (this.count * 2 >= this.slots.length) this.grow()
    return id
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
  private slotOf(row: ArrayLike<number>, from: number, to: number): number {
    const hash = hashRow(row, from, to)
    this.hash = hash
    const mask = this.slots.length - 1
    let slot = hash & mask
    for (;;) {
      const found = (this.slots[slot] as number) - 1
      if (found < 0 || (this.hashes[found] === hash && this.equals(found, row, from, to - from))) return slot
      slot = (slot + 1) & mask
    }
  }

  private equals(id: number, row: ArrayLike<number>, from: number, length: number): boolean {
    const start = this.offsets[id] as number
    if ((this.offsets[id + 1] as number) - start !== length) return false
    for (let i = 0; i < length; i++) if (this.arena[start + i] !== (row[from + i] as number) >>> 0) return false
    return true
  }

  private grow(): void {
    const slots = new Int32Array(this.slots.length * 2)
    const mask = slots.length - 1
    for (let id = 0; id < this.count; id++) {
      let slot = (this.hashes[id] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.slots = slots
    const offsets = new Uint32Array(slots.length / 2 + 2)
    offsets.set(this.offsets)
    this.offsets = offsets
    const hashes = new Uint32Array(slots.length / 2 + 1)
    hashes.set(this.hashes)
    this.hashes = hashes
  }
}

/**
 * 32-bit hash of integers: multiply, then fold the high bits down, per value; the constants are the odd multipliers
 * of MurmurHash3's finalizer, chosen there because every input bit reaches every output bit.
 */
function hashRow(row: ArrayLike<number>, from: number, to: number): number {
  let hash = to - from
  for (let i = from; i < to; i++) {
    hash = Math.imul(hash ^ (row[i] as number), 0x85ebca6b)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
