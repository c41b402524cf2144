// Recursion folded, and what grew.
import { expect, test } from 'vitest'
import { drawProfile, printTree } from '../../test/drawn-stacks.ts'
import { buildCallTree, type CallTree, diffTrees } from './call-tree.ts'
import { flattenRecursion, growthOf } from './tree-transform.ts'

const tree = (drawing: string): CallTree => buildCallTree(drawProfile(drawing))

test('folds direct and mutual recursion, keeping self time with its function', () => {
  expect(printTree(flattenRecursion(tree('main;walk;walk;walk;read 3\nmain;walk 1\nmain;walk;walk 2')))).toBe(
    ['root 0/6', '  main 0/6', '    walk 3/6', '      read 3/3'].join('\n'),
  )
  expect(printTree(flattenRecursion(tree('a;b;a;b;c 1\na;b;a 2\na;c 4')))).toBe(
    ['root 0/7', '  a 2/7', '    c 4/4', '    b 0/1', '      c 1/1'].join('\n'),
  )
})

test('without recursion nothing changes', () => {
  const plain = tree('main;a;b 1\nmain;c;b 2')
  expect(printTree(flattenRecursion(plain))).toBe(printTree(plain))
})

test('of a difference what grew is left, and what shrank is said', () => {
  const heap = tree('main;serve;cache 5\nmain;serve;cache;old -3\nmain;trace -8\nmain;serve 2\nmain -1')
  const { tree: grown, shrunk } = growthOf(heap)
  expect(printTree(grown)).toBe(['root 0/7', '  main 0/7', '    serve 2/7', '      cache 5/5'].join('\n'))
  expect(shrunk).toBe(-12)
  const plain = tree('main;a;b 1\nmain;c;b 2')
  expect(growthOf(plain)).toEqual({ tree: plain, shrunk: 0 })
})

test('a difference stays one', () => {
  const diff = diffTrees(tree('main;f;g 2'), tree('main;f;f;g 2'))
  expect(printTree(flattenRecursion(diff))).toBe(
    ['root 0/2 (0/2)', '  main 0/2 (0/2)', '    f 0/2 (0/2)', '      g 2/2 (2/2)'].join('\n'),
  )
})
