// Order and choice of the table's rows.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { functionColumns } from '../flame/functions.ts'
import { searchTree } from '../flame/search.ts'
import { functionRows } from './function-rows.ts'

const tree = drawnTree('main;new 50 0', 'main;same 30 30', 'main;gone 0 40', 'main;less 10 60', 'app (7):thread 0 0')
const columns = functionColumns(tree)
const names = (...[sort, descending, query]: [Parameters<typeof functionRows>[1], boolean, string?]): string[] =>
  functionRows({ tree, columns, matches: query ? searchTree(tree, query)?.frames : undefined }, sort, descending).map(
    ({ row }) => tree.frames.name[row]!,
  )

test.each([
  ['self', true, ['new', 'same', 'less', 'main', 'gone']],
  ['total', true, ['main', 'new', 'same', 'less', 'gone']],
  ['change', true, ['new', 'same', 'main', 'gone', 'less']],
  ['change', false, ['less', 'main', 'gone', 'same', 'new']],
  ['name', false, ['gone', 'less', 'main', 'new', 'same']],
] as const)('by %s, descending: %s', (sort, descending, expected) => {
  expect(names(sort, descending)).toEqual(expected)
})

test('only what matches the search; what has no value at all is no row', () => {
  expect(names('self', true, 'e')).toEqual(['new', 'same', 'less', 'gone'])
})
