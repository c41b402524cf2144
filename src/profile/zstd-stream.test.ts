// What zlib's zstd packs, in all its ways, is unpacked the same, in whatever pieces it arrives.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ZstdStream } from './zstd-stream.ts'

function unpack(pieces: Iterable<Uint8Array>): { bytes: Buffer; isWhole: boolean } {
  const parts: Uint8Array[] = []
  const stream = new ZstdStream({ maxWindowBytes: 2 ** 27, take: (part) => parts.push(part.slice()) })
  for (const piece of pieces) stream.push(piece)
  return { bytes: Buffer.concat(parts), isWhole: stream.isWhole }
}

function* piecesOf(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

const text = readFileSync(join(import.meta.dirname, '../../test/fixtures/perf-script/tracepoints.txt'))
const inputs: [string, Uint8Array][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['zeros', Buffer.alloc(400_000)],
  ['a short pattern', Buffer.from('abcd'.repeat(90_000))],
  ['text', text],
  ['text longer than its window', Buffer.concat(Array.from({ length: 20 }, () => text))],
  ['code', readFileSync(process.execPath).subarray(4_000_000, 5_500_000)],
  ['noise', crypto.getRandomValues(new Uint8Array(60_000))],
]
const ways = [1, 3, 7, 19].map((level) => ({
  [constants.ZSTD_c_compressionLevel]: level,
  [constants.ZSTD_c_checksumFlag]: level % 2,
  [constants.ZSTD_c_contentSizeFlag]: level % 3,
  ...(level === 7 ? { [constants.ZSTD_c_windowLog]: 17 } : {}),
}))

test.each(inputs)('%s', (_, input) => {
  for (const params of ways) {
    const packed = zstdCompressSync(input, { params })
    for (const length of [packed.length || 1, 1000, 70_000]) {
      const { bytes, isWhole } = unpack(piecesOf(packed, length))
      expect(isWhole).toBe(true)
      expect(bytes.equals(input)).toBe(true)
    }
  }
})

test('what stops before its end is not whole', () => {
  const packed = zstdCompressSync(text)
  expect(unpack([packed.subarray(0, packed.length - 1)]).isWhole).toBe(false)
})

test('a code that takes no bits is damage, not an endless loop', () => {
  const endless = readFileSync(join(import.meta.dirname, '../../test/fixtures/zstd/endless.zst'))
  expect(() => unpack([endless])).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
})

test('a window that nobody needs is refused', () => {
  const stream = new ZstdStream({ maxWindowBytes: 2 ** 20, take: () => undefined })
  // Window descriptor 0x80: 2^26 bytes.
  expect(() => stream.push(Buffer.from('28b52ffd0080010000', 'hex'))).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  )
})
