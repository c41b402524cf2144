// Bytes that hold whole records, seen as 32-bit words: what the reader hands on instead of an object per record.
// A record is then (block, word index of its header). Header: word 0 = type, word 1 = misc | size << 16 (u16, u16).

export interface RecordBlock {
  readonly bytes: Uint8Array
  /** The same bytes; records start at whole words. */
  readonly words: Int32Array
  /** Who still needs what is in it: the one that fills it, and the one that delivers its records. */
  uses: number
}

/** A block around bytes whose start is 4-byte aligned. */
export function blockOf(buffer: ArrayBufferLike, byteOffset: number, byteLength: number): RecordBlock {
  return {
    bytes: new Uint8Array(buffer, byteOffset, byteLength),
    words: new Int32Array(buffer, byteOffset, byteLength >> 2),
    uses: 0,
  }
}

/** Room of a block: four of the largest records (64 KB each), so that little of it is lost at the end. */
const blockBytes = 256 << 10
/** Blocks kept for reuse; 4 MB is what two rounds of a busy two-CPU machine fill at 9999 Hz. */
const mostSpare = 16

/** Blocks that are used again and again: fresh memory costs more than all that is done with the bytes in it. */
export class BlockPool {
  private readonly spare: RecordBlock[] = []

  take(): RecordBlock {
    return this.spare.pop() ?? blockOf(new ArrayBuffer(blockBytes), 0, blockBytes)
  }

  /** One who needed it does so no longer. */
  release(block: RecordBlock): void {
    block.uses--
    if (block.uses === 0 && block.bytes.length === blockBytes && this.spare.length < mostSpare) this.spare.push(block)
  }
}

/** 2^32: weight of the high word. */
const highWord = 4294967296

/**
 * A 64-bit field as a double of its *signed* value: user addresses and times are exact up to 2^53 (as nanoseconds
 * since boot that is 104 days; later ones are rounded to 2 ns), kernel addresses are exact small negative numbers.
 */
export function int64(words: Int32Array, at: number): number {
  return (words[at + 1] as number) * highWord + ((words[at] as number) >>> 0)
}

export const recordMisc = (words: Int32Array, at: number): number => (words[at + 1] as number) & 0xffff
/** Bytes, header included. */
export const recordSize = (words: Int32Array, at: number): number => (words[at + 1] as number) >>> 16

const utf8 = new TextDecoder('utf-8')

/** A NUL-terminated string inside bytes[from .. to]; kernel strings are padded to 8 bytes with what lay there. */
export function cString(bytes: Uint8Array, from: number, to: number): string {
  let end = from
  while (end < to && bytes[end] !== 0) end++
  return utf8.decode(bytes.subarray(from, end))
}
