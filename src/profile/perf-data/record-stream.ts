// Cuts bytes that arrive in pieces of any size into records, without copying the ones that lie whole and aligned in
// their piece. Record header (perf_event_open(2)): u32 type, u16 misc, u16 size with the 8 header bytes included.
import { blockOf, type RecordBlock } from './record-block.ts'

export interface RecordHandler {
  /**
   * One whole record at word `at`.
   * @returns how many bytes follow it that are no records (the payload of TRACING_DATA and AUXTRACE)
   */
  record(block: RecordBlock, at: number): number
}

const headerBytes = 8

export class RecordStream {
  /** A record with an impossible size was met; nothing after it can be read. */
  isBroken = false
  /** Bytes that were not understood: those after a broken record. */
  unreadBytes = 0
  private readonly handler: RecordHandler
  /** The beginning of a record whose rest has not arrived. */
  private carry = new Uint8Array(headerBytes)
  private carried = 0
  private payload = 0

  constructor(handler: RecordHandler) {
    this.handler = handler
  }

  /** Bytes of a record that never became whole. */
  get incompleteBytes(): number {
    return this.carried
  }

  /** @param chunk kept (as views) until its records were delivered: do not reuse the buffer */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.isBroken) {
        this.unreadBytes += chunk.length - at
        return
      }
      if (this.payload > 0) {
        const skipped = Math.min(this.payload, chunk.length - at)
        this.payload -= skipped
        at += skipped
      } else if (this.carried > 0) {
        at += this.complete(chunk, at)
      } else if (((chunk.byteOffset + at) & 3) === 0) {
        const read = this.readInPlace(blockOf(chunk.buffer, chunk.byteOffset + at, chunk.length - at))
        at += read
        if (read === 0 && !this.isBroken) at += this.complete(chunk, at)
      } else {
        at += this.complete(chunk, at)
      }
    }
  }

  /** Hands on the whole records of a block. @returns bytes that were read */
  private readInPlace({ bytes, words }: RecordBlock): number {
    const block = { bytes, words }
    const end = bytes.length
    let at = 0
    while (at + headerBytes <= end) {
      const size = (words[(at >> 2) + 1] as number) >>> 16
      if (size < headerBytes) {
        this.isBroken = true
        break
      }
      if (at + size > end) break
      this.payload = this.handler.record(block, at >> 2)
      at += size
      // A COMPRESSED record may have any size: what follows it may be unaligned.
      if (this.payload > 0 || (size & 3) !== 0) break
    }
    return at
  }

  /** Adds bytes to the record that is being put together, and hands it on when it is whole. @returns bytes that were taken */
  private complete(chunk: Uint8Array, from: number): number {
    let at = from
    if (this.carried < headerBytes) at += this.take(chunk, at, headerBytes)
    if (this.carried < headerBytes) return at - from
    const size = (this.carry[6] as number) | ((this.carry[7] as number) << 8)
    if (size < headerBytes) {
      this.isBroken = true
      this.unreadBytes += this.carried
      this.carried = 0
      return at - from
    }
    if (this.carry.length < size) {
      const whole = new Uint8Array((size + 3) & ~3)
      whole.set(this.carry.subarray(0, this.carried))
      this.carry = whole
    }
    at += this.take(chunk, at, size)
    if (this.carried < size) return at - from
    const block = blockOf(this.carry.buffer, 0, size)
    this.carry = new Uint8Array(headerBytes)
    this.carried = 0
    this.payload = this.handler.record(block, 0)
    return at - from
  }

  private take(chunk: Uint8Array, from: number, until: number): number {
    const count = Math.min(until - this.carried, chunk.length - from)
    this.carry.set(chunk.subarray(from, from + count), this.carried)
    this.carried += count
    return count
  }
}
