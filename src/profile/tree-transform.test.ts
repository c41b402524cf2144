// Recursion folded, and one function seen from both sides.
import { expect, test } from 'vitest'
import { drawProfile, printTree } from '../../test/drawn-stacks.ts'
import { buildCallTree, type CallTree, diffTrees } from './call-tree.ts'
import { flattenRecursion, sandwich } from './tree-transform.ts'

const tree = (drawing: string): CallTree => buildCallTree(drawProfile(drawing))
const named = (of: CallTree, name: string) => (frame: number) => of.frames.name[frame] === name

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

test('sandwich: callers and callees of a function, the outermost call counting once', () => {
  const both = tree('main;x;f;g 1\nmain;y;f;f;h 2\nmain;x;f 4\nmain;z 8')
  const { callers, callees } = sandwich(both, named(both, 'f'))
  expect(printTree(callers)).toBe(
    ['root 0/7', '  f 0/7', '    x 0/5', '      main 5/5', '    y 0/2', '      main 2/2'].join('\n'),
  )
  expect(printTree(callees)).toBe(['root 0/7', '  f 4/7', '    f 0/2', '      h 2/2', '    g 1/1'].join('\n'))
})

test('a difference stays one', () => {
  const diff = diffTrees(tree('main;f;g 2'), tree('main;f;f;g 2'))
  expect(printTree(flattenRecursion(diff))).toBe(
    ['root 0/2 (0/2)', '  main 0/2 (0/2)', '    f 0/2 (0/2)', '      g 2/2 (2/2)'].join('\n'),
  )
  expect(sandwich(diff, named(diff, 'g')).callers.base?.total[0]).toBe(2)
})
