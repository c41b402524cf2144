// Reads the numbers and strings of a flight recording. 64-bit values are doubles: exact up to 2^53, which identifiers,
// ticks and sizes do not exceed; no BigInt in the loops. Reading past the end gives zeros, callers compare `at` with
// the end of the event; so a damaged file costs checks per event instead of per byte.

const utf8 = new TextDecoder()
const twoTo32 = 4294967296

export class JfrInput {
  readonly bytes: Uint8Array
  at = 0
  /** Feature bit 0 of the chunk: integers are LEB128; else they are big-endian of their full width. */
  isCompressed = true
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  byte(): number {
    return (this.bytes[this.at++] ?? 0) | 0
  }

  /** Any of JFR's integer types of more than one byte; `width` is what it takes when not compressed. */
  integer(width: 2 | 4 | 8): number {
    if (this.isCompressed) return this.leb128()
    if (width === 8) return this.raw64()
    return width === 4 ? this.raw32() | 0 : this.raw16()
  }

  int(): number {
    return this.integer(4)
  }

  long(): number {
    return this.integer(8)
  }

  raw16(): number {
    return (this.byte() << 8) | this.byte()
  }

  raw32(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0
  }

  /** Big-endian, signed. */
  raw64(): number {
    const high = this.raw32() | 0
    return high * twoTo32 + this.raw32()
  }

  float(): number {
    const value = this.at + 4 <= this.bytes.length ? this.view.getFloat32(this.at) : 0
    this.at += 4
    return value
  }

  double(): number {
    const value = this.at + 8 <= this.bytes.length ? this.view.getFloat64(this.at) : 0
    this.at += 8
    return value
  }

  /**
   * Text, or the key of a string in the constant pool of java.lang.String, or undefined for null.
   * Encodings: 0 null, 1 empty, 2 pool, 3 UTF-8, 4 UTF-16 units as integers, 5 Latin-1.
   */
  string(): string | number | undefined {
    const encoding = this.byte()
    if (encoding === 0) return undefined
    if (encoding === 1) return ''
    if (encoding === 2) return this.long()
    const length = this.length()
    if (encoding === 4) {
      const units: string[] = []
      for (let i = 0; i < length; i++) units.push(String.fromCharCode(this.integer(2)))
      return units.join('')
    }
    const from = this.at
    this.at += length
    const text = this.bytes.subarray(from, this.at)
    return encoding === 5 ? latin1(text) : utf8.decode(text)
  }

  skipString(): void {
    const encoding = this.byte()
    if (encoding === 2) this.long()
    else if (encoding === 4) for (let left = this.length(); left > 0; left--) this.integer(2)
    else if (encoding > 2) {
      const length = this.length()
      this.at += length
    }
  }

  /** A count of things that follow: never more than there are bytes left, so that loops over it end. */
  length(): number {
    const count = this.int()
    const left = Math.max(0, this.bytes.length - this.at)
    return count < 0 ? 0 : Math.min(count, left)
  }

  /** Seven bits per byte, least significant first, at most nine bytes, of which the last carries eight bits. */
  private leb128(): number {
    const { bytes } = this
    let byte = (bytes[this.at++] ?? 0) | 0
    if (byte < 0x80) return byte
    let low = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = (bytes[this.at++] ?? 0) | 0
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return low
    }
    byte = (bytes[this.at++] ?? 0) | 0
    low |= (byte & 0x0f) << 28
    let high = (byte & 0x7f) >> 4
    for (let shift = 3; byte >= 0x80 && shift < 24; shift += 7) {
      byte = (bytes[this.at++] ?? 0) | 0
      high |= (byte & 0x7f) << shift
    }
    if (byte >= 0x80) high |= ((bytes[this.at++] ?? 0) | 0) << 24
    return (high | 0) * twoTo32 + (low >>> 0)
  }
}

/** TextDecoder's latin1 is Windows-1252. A call takes some ten thousand arguments in every engine, so it goes in parts. */
function latin1(text: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < text.length; at += 8192) parts.push(String.fromCharCode(...text.subarray(at, at + 8192)))
  return parts.join('')
}
