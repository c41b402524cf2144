// zstd without a native library, within limits. Node 22.15 and later have zlib.zstdDecompressSync, which is faster and
// checks checksums; this is for browsers, for older Nodes, and for files that are cut or damaged.
import { Failure } from '../model/errors.ts'
import { defaultMaxBytes, type Unpacked } from './gzip.ts'
import { ZstdStream } from './zstd-stream.ts'

/** The window that zstd's own command line accepts without being told to take more (windowLog 27). */
const maxWindowBytes = 2 ** 27

export function matchesZstd(head: Uint8Array): boolean {
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
}

/** @throws Failure TOO_LARGE when it is more than `maxBytes` unpacked, or needs an unusual window */
export function unzstd(bytes: Uint8Array, { maxBytes = defaultMaxBytes } = {}): Unpacked {
  const parts: Uint8Array[] = []
  let size = 0
  let damage: string | undefined
  const stream = new ZstdStream({
    maxWindowBytes,
    take(part) {
      size += part.length
      if (size > maxBytes) {
        throw new Failure('TOO_LARGE', `Unpacked, this is more than ${maxBytes} bytes; the limit is maxBytes.`)
      }
      parts.push(part.slice())
    },
  })
  try {
    stream.push(bytes)
    if (!stream.isWhole) damage = 'the file is cut'
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'TOO_LARGE') throw error
    damage = error.message
  }
  const whole = new Uint8Array(size)
  let to = 0
  for (const part of parts) {
    whole.set(part, to)
    to += part.length
  }
  return damage === undefined ? { bytes: whole } : { bytes: whole, damage }
}
