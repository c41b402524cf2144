// Little-endian bytes that grow: what perf records are written with.

/** First room, bytes: a second of samples of a quiet machine. */
const firstBytes = 16 << 10

const utf8 = new TextEncoder()

export class ByteWriter {
  length = 0
  private bytes = new Uint8Array(firstBytes)
  private view = new DataView(this.bytes.buffer)

  u16(value: number): void {
    this.reserve(2)
    this.view.setUint16(this.length, value, true)
    this.length += 2
  }

  u32(value: number): void {
    this.reserve(4)
    this.view.setUint32(this.length, value >>> 0, true)
    this.length += 4
  }

  /** A 64-bit integer from a double of its signed value. */
  u64(value: number): void {
    this.reserve(8)
    this.view.setUint32(this.length, value >>> 0, true)
    this.view.setInt32(this.length + 4, Math.floor(value / 4294967296), true)
    this.length += 8
  }

  /** The same, exact to the last bit. */
  bigU64(value: bigint): void {
    this.reserve(8)
    this.view.setBigUint64(this.length, BigInt.asUintN(64, value), true)
    this.length += 8
  }

  /** A string with its NUL, padded with NULs to a multiple of `align` bytes. */
  text(value: string, align = 8): void {
    const encoded = utf8.encode(value)
    const padded = Math.ceil((encoded.length + 1) / align) * align
    this.reserve(padded)
    this.bytes.fill(0, this.length, this.length + padded)
    this.bytes.set(encoded, this.length)
    this.length += padded
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.bytes.set(value, this.length)
    this.length += value.length
  }

  at(index: number): number {
    return this.bytes[index] as number
  }

  set(index: number, value: number): void {
    this.bytes[index] = value
  }

  setU16(at: number, value: number): void {
    this.view.setUint16(at, value, true)
  }

  setU64(at: number, value: number): void {
    this.view.setUint32(at, value >>> 0, true)
    this.view.setUint32(at + 4, Math.floor(value / 4294967296), true)
  }

  /** A view of what was written so far. */
  toBytes(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }
}
