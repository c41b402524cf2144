// Search sums every nanosecond once, whatever is nested in what.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { findPath, pathKey } from './path.ts'
import { searchTree } from './search.ts'

const tree = drawnTree(
  'main;serve;parse 10 4',
  'main;serve;parse;regexExec@node;parse 30 1',
  'main;serve;write@libc.so.6 20 20',
  'main;(*conn).close 40 40',
)
const nameOf = (node: number): string | undefined => tree.frames.name[tree.frame[node]!]

test('nested matches are part of the outer one', () => {
  const found = searchTree(tree, 'parse')
  expect(found).toMatchObject({ total: 40, base: 5 })
  expect(Array.from(found!.nodes, nameOf)).toEqual(['parse'])
  expect(Array.from(found!.frames).filter(Boolean)).toHaveLength(1)
})

test.each([
  ['PARSE', 40],
  ['^regex', 30],
  ['parse|write', 60],
  ['libc', 20],
  ['(*conn).close', 40],
  ['(', 40],
  ['[', 0],
  ['nothing', 0],
])('%s stands for %d of 100', (query, total) => {
  expect(searchTree(tree, query)?.total).toBe(total)
})

test('no query is not a query that finds nothing', () => {
  expect(searchTree(tree, '  ')).toBeUndefined()
})

test('within a box only what lies in it counts', () => {
  const close = Array.from({ length: tree.length }, (_, node) => node).find((node) => nameOf(node) === '(*conn).close')!
  expect(searchTree(tree, 'main|conn', close)?.total).toBe(40)
  expect(searchTree(tree, 'parse', close)?.total).toBe(0)
})

test('a path key finds its node again in another slice, and tells recursion apart', () => {
  const inner = Array.from({ length: tree.length }, (_, node) => node).filter((node) => nameOf(node) === 'parse')[1]!
  const key = pathKey(tree, inner)
  expect(key).toMatch(/^[0-9a-f]{8}$/)
  expect(findPath(tree, key)).toBe(inner)
  const slice = drawnTree('main;other 99', 'main;serve;parse;regexExec;parse 3')
  const again = findPath(slice, key)
  expect(slice.depth[again]).toBe(5)
  expect(findPath(slice, pathKey(tree, 0))).toBe(-1)
  expect(findPath(slice, 'zzz')).toBe(-1)
})
