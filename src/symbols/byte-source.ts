// Bytes to read at random: the parsers of this folder see files, memory and parts of either only through this.

export interface ByteSource {
  readonly size: number
  /** Fills `target` from `offset` on; @returns how many bytes were there, fewer than asked only at the end. */
  readInto(target: Uint8Array, offset: number): number
}

/** Longest symbol name that is read: C++ expression templates reach tens of kilobytes, more is damage. */
const maxNameBytes = 64 * 1024
/** First guess at a name's length: 97 % of libjvm's and node's names are shorter, and one read then suffices. */
const usualNameBytes = 192

/** Bytes in memory, such as the vdso or a decompressed section. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    readInto(target, offset) {
      if (!(offset >= 0) || offset >= bytes.length) return 0
      const part = bytes.subarray(offset, offset + target.length)
      target.set(part)
      return part.length
    },
  }
}

/** @returns the bytes from `offset` on, fewer than `length` where the source ends */
export function readBytes(source: ByteSource, offset: number, length: number): Uint8Array {
  if (!(offset >= 0) || offset >= source.size || !(length > 0)) return new Uint8Array(0)
  const bytes = new Uint8Array(Math.min(length, source.size - offset))
  return bytes.subarray(0, source.readInto(bytes, offset))
}

/** Most names are read into this one and made text at once. */
const nameBytes = Buffer.alloc(usualNameBytes)

/** @returns the NUL-terminated bytes at `offset` as text, at most `maxNameBytes` of them */
export function readCString(source: ByteSource, offset: number): string {
  if (!(offset >= 0) || offset >= source.size) return ''
  const count = source.readInto(nameBytes, offset)
  const usualEnd = nameBytes.indexOf(0)
  if (usualEnd >= 0 && usualEnd < count) return nameBytes.toString('utf8', 0, usualEnd)
  if (count < usualNameBytes) return nameBytes.toString('utf8', 0, count)
  for (let length = usualNameBytes * 8; ; length *= 8) {
    const bytes = readBytes(source, offset, Math.min(length, maxNameBytes))
    const end = bytes.indexOf(0)
    if (end >= 0) return decodeName(bytes.subarray(0, end))
    if (bytes.length < length) return decodeName(bytes)
  }
}

export function decodeName(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}

/** Value of an ASCII hex digit, -1 for anything else. */
export function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  if (byte >= 97 && byte <= 102) return byte - 87
  if (byte >= 65 && byte <= 70) return byte - 55
  return -1
}
