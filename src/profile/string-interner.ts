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

  /** A string of another table, by its index there. */
  internFrom(strings: StringTable, index: number): number {
    if (!(strings instanceof LazyStrings)) return this.intern(strings.get(index))
    return this.internRange(strings.view, strings.starts[index] as number, strings.ends[index] as number)
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
