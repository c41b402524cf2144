// Cuts bytes that arrive in pieces of any size into records, in blocks that are used again when their records were
// delivered. Record header (perf_event_open(2)): u32 type, u16 misc, u16 size with the 8 header bytes included.
import { type BlockPool, blockOf, type RecordBlock } from './record-block.ts'

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
  private readonly pool: BlockPool
  private block: RecordBlock
  /** Bytes in the block, and how many of them were read. */
  private filled = 0
  private read = 0
  /** Bytes to come that are no records. */
  private payload = 0

  constructor(handler: RecordHandler, pool: BlockPool) {
    this.handler = handler
    this.pool = pool
    this.block = pool.take()
    this.block.uses++
  }

  /** Bytes of a record that never became whole. */
  get incompleteBytes(): number {
    return this.filled - this.read
  }

  /** @param chunk copied; the buffer may be used again */
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
        continue
      }
      const count = Math.min(chunk.length - at, this.block.bytes.length - this.filled)
      this.block.bytes.set(at === 0 && count === chunk.length ? chunk : chunk.subarray(at, at + count), this.filled)
      this.filled += count
      at += count
      this.readRecords()
      if (this.filled === this.block.bytes.length) this.nextBlock()
    }
  }

  private readRecords(): void {
    let next = this.read
    // A loop of its own around one call: the body is compiled once, whichever way the loop ends.
    while (next >= 0) {
      this.read = next
      next = this.readRecord(next)
    }
  }

  /** Reads the record at a byte of the block. @returns where the next one is; -1 when it is not there yet */
  private readRecord(at: number): number {
    const { filled } = this
    if (at + headerBytes > filled) return -1
    const { bytes, words } = this.block
    const isAligned = (at & 3) === 0
    const size = isAligned
      ? (words[(at >> 2) + 1] as number) >>> 16
      : (bytes[at + 6] as number) | ((bytes[at + 7] as number) << 8)
    if (size < headerBytes) return this.breakOff(at)
    if (at + size > filled) return -1
    // A COMPRESSED record may have any size, and what follows it any position.
    const payload = isAligned
      ? this.handler.record(this.block, at >> 2)
      : this.handler.record(copyOf(bytes, at, size), 0)
    return payload > 0 ? this.skip(at + size, payload) : at + size
  }

  private breakOff(at: number): number {
    this.isBroken = true
    this.unreadBytes += this.filled - at
    this.read = this.filled
    return -1
  }

  /** Passes over what is no record. */
  private skip(at: number, payload: number): number {
    const here = Math.min(payload, this.filled - at)
    this.payload = payload - here
    return at + here
  }

  /** Goes on in a fresh block, with the beginning of the record that did not fit. */
  private nextBlock(): void {
    const { block, filled, read } = this
    this.block = this.pool.take()
    this.block.uses++
    this.block.bytes.set(block.bytes.subarray(read, filled))
    this.filled = filled - read
    this.read = 0
    this.pool.release(block)
  }
}

function copyOf(bytes: Uint8Array, from: number, size: number): RecordBlock {
  const copy = new Uint8Array((size + 3) & ~3)
  copy.set(bytes.subarray(from, from + size))
  return blockOf(copy.buffer, 0, copy.length)
}
