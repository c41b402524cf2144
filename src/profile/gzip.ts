// gzip in and out with what browsers and Node share (DecompressionStream), bounded and with damage told apart.
//
//   1f 8b 08 flags mtime(4) xfl os | deflate stream | crc32(4) size(4)     repeated: files may be concatenated
//
// RFC 1952. Profilers append: `cat a.pb.gz b.pb.gz` and log rotation make files of several members.
import { Failure } from '../model/errors.ts'

/** What came out of an unpacker. */
export interface Unpacked {
  readonly bytes: Uint8Array
  /** Present when the input was cut or damaged: `bytes` is then what could be read before that. */
  readonly damage?: string
}

/** 2 GiB: the largest typed array that every engine gives, and far above any profile seen; more is a bomb. */
export const defaultMaxBytes = 2 ** 31 - 1

/** A deflated member is at least ten bytes of header, two of data and eight of trailer. */
const smallestMember = 20
/** Places that look like the start of a member and are not: expected once in 16 MiB. */
const maxFalseStarts = 64

export function matchesGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b && head[2] === 0x08
}

/** @throws Failure TOO_LARGE above `maxBytes` of output */
export async function gunzip(bytes: Uint8Array, { maxBytes = defaultMaxBytes } = {}): Promise<Unpacked> {
  const parts: Uint8Array[] = []
  let size = 0
  for (let start = 0; start < bytes.length; ) {
    const rest = bytes.subarray(start)
    const whole = await inflate(rest, maxBytes - size)
    if (whole.damage === undefined) return joined([...parts, whole.bytes])
    // Either another member follows, which streams call junk, or the file is damaged here.
    const end = await findMemberEnd(rest, maxBytes - size)
    if (end === undefined) return joined([...parts, whole.bytes], whole.damage)
    parts.push(end.bytes)
    size += end.bytes.length
    start += end.length
  }
  return joined(parts)
}

/** Looks for the start of a next member such that everything before it is a whole one. */
async function findMemberEnd(
  bytes: Uint8Array,
  maxBytes: number,
): Promise<{ length: number; bytes: Uint8Array } | undefined> {
  let tries = 0
  let at = bytes.indexOf(0x1f, smallestMember)
  for (; at >= 0 && tries < maxFalseStarts; at = bytes.indexOf(0x1f, at + 1)) {
    // Bits 5 to 7 of the flags are reserved and 0.
    if (!matchesGzip(bytes.subarray(at)) || (bytes[at + 3] ?? 0xff) > 0x1f) continue
    tries++
    const member = await inflate(bytes.subarray(0, at), maxBytes)
    if (member.damage === undefined) return { length: at, bytes: member.bytes }
  }
  return undefined
}

async function inflate(bytes: Uint8Array, maxBytes: number): Promise<Unpacked> {
  const parts: Uint8Array[] = []
  let size = 0
  const reader = throughStream(bytes, new DecompressionStream('gzip')).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return joined(parts)
      parts.push(value)
      size += value.length
      if (size > maxBytes) break
    }
  } catch (error) {
    // Streams throw TypeError for every kind of damage; what was read before stays.
    return joined(parts, error instanceof Error && error.message ? error.message : 'the compressed data is damaged')
  }
  // The stream may fail while it is let go; it is not read any more.
  await reader.cancel().catch(() => undefined)
  throw new Failure('TOO_LARGE', `Unpacked, this is more than ${maxBytes} bytes; the limit is maxBytes.`)
}

export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const reader = throughStream(bytes, new CompressionStream('gzip')).getReader()
  const parts: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return joined(parts).bytes
    parts.push(value)
  }
}

function throughStream(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): ReadableStream<Uint8Array> {
  const writer = stream.writable.getWriter()
  // Failures of the writing side appear at the reading side too, which is where they are handled.
  const ignore = (): undefined => undefined
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(ignore)
  writer.close().catch(ignore)
  return stream.readable as ReadableStream<Uint8Array>
}

function joined(parts: readonly Uint8Array[], damage?: string): Unpacked {
  const bytes = parts.length === 1 ? parts[0]! : new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  if (parts.length !== 1) {
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
  }
  return damage === undefined ? { bytes } : { bytes, damage }
}
