// The table's numbers are those of `topFunctions`, which is compared with `go tool pprof -top` elsewhere.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { ProfileBuilder } from '../profile/builder.ts'
import { buildCallTree } from '../profile/call-tree.ts'
import { topFunctions } from '../profile/top.ts'
import { firstSight, functionColumns, hotPath } from './functions.ts'

const stacks = ['a;b;a;c', 'a;b', 'a;a;a', 'b;c;b;c', 'c', 'a;b;a;c;d']

test('self and total per function, recursion once, equal those of the profile', () => {
  const builder = new ProfileBuilder([{ type: 'cpu', unit: 'nanoseconds' }])
  stacks.forEach((stack, i) => {
    const frames = stack.split(';').map((name) => builder.internFrame(name))
    builder.addSample(builder.internStack(frames.reverse()), [10 ** i])
  })
  const profile = builder.build()
  const tree = buildCallTree(profile)
  const { self, total } = functionColumns(tree)
  const rows = tree.frames.name.map((name, row) => [name, self[row], total[row]])
  const expected = topFunctions(profile).functions.map((one) => [one.function, one.self, one.total])
  expect(rows.sort()).toEqual(expected.sort())
})

test('within a box only its calls count', () => {
  const tree = drawnTree('main;parse;lex 40', 'main;draw;lex 30')
  const draw = Array.from(tree.frame).indexOf(tree.frames.name.indexOf('draw'))
  const { total } = functionColumns(tree, draw)
  expect(total[tree.frames.name.indexOf('lex')]).toBe(30)
  expect(total[tree.frames.name.indexOf('parse')]).toBe(0)
})

test('the hot path ends where the time is spent', () => {
  const tree = drawnTree('main 5', 'main;serve 10', 'main;serve;regex 60', 'main;serve;regex;step 20', 'main;log 5')
  expect(hotPath(tree).map((node) => tree.frames.name[tree.frame[node]!])).toEqual(['main', 'serve', 'regex'])
  expect(hotPath(drawnTree())).toEqual([])
})

test('what is looked at first is wide enough to be read', () => {
  const nameOf = (tree: ReturnType<typeof drawnTree>): string | undefined =>
    tree.frames.name[tree.frame[firstSight(tree)]!]
  expect(nameOf(drawnTree('main;serve;regex 60', 'main;log 5'))).toBe('regex')
  const wide = Array.from({ length: 20 }, (_, i) => `main;serve;handler${i};step 5`)
  expect(nameOf(drawnTree(...wide))).toBe('serve')
  expect(firstSight(drawnTree())).toBe(0)
})
