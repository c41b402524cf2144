// Unpacking within limits: whole, concatenated, cut and hostile files.
import { constants, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { gunzip, gzip, matchesGzip } from './gzip.ts'
import { matchesZstd, unzstd } from './zstd.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** Incompressible, so that the compressed form is long enough to cut. */
let state = 1
const noise = Uint8Array.from({ length: 200_000 }, () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state >>> 24
})

describe('gzip', () => {
  test('round trip', async () => {
    const packed = await gzip(noise)
    expect(matchesGzip(packed)).toBe(true)
    expect(gunzipSync(packed).equals(noise)).toBe(true)
    expect(await gunzip(packed)).toEqual({ bytes: noise })
  })

  test('several members are one file, also small ones and such with the magic number inside', async () => {
    const stored = gzipSync(Uint8Array.of(0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0), { level: 0 })
    const packed = Buffer.concat([gzipSync('one '), gzipSync(''), stored, gzipSync(noise), gzipSync(' two')])
    const expected = gunzipSync(packed)
    expect((await gunzip(packed)).bytes.length).toBe(expected.length)
    expect(expected.equals((await gunzip(packed)).bytes)).toBe(true)
  })

  test('a cut file gives what was before the cut, and says so', async () => {
    const { bytes, damage } = await gunzip(gzipSync(noise).subarray(0, 100_000))
    expect(damage).toBeTruthy()
    expect(bytes.length).toBeGreaterThan(10_000)
    expect(Buffer.compare(bytes, noise.subarray(0, bytes.length))).toBe(0)
  })

  test('junk behind a member is damage, not data', async () => {
    const { bytes, damage } = await gunzip(Buffer.concat([gzipSync('fine'), Buffer.from('junk')]))
    expect([text(bytes), typeof damage]).toEqual(['fine', 'string'])
  })

  test('a bomb is refused at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000))
    await expect(gunzip(bomb, { maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })
})

describe('zstd', () => {
  const unsized = { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } }

  test('reads frames with and without a content size, one behind the other', () => {
    const skippable = Buffer.from('502a4d1804000000deadbeef', 'hex')
    const packed = Buffer.concat([zstdCompressSync(noise), skippable, zstdCompressSync(noise, unsized)])
    expect(matchesZstd(packed)).toBe(true)
    const { bytes, damage } = unzstd(packed)
    expect(damage).toBeUndefined()
    expect(Buffer.compare(bytes, Buffer.concat([noise, noise]))).toBe(0)
  })

  test('a cut frame is damage, the frames before it are kept', () => {
    const second = zstdCompressSync(noise)
    const { bytes, damage } = unzstd(Buffer.concat([zstdCompressSync('fine'), second.subarray(0, 1000)]))
    expect([text(bytes), damage]).toEqual(['fine', 'the file is cut'])
  })

  test('a bomb is refused before anything is allocated', () => {
    expect(() => unzstd(zstdCompressSync(Buffer.alloc(50_000_000)), { maxBytes: 1_000_000 })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    )
    // Says 2^40 bytes of content and has a block of three.
    const liar = Buffer.from('28b52ffde00000000000010000190000616263', 'hex')
    expect(unzstd(liar, { maxBytes: 1_000_000 }).damage).toBeTruthy()
  })
})
