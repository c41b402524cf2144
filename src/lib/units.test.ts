import { expect, test } from 'vitest'
import { parseBytes, parseDurationMs, printBytes, printDurationMs, printShare } from './units.ts'

test.each([
  ['500ms', 500],
  ['10s', 10_000],
  ['10', 10_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['soon', undefined],
  ['10 s', undefined],
  ['-1s', undefined],
])('duration %s', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms)
})

test.each([
  ['512', 512],
  ['10MB', 10e6],
  ['64Mi', 64 * 2 ** 20],
  ['2GiB', 2 ** 31],
  ['1.5k', 1500],
  ['many', undefined],
])('size %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [14_300, '14.3 kB'],
  [999_960, '1.0 MB'],
  [-1_579_016, '-1.6 MB'],
])('%i bytes', (bytes, text) => {
  expect(printBytes(bytes)).toBe(text)
})

test.each([
  [850, '850 ms'],
  [6200, '6.2 s'],
  [185_000, '3 min 5 s'],
  [7_440_000, '2 h 4 min'],
])('%i ms', (ms, text) => {
  expect(printDurationMs(ms)).toBe(text)
})

test.each([
  [0, 0, '0 %'],
  [634, 1000, '63.4 %'],
  [7, 10_000, '0.07 %'],
  [9999, 10_000, '100 %'],
  [-1, 6, '-16.7 %'],
  [30, -40, '-75 %'],
  [-30, -40, '75 %'],
  [1, 1e15, '<0.0001 %'],
])('%i of %i', (part, whole, text) => {
  expect(printShare(part, whole)).toBe(text)
})
