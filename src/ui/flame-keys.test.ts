// Arrow keys reach every box with a width.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { layoutTree } from '../flame/layout.ts'
import { directionOf, neighbour, nextMatch } from './flame-keys.ts'

const tree = drawnTree('main;parse;lex 40 0', 'main;gone 0 5', 'main;draw 30 0')
const layout = layoutTree(tree)
const node = (name: string): number => Array.from(tree.frame).findIndex((row) => tree.frames.name[row] === name)

test('up, down and sideways, past boxes without width', () => {
  expect(neighbour(layout, 0, 'child')).toBe(node('main'))
  expect(neighbour(layout, node('main'), 'child')).toBe(node('parse'))
  expect(neighbour(layout, node('parse'), 'right')).toBe(node('draw'))
  expect(neighbour(layout, node('draw'), 'left')).toBe(node('parse'))
  expect(neighbour(layout, node('lex'), 'parent')).toBe(node('parse'))
})

test('at the edges nothing moves, and the first key enters at the root', () => {
  expect(neighbour(layout, -1, 'right')).toBe(0)
  expect(neighbour(layout, 0, 'parent')).toBe(0)
  expect(neighbour(layout, 0, 'left')).toBe(0)
  expect(neighbour(layout, node('draw'), 'right')).toBe(node('draw'))
  expect(neighbour(layout, node('lex'), 'child')).toBe(node('lex'))
  expect(neighbour(layoutTree(drawnTree('main 1', 'x 0')), 1, 'right')).toBe(1)
})

test('arrows follow the picture, whichever end the root is at', () => {
  expect(['ArrowUp', 'ArrowDown'].map((key) => directionOf(key, 'top'))).toEqual(['parent', 'child'])
  expect(['ArrowUp', 'ArrowDown'].map((key) => directionOf(key, 'bottom'))).toEqual(['child', 'parent'])
  expect(directionOf('a', 'top')).toBeUndefined()
})

test('matches are stepped through in a ring', () => {
  const nodes = Int32Array.of(3, 8, 20)
  expect([nextMatch(nodes, -1, 1), nextMatch(nodes, 3, 1), nextMatch(nodes, 20, 1)]).toEqual([3, 8, 3])
  expect([nextMatch(nodes, 8, -1), nextMatch(nodes, 3, -1)]).toEqual([3, 20])
  expect(nextMatch(Int32Array.of(), 0, 1)).toBe(-1)
})
