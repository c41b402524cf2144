// zstd without a native library, bounded: what the frames say about themselves is checked before anything is allocated.
//
//   28 b5 2f fd | descriptor | window? | dictionary? | content size? | blocks | checksum?
//   block: 3 bytes = last(1 bit) type(2 bits: 0 raw, 1 run-length, 2 compressed) size(21 bits)
//
// RFC 8878. Node 22.15 and later have zlib.zstdDecompressSync, which is faster and checks checksums.
import { decompress } from 'fzstd'
import { Failure } from '../model/errors.ts'
import { defaultMaxBytes, type Unpacked } from './gzip.ts'

/** The window that zstd's own command line accepts without being told to take more (windowLog 27). */
const maxWindowBytes = 2 ** 27
/** No block gives more than this (RFC 8878, 3.1.1.2.3). */
const maxBlockBytes = 128 * 1024
/** Without a content size the library moves the whole window per block; more than this would take seconds. */
const maxMovedBytes = 2 ** 34

export function matchesZstd(head: Uint8Array): boolean {
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
}

/** @throws Failure TOO_LARGE when the frames need more than `maxBytes` of output or an unusual window */
export function unzstd(bytes: Uint8Array, { maxBytes = defaultMaxBytes } = {}): Unpacked {
  const parts: Uint8Array[] = []
  let size = 0
  let damage: string | undefined
  for (let at = 0; at < bytes.length && damage === undefined; ) {
    const frame = readFrame(bytes, at)
    if (typeof frame === 'string') {
      damage = frame
      break
    }
    at = frame.end
    if (frame.isSkippable) continue
    if (frame.mostBytes + size > maxBytes && (frame.contentBytes ?? frame.mostBytes) + size > maxBytes) {
      throw new Failure('TOO_LARGE', `Unpacked, this is more than ${maxBytes} bytes; the limit is maxBytes.`)
    }
    if (frame.contentBytes !== undefined && frame.contentBytes > frame.mostBytes) damage = 'the content size is wrong'
    else if (
      frame.contentBytes === undefined &&
      (frame.windowBytes > maxWindowBytes || frame.windowBytes * frame.blocks > maxMovedBytes)
    ) {
      throw new Failure('TOO_LARGE', 'This zstd file needs a larger window than is allowed (128 MiB).')
    } else {
      try {
        const part = decompress(bytes.subarray(frame.start, frame.end))
        parts.push(part)
        size += part.length
      } catch (error) {
        damage = error instanceof Error ? error.message : 'the compressed data is damaged'
      }
    }
  }
  const whole = new Uint8Array(size)
  let to = 0
  for (const part of parts) {
    whole.set(part, to)
    to += part.length
  }
  return damage === undefined ? { bytes: whole } : { bytes: whole, damage }
}

interface Frame {
  readonly start: number
  readonly end: number
  readonly isSkippable: boolean
  /** What the header says, where it says so. */
  readonly contentBytes: number | undefined
  readonly windowBytes: number
  readonly blocks: number
  /** What the blocks can give at most. */
  readonly mostBytes: number
}

/** Walks the headers of one frame; a text says what is wrong with it. */
function readFrame(bytes: Uint8Array, start: number): Frame | string {
  const cut = 'the file is cut'
  const uint = (at: number, length: number): number => {
    let value = 0
    for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0)
    return value
  }
  const magic = uint(start, 4)
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
    const end = start + 8 + uint(start + 4, 4)
    const none = { contentBytes: 0, windowBytes: 0, blocks: 0, mostBytes: 0 }
    return end > bytes.length ? cut : { start, end, isSkippable: true, ...none }
  }
  if (!matchesZstd(bytes.subarray(start))) return 'something follows that is not zstd'
  const descriptor = bytes[start + 4] ?? 0
  const isSingleSegment = (descriptor & 0x20) !== 0
  let at = start + 5
  let windowBytes = 0
  if (!isSingleSegment) {
    const window = bytes[at++] ?? 0
    windowBytes = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
  }
  at += [0, 1, 2, 4][descriptor & 3]!
  const sizeLength = descriptor >> 6 === 0 ? (isSingleSegment ? 1 : 0) : 1 << (descriptor >> 6)
  const contentBytes = sizeLength === 0 ? undefined : uint(at, sizeLength) + (sizeLength === 2 ? 256 : 0)
  if (isSingleSegment) windowBytes = contentBytes ?? 0
  at += sizeLength
  let blocks = 0
  let mostBytes = 0
  for (let isLast = false; !isLast; blocks++) {
    if (at + 3 > bytes.length) return cut
    const header = uint(at, 3)
    isLast = (header & 1) === 1
    const type = (header >> 1) & 3
    if (type === 3) return 'a block has a type that does not exist'
    const size = header >> 3
    at += 3 + (type === 1 ? 1 : size)
    mostBytes += type === 2 ? maxBlockBytes : size
  }
  at += (descriptor & 4) !== 0 ? 4 : 0
  return at > bytes.length ? cut : { start, end: at, isSkippable: false, contentBytes, windowBytes, blocks, mostBytes }
}
