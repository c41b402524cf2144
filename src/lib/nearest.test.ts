import { expect, test } from 'vitest'
import { editDistance, nearest } from './nearest.ts'

test.each([
  ['', '', 0],
  ['listen', 'listen', 0],
  ['lsiten', 'listen', 1],
  ['lisen', 'listen', 1],
  ['ring-hz', 'deep-hz', 4],
  ['kitten', 'sitting', 3],
])('%s -> %s takes %i edits', (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits)
  expect(editDistance(b, a)).toBe(edits)
})

test('the nearest known word, or none when nothing is near', () => {
  const known = ['listen', 'data', 'spike-level', 'spike-hold', 'open']
  expect(nearest('lisent', known)).toBe('listen')
  expect(nearest('spike-levl', known)).toBe('spike-level')
  expect(nearest('dat', known)).toBe('data')
  expect(nearest('frobnicate', known)).toBeUndefined()
})
