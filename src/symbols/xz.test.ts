import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hasTool } from '../../test/symbol-programs.ts'
import { unpackXz } from './xz.ts'

const text = readFileSync(process.execPath).subarray(4 << 20, 5 << 20)
const short = text.subarray(0, 300_000)

describe.skipIf(!hasTool('xz'))('what xz packed', () => {
  test.each([
    { name: 'defaults', args: [], bytes: text },
    { name: 'several blocks, no check', args: ['--block-size=100000', '--check=none'], bytes: short },
    { name: 'CRC32, other literal and position bits', args: ['--check=crc32', '--lzma2=lc=1,lp=2,pb=0'], bytes: short },
    { name: 'SHA-256', args: ['--check=sha256', '-9e'], bytes: short },
    { name: 'random bytes, stored', args: [], bytes: crypto.getRandomValues(new Uint8Array(60_000)) },
    { name: 'nothing', args: [], bytes: new Uint8Array(0) },
    { name: 'one byte', args: [], bytes: Uint8Array.of(7) },
    { name: 'zeros', args: [], bytes: new Uint8Array(300_000) },
  ])('$name', ({ args, bytes }) => {
    const packed = execFileSync('xz', ['-c', ...args], { input: bytes, maxBuffer: 1 << 24 })
    expect(Buffer.compare(unpackXz(packed, { maxBytes: 4 << 20 }), bytes)).toBe(0)
  })

  test('a bomb is refused at the limit', () => {
    const packed = execFileSync('xz', ['-c'], { input: new Uint8Array(8 << 20) })
    expect(packed.length).toBeLessThan(4096)
    expect(() => unpackXz(packed, { maxBytes: 1 << 20 })).toThrow(/more than 1048576 bytes/)
  })

  test('a file that was cut is damaged', () => {
    const packed = execFileSync('xz', ['-c'], { input: text.subarray(0, 100_000) })
    expect(() => unpackXz(packed.subarray(0, packed.length / 2), { maxBytes: 1 << 20 })).toThrow(/damaged/)
  })
})

test('bytes that are no .xz', () => {
  expect(() => unpackXz(new Uint8Array(40), { maxBytes: 100 })).toThrow(/not an .xz/)
})
