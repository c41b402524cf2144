// One string table out of many files' tables: equal bytes become one string, without making a JavaScript string.
import { hashBytes, sameBytes } from './byte-hash.ts'
import { growSlots } from './hash-slots.ts'
import type { StringTable } from './profile.ts'
import { LazyStrings } from './string-table.ts'

const utf8 = new TextEncoder()

export class StringInterner {
  /** All different strings, one behind the other. */
  private arena = new Uint8Array(65_536)
  private view = new DataView(this.arena.buffer)
  private used = 0
  private ends = new Uint32Array(1024)
  private count = 0
  /** Pairs of number + 1 (0 = free) and hash, at most half full; as in row-interner.ts. */
  private slots = new Int32Array(4096)

  constructor() {
    this.intern('')
  }

  intern(text: string): number {
    const bytes = utf8.encode(text)
    return this.internRange(new DataView(bytes.buffer), 0, bytes.length)
  }

  /**
   * The strings of another table that are marked, at once; as in row-batch.ts, each step goes over all of them.
   * @param marked not 0 where a string is wanted; as long as the table
   * @returns their numbers by their index there; 0 for those that are not wanted
   */
  internMarked(strings: StringTable, marked: Uint8Array): Uint32Array {
    const ids = new Uint32Array(strings.length)
    if (!(strings instanceof LazyStrings)) {
      for (let i = 0; i < ids.length; i++) if (marked[i] !== 0) ids[i] = this.intern(strings.get(i))
      return ids
    }
    const { view, starts, ends } = strings
    const hashes = new Int32Array(ids.length)
    for (let i = 0; i < ids.length; i++) {
      if (marked[i] !== 0) hashes[i] = hashBytes(view, starts[i] as number, ends[i] as number)
    }
    const { slots } = this
    const mask = slots.length - 1
    for (let i = 0; i < ids.length; i++) {
      if (marked[i] === 0) continue
      const hash = hashes[i] as number
      let slot = (hash << 1) & mask
      while (slots[slot] !== 0 && slots[slot + 1] !== hash) slot = (slot + 2) & mask
      ids[i] = slots[slot] as number
    }
    for (let i = 0; i < ids.length; i++) {
      if (marked[i] === 0) continue
      const id = (ids[i] as number) - 1
      const range = { from: starts[i] as number, to: ends[i] as number }
      ids[i] = id >= 0 && this.isSame(id, view, range) ? id : this.internRange(view, range.from, range.to)
    }
    return ids
  }

  private internRange(source: DataView, from: number, to: number): number {
    const hash = hashBytes(source, from, to)
    const { slots } = this
    const mask = slots.length - 1
    let slot = (hash << 1) & mask
    for (; slots[slot] !== 0; slot = (slot + 2) & mask) {
      const found = (slots[slot] as number) - 1
      if (slots[slot + 1] === hash && this.isSame(found, source, { from, to })) return found
    }
    const id = this.count++
    this.append(new Uint8Array(source.buffer, source.byteOffset + from, to - from))
    slots[slot] = id + 1
    slots[slot + 1] = hash
    if (this.count * 4 >= slots.length) this.slots = growSlots(slots)
    if (id === this.ends.length) this.ends = longer(this.ends)
    this.ends[id] = this.used
    return id
  }

  private startOf(id: number): number {
    return id === 0 ? 0 : (this.ends[id - 1] as number)
  }

  private isSame(id: number, source: DataView, { from, to }: { from: number; to: number }): boolean {
    const start = this.startOf(id)
    const length = (this.ends[id] as number) - start
    return length === to - from && sameBytes({ view: this.view, at: start }, { view: source, at: from }, length)
  }

  private append(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.arena.length) {
      const larger = new Uint8Array(Math.max(this.arena.length * 2, this.used + bytes.length))
      larger.set(this.arena.subarray(0, this.used))
      this.arena = larger
      this.view = new DataView(larger.buffer)
    }
    this.arena.set(bytes, this.used)
    this.used += bytes.length
  }

  toTable(): StringTable {
    const ends = this.ends.slice(0, this.count)
    const starts = new Uint32Array(this.count)
    starts.set(ends.subarray(0, this.count - 1), 1)
    return new LazyStrings(this.arena.slice(0, this.used), starts, ends)
  }
}

function longer(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2)
  larger.set(column)
  return larger
}
