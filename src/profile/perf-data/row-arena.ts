// Gives equal rows of 32-bit words the same number, and can forget rows: the numbers of those that stay do not change.
// One arena and one open-addressing table of typed arrays; no object per row.

/** First room, in rows: a quiet machine at 49 Hz has some hundred stacks. */
const firstRows = 1024

/** 32-bit hash; one odd multiplier (that of MurmurHash3) and a rotation per word, high bits folded down at the end. */
function hashWords(words: Int32Array, from: number, to: number, key: number): number {
  let hash = key
  for (let at = from; at < to; at++) hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ (words[at] as number), 0x85ebca6b)
  hash ^= hash >>> 15
  return Math.imul(hash, 0xc2b2ae35) ^ (to - from)
}

export class RowArena {
  /** Row `id` is values[offset(id) .. offset(id) + length(id)]. */
  values = new Int32Array(firstRows * 16)
  /** One above the largest number in use. */
  limit = 0
  /** Rows in use. */
  size = 0
  /** The row that `intern` returned last was new. */
  wasNew = false
  private used = 0
  private offsets = new Uint32Array(firstRows)
  /** Length plus one; 0 = the number is free. */
  private lengths = new Uint32Array(firstRows)
  private hashes = new Int32Array(firstRows)
  private keys = new Int32Array(firstRows)
  private slots = new Int32Array(firstRows * 2)
  private free: number[] = []

  offset(id: number): number {
    return this.offsets[id] as number
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
    const hash = hashWords(words, from, to, key)
    const { slots, hashes } = this
    const mask = slots.length - 1
    let slot = hash & mask
    for (;;) {
      const id = (slots[slot] as number) - 1
      if (id < 0) break
      if (hashes[id] === hash && this.equals(id, words, from, to, key)) {
        this.wasNew = false
        return id
      }
      slot = (slot + 1) & mask
    }
    const id = this.insert(words, from, to, key, hash)
    slots[slot] = id + 1
    if (this.size * 2 > slots.length) this.rehash(slots.length * 2)
    this.wasNew = true
    return id
  }

  /** Gives the row a second number and forgets how to find the first one, which stays readable. */
  renew(id: number): number {
    const { slots } = this
    const mask = slots.length - 1
    let slot = (this.hashes[id] as number) & mask
    while (slots[slot] !== id + 1) slot = (slot + 1) & mask
    const from = this.offset(id)
    const copy = this.values.slice(from, from + this.length(id))
    const now = this.insert(copy, 0, copy.length, this.key(id), this.hashes[id] as number)
    slots[slot] = now + 1
    if (this.size * 2 > slots.length) this.rehash(slots.length * 2)
    return now
  }

  /**
   * Forgets the rows that are not kept; their numbers are given to new rows.
   * @param moved told for each kept row where it lay and where it lies now
   */
  retain(
    isKept: (id: number) => boolean,
    moved?: (oldOffset: number, newOffset: number, length: number) => void,
  ): void {
    const isFindable = this.isFindable()
    let needed = 0
    for (let id = 0; id < this.limit; id++) if (this.isUsed(id) && isKept(id)) needed += this.length(id)
    const old = this.values
    const values = new Int32Array(Math.max(firstRows * 16, needed + (needed >> 1)))
    this.used = 0
    this.size = 0
    this.free = []
    for (let id = 0; id < this.limit; id++) {
      if (!this.isUsed(id) || !isKept(id)) {
        this.lengths[id] = 0
        this.free.push(id)
        continue
      }
      const from = this.offset(id)
      const length = this.length(id)
      values.set(old.subarray(from, from + length), this.used)
      moved?.(from, this.used, length)
      this.offsets[id] = this.used
      this.used += length
      this.size++
    }
    while (this.limit > 0 && this.lengths[this.limit - 1] === 0) this.limit--
    this.free = this.free.filter((id) => id < this.limit)
    this.values = values
    let slotCount = firstRows * 2
    while (slotCount < this.size * 2 + 2) slotCount *= 2
    this.rehash(slotCount, isFindable)
  }

  private insert(words: Int32Array, from: number, to: number, key: number, hash: number): number {
    const id = this.free.pop() ?? this.limit++
    if (id >= this.offsets.length) this.growRows()
    const length = to - from
    if (this.used + length > this.values.length) {
      const larger = new Int32Array(Math.max(this.values.length * 2, this.used + length))
      larger.set(this.values)
      this.values = larger
    }
    const { values, used } = this
    for (let i = 0; i < length; i++) values[used + i] = words[from + i] as number
    this.offsets[id] = used
    this.lengths[id] = length + 1
    this.hashes[id] = hash
    this.keys[id] = key
    this.used += length
    this.size++
    return id
  }

  private equals(id: number, words: Int32Array, from: number, to: number, key: number): boolean {
    if ((this.lengths[id] as number) - 1 !== to - from || this.keys[id] !== key) return false
    const { values } = this
    let own = this.offsets[id] as number
    for (let at = from; at < to; at++, own++) if (values[own] !== words[at]) return false
    return true
  }

  private rehash(slotCount: number, isFindable: (id: number) => boolean = this.isFindable()): void {
    const slots = new Int32Array(slotCount)
    const mask = slotCount - 1
    for (let id = 0; id < this.limit; id++) {
      if (this.lengths[id] === 0 || !isFindable(id)) continue
      let slot = (this.hashes[id] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.slots = slots
  }

  /** True for the rows that the table finds now: those that were renewed stay hidden when it grows. */
  private isFindable(): (id: number) => boolean {
    const found = new Uint8Array(this.limit)
    for (const slot of this.slots) if (slot > 0) found[slot - 1] = 1
    return (id) => found[id] === 1
  }

  private growRows(): void {
    const grow = <T extends Uint32Array | Int32Array>(old: T, larger: T): T => {
      larger.set(old)
      return larger
    }
    const rows = this.offsets.length * 2
    this.offsets = grow(this.offsets, new Uint32Array(rows))
    this.lengths = grow(this.lengths, new Uint32Array(rows))
    this.hashes = grow(this.hashes, new Int32Array(rows))
    this.keys = grow(this.keys, new Int32Array(rows))
  }
}
