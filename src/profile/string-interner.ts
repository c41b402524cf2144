// One string table out of many files' tables: equal bytes become one string, without making a JavaScript string.
import type { StringTable } from './profile.ts'
import { LazyStrings } from './string-table.ts'

const utf8 = new TextEncoder()

export class StringInterner {
  /** All different strings, one behind the other. */
  private arena = new Uint8Array(65_536)
  private used = 0
  private ends = new Uint32Array(1024)
  private hashes = new Int32Array(1024)
  private count = 0
  /** Number + 1; 0 = free; at most half full. */
  private slots = new Int32Array(2048)

  constructor() {
    this.internBytes(new Uint8Array(0), 0, 0)
  }

  intern(text: string): number {
    const bytes = utf8.encode(text)
    return this.internBytes(bytes, 0, bytes.length)
  }

  /** A string of another table, by its index there. */
  internFrom(strings: StringTable, index: number): number {
    if (!(strings instanceof LazyStrings)) return this.intern(strings.get(index))
    return this.internBytes(strings.source, strings.starts[index] as number, strings.ends[index] as number)
  }

  private internBytes(bytes: Uint8Array, from: number, to: number): number {
    let hash = to - from
    // Multiplier of MurmurHash3, as in row-interner.ts.
    for (let at = from; at < to; at++) {
      hash = Math.imul(hash ^ (bytes[at] as number), 0x85ebca6b)
      hash ^= hash >>> 13
    }
    const mask = this.slots.length - 1
    let slot = hash & mask
    for (;;) {
      const found = (this.slots[slot] as number) - 1
      if (found < 0) break
      if (this.hashes[found] === hash && this.isSame(found, bytes.subarray(from, to))) return found
      slot = (slot + 1) & mask
    }
    return this.add(slot, hash, bytes.subarray(from, to))
  }

  private startOf(id: number): number {
    return id === 0 ? 0 : (this.ends[id - 1] as number)
  }

  private isSame(id: number, bytes: Uint8Array): boolean {
    const start = this.startOf(id)
    if ((this.ends[id] as number) - start !== bytes.length) return false
    for (let i = 0; i < bytes.length; i++) if (this.arena[start + i] !== bytes[i]) return false
    return true
  }

  private add(slot: number, hash: number, bytes: Uint8Array): number {
    if (this.used + bytes.length > this.arena.length) {
      const larger = new Uint8Array(Math.max(this.arena.length * 2, this.used + bytes.length))
      larger.set(this.arena.subarray(0, this.used))
      this.arena = larger
    }
    this.arena.set(bytes, this.used)
    this.used += bytes.length
    const id = this.count++
    this.ends[id] = this.used
    this.hashes[id] = hash
    this.slots[slot] = id + 1
    if (this.count === this.ends.length) this.grow()
    return id
  }

  /** Columns and slots grow together: there are twice as many slots as strings fit. */
  private grow(): void {
    const size = this.count * 2
    const { ends, hashes } = this
    this.ends = new Uint32Array(size)
    this.ends.set(ends)
    this.hashes = new Int32Array(size)
    this.hashes.set(hashes)
    this.slots = new Int32Array(size * 2)
    const mask = this.slots.length - 1
    for (let id = 0; id < this.count; id++) {
      let slot = (this.hashes[id] as number) & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = id + 1
    }
  }

  toTable(): StringTable {
    const ends = this.ends.slice(0, this.count)
    const starts = new Uint32Array(this.count)
    starts.set(ends.subarray(0, this.count - 1), 1)
    return new LazyStrings(this.arena.slice(0, this.used), starts, ends)
  }
}
