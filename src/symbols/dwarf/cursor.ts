// Reads numbers from a piece of DWARF, one after the other. Behind the end everything is 0 and the cursor says so:
// whoever reads looks once, when it is done, and reads again with a larger piece.

export class DwarfCursor {
  at = 0
  private bytes: Uint8Array
  private view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Goes to the start of another piece. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
  }

  get length(): number {
    return this.bytes.length
  }

  /** Something was read, or passed over, that is not there. */
  get isPast(): boolean {
    return this.at > this.bytes.length
  }

  skip(count: number): void {
    this.at += count
  }

  u8(): number {
    return this.bytes[this.at++] ?? 0
  }

  /** The next byte, without going on. */
  peek(): number {
    return this.bytes[this.at] ?? 0
  }

  u16(): number {
    this.at += 2
    return this.at <= this.bytes.length ? this.view.getUint16(this.at - 2, true) : 0
  }

  u24(): number {
    const low = this.u16()
    return low | (this.u8() << 16)
  }

  u32(): number {
    this.at += 4
    return this.at <= this.bytes.length ? this.view.getUint32(this.at - 4, true) : 0
  }

  /** As a double of the signed value. */
  u64(): number {
    const low = this.u32()
    this.at += 4
    return this.at <= this.bytes.length ? low + this.view.getInt32(this.at - 4, true) * 4_294_967_296 : 0
  }

  /** An offset into a section: 4 bytes, 8 in the 64-bit format of DWARF. */
  offset(is64: boolean): number {
    return is64 ? this.u64() : this.u32()
  }

  /** Seven bits of each byte, lowest first, until one has its highest bit clear. */
  uleb(): number {
    const { bytes } = this
    let byte = bytes[this.at++] ?? 0
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  /** The same with a sign: the seventh bit of the last byte. */
  sleb(): number {
    const { bytes } = this
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[this.at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value
    }
  }

  skipLeb(): void {
    const { bytes } = this
    while ((bytes[this.at++] ?? 0) >= 0x80);
  }

  skipText(): void {
    const end = this.bytes.indexOf(0, this.at)
    this.at = end < 0 ? this.bytes.length + 1 : end + 1
  }
}
