// Text in the encodings of Windows, through the door of all formats.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toUtf8 } from './encodings.ts'
import { readProfile } from './formats.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')

/** As PowerShell 5 saves what a program prints. */
function asUtf16(text: string, { isBig = false } = {}): Uint8Array {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
  return isBig ? bytes.swap16() : bytes
}

test.each([
  'thread-dump/jdk17-print.txt',
  'goroutines/go1.26-debug2-labels.txt',
  'arthas/thread-n.txt',
  'perf-script/two-events.txt',
  'folded/py-spy.folded',
  'speedscope/evented.speedscope.json',
  'pprof-legacy/go-heap.txt',
])('%s', async (name) => {
  const text = readFileSync(join(fixtures, name), 'utf8')
  const plain = await readProfile(Buffer.from(text))
  const windows = text.replaceAll('\n', '\r\n')
  for (const bytes of [
    Buffer.from(`\ufeff${text}`),
    Buffer.from(windows),
    asUtf16(windows),
    asUtf16(windows, { isBig: true }),
  ]) {
    const { format, profile } = await readProfile(bytes)
    expect(format.name).toBe(plain.format.name)
    expect(profile.samples).toEqual(plain.profile.samples)
    expect(profile.losses).toEqual(plain.profile.losses)
    expect(profile.strings.length).toBe(plain.profile.strings.length)
  }
})

test('a mark before a comment, and text longer than what is decoded at once', async () => {
  const { profile } = await readProfile(Buffer.from('\ufeff# made by hand\nmain;f 3\n'))
  expect(profile.losses).toEqual([])
  const long = 'main;ünï 😀 3\n'.repeat(120_000)
  expect(Buffer.from(toUtf8(asUtf16(long))).equals(Buffer.from(long))).toBe(true)
})

test('a binary file that begins with the same bytes is left alone', () => {
  const bytes = Uint8Array.of(0xff, 0xfe, 0, 0, 1, 2)
  expect(toUtf8(bytes)).toBe(bytes)
})
