// Writes the protobuf wire format into one growing buffer; see protobuf.ts for how it looks.
import { highWord } from './int64.ts'

/** First size: most captures of one process fit after a few doublings. */
const firstSize = 65_536

const utf8 = new TextEncoder()

export class ProtobufWriter {
  private buffer = new Uint8Array(firstSize)
  private at = 0

  /** What was written; an exact-sized copy. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.at)
  }

  /** A non-negative integer up to 2^53. */
  varint(value: number): void {
    this.reserve(10)
    while (value > 127) {
      this.buffer[this.at++] = (value % 128) | 128
      value = Math.floor(value / 128)
    }
    this.buffer[this.at++] = value
  }

  /** 64 bits as two words of either signedness; negative int64 values take ten bytes, as the format wants. */
  varint64(low: number, high: number): void {
    low >>>= 0
    high >>>= 0
    if (high < 0x200000) {
      this.varint(high * highWord + low)
      return
    }
    this.reserve(10)
    for (let i = 0; i < 4; i++) this.buffer[this.at++] = ((low >>> (7 * i)) & 127) | 128
    this.buffer[this.at++] = (low >>> 28) | ((high & 7) << 4) | 128
    high >>>= 3 // 29 bits are left
    while (high > 127) {
      this.buffer[this.at++] = (high & 127) | 128
      high >>>= 7
    }
    this.buffer[this.at++] = high
  }

  /** Field of a number; 0 is the default and is not written. */
  number(field: number, value: number): void {
    if (value === 0) return
    this.varint(field * 8)
    this.varint64(value | 0, Math.floor(value / highWord))
  }

  /** Field of a 64-bit integer; 0 is not written. */
  bigint(field: number, value: bigint): void {
    if (value === 0n) return
    this.varint(field * 8)
    this.varint64(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)))
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.varint(field * 8 + 2)
    this.varint(bytes.length)
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
  }

  text(field: number, text: string): void {
    const start = this.begin(field)
    this.reserve(text.length * 3) // a UTF-16 unit is at most three bytes of UTF-8
    this.at += utf8.encodeInto(text, this.buffer.subarray(this.at)).written
    this.end(start)
  }

  /** Opens a length-delimited field. @returns what `end` needs to close it */
  begin(field: number): number {
    this.varint(field * 8 + 2)
    this.reserve(1)
    // One byte is left for the length, which is enough for nearly all messages; `end` moves longer ones.
    return ++this.at
  }

  end(start: number): void {
    const length = this.at - start
    let more = 0
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) more++
    if (more > 0) {
      this.reserve(more)
      this.buffer.copyWithin(start + more, start, this.at)
    }
    this.at = start - 1
    this.varint(length)
    this.at += length
  }

  private reserve(more: number): void {
    if (this.at + more <= this.buffer.length) return
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.at + more))
    larger.set(this.buffer.subarray(0, this.at))
    this.buffer = larger
  }
}
