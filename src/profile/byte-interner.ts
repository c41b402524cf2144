// Gives equal pieces of one byte array the same number, so that text formats decode each different name once.
// A perf script of 5 million frames has some 17 thousand different ones.
import { hashBytes, sameBytes } from './byte-hash.ts'
import { growSlots } from './hash-slots.ts'

export class ByteInterner {
  private readonly view: DataView
  private starts = new Uint32Array(512)
  private ends = new Uint32Array(512)
  private count = 0
  /** Pairs of number + 1 (0 = free) and hash, at most half full; as in row-interner.ts. */
  private slots = new Int32Array(2048)

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** How many different pieces there are; numbers count up from 0. */
  get length(): number {
    return this.count
  }

  intern(from: number, to: number): number {
    const hash = hashBytes(this.view, from, to)
    const { slots } = this
    const mask = slots.length - 1
    let slot = (hash << 1) & mask
    for (; slots[slot] !== 0; slot = (slot + 2) & mask) {
      const found = (slots[slot] as number) - 1
      if (slots[slot + 1] === hash && this.isSame(found, from, to - from)) return found
    }
    if (this.count === this.starts.length) this.grow()
    const id = this.count++
    this.starts[id] = from
    this.ends[id] = to
    slots[slot] = id + 1
    slots[slot + 1] = hash
    if (this.count * 4 >= slots.length) this.slots = growSlots(slots)
    return id
  }

  private isSame(id: number, from: number, count: number): boolean {
    const start = this.starts[id] as number
    if ((this.ends[id] as number) - start !== count) return false
    return sameBytes({ view: this.view, at: start }, { view: this.view, at: from }, count)
  }

  private grow(): void {
    const size = this.count * 2
    const { starts, ends } = this
    this.starts = new Uint32Array(size)
    this.starts.set(starts)
    this.ends = new Uint32Array(size)
    this.ends.set(ends)
  }
}
