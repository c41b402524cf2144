import { expect, test } from 'vitest'
import { linesOf } from './text-lines.ts'

const lines = (text: string): string[] => [...linesOf(new TextEncoder().encode(text))]

test('splits at both kinds of line ends and keeps blank lines', () => {
  expect(lines('a\nb\r\n\nc')).toEqual(['a', 'b', '', 'c'])
  expect(lines('a\n')).toEqual(['a'])
  expect(lines('')).toEqual([])
})

test('a line or a character that crosses a block is whole', () => {
  const long = 'ü'.repeat(700_000)
  const text = `first\n${long}\n${'x'.repeat(600_000)}\nlast`
  expect(lines(text)).toEqual(['first', long, 'x'.repeat(600_000), 'last'])
})

test('a file without line ends comes in pieces', () => {
  const pieces = [...linesOf(new Uint8Array(40 << 20).fill(120))]
  expect(pieces.map((piece) => piece.length)).toEqual([16 << 20, 16 << 20, 8 << 20])
})
