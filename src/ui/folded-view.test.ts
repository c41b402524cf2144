// Folded text of a view, as flamegraph.pl and difffolded.pl read it.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { foldedOf } from './folded-view.ts'

test('one line per stack with self time', () => {
  expect(foldedOf(drawnTree('main 10', 'main;parse;lex 40', 'main;draw 30'))).toBe(
    'main 10\nmain;parse;lex 40\nmain;draw 30\n',
  )
})

test('a diff has the count before and the count now', () => {
  expect(foldedOf(drawnTree('main;new 5 0', 'main;gone 0 7'))).toBe('main;new 0 5\nmain;gone 7 0\n')
})

test('nothing is an empty file', () => {
  expect(foldedOf(drawnTree())).toBe('')
})
