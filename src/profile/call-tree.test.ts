// Trees drawn from few stacks: sums, order, roots, inversion and the difference of two.
import { expect, test } from 'vitest'
import { drawProfile, printTree } from '../../test/drawn-stacks.ts'
import { ProfileBuilder } from './builder.ts'
import { buildCallTree, diffTrees } from './call-tree.ts'
import { sampleTest } from './select.ts'

const simple = drawProfile(`
  main;parse;read 3
  main;idle 1
  main;parse 2
  main;parse;read 4
`)

test('merges equal ways from the root, heaviest first', () => {
  expect(printTree(buildCallTree(simple))).toBe(
    ['root 0/10', '  main 0/10', '    parse 2/9', '      read 7/7', '    idle 1/1'].join('\n'),
  )
})

test('gives each node the range of its subtree and the row of its parent', () => {
  const tree = buildCallTree(simple)
  expect([...tree.end]).toEqual([5, 5, 4, 4, 5])
  expect([...tree.parent]).toEqual([-1, 0, 1, 2, 1])
})

test('breaks ties by name, whatever the order of the samples', () => {
  const drawing = ['a;z 1', 'a;b 1', 'a;m 1']
  const names = (lines: string[]): string => printTree(buildCallTree(drawProfile(lines.join('\n'))))
  expect(names(drawing)).toBe(names(drawing.toReversed()))
  expect(names(drawing)).toBe(['root 0/3', '  a 0/3', '    b 1/1', '    m 1/1', '    z 1/1'].join('\n'))
})

test('counts the chosen sample type and the samples that pass the filter', () => {
  const profile = drawProfile('a;b 1 100 @0\na;c 2 50 @500\na;c 1 30 @900', ['samples/count', 'cpu/nanoseconds'])
  expect(buildCallTree(profile).total[0]).toBe(180)
  expect(buildCallTree(profile).unit).toBe('nanoseconds')
  const late = buildCallTree(profile, { sampleType: 0, filter: sampleTest(profile, { fromMs: 500, toMs: 900 }) })
  expect(printTree(late)).toBe(['root 0/2', '  a 0/2', '    c 2/2'].join('\n'))
})

test('expands inlined frames outermost first', () => {
  const builder = new ProfileBuilder([{ type: 'samples', unit: 'count' }])
  const [inner, outer] = ['inner', 'outer'].map((name) => ({ function: builder.internFunction({ name }) }))
  const mapping = builder.internMapping({ file: '/usr/bin/app' })
  const both = builder.internLocation({ mapping, address: 1n, lines: [inner!, outer!] })
  const bare = builder.internLocation({ mapping, address: 2n })
  builder.addSample(builder.internStack([both, bare]), [1])
  const tree = buildCallTree(builder.build())
  expect(printTree(tree)).toBe(['root 0/1', '  [app] 0/1', '    outer 0/1', '      inner 1/1'].join('\n'))
  const kindOf = (name: string): string => tree.frames.kind[tree.frames.name.indexOf(name)]!
  expect([kindOf('inner'), kindOf('outer'), kindOf('[app]')]).toEqual(['inlined', 'native', 'native'])
})

test('puts processes and threads below the root', () => {
  const profile = drawProfile(`
    a 1 {pid=7 tid=9 comm=worker}
    a 2 {pid=7 tid=7 comm=server}
    b 4 {pid=8 tid=8 comm=idle}
    c 1
  `)
  expect(printTree(buildCallTree(profile, { rootBy: 'process' }))).toBe(
    ['root 0/8', '  idle (8) 0/4', '    b 4/4', '  server (7) 0/3', '    a 3/3', '  c 1/1'].join('\n'),
  )
  expect(printTree(buildCallTree(profile, { rootBy: 'thread' }))).toContain(
    '  server (7) 0/3\n    server (7) 0/2\n      a 2/2\n    worker (9) 0/1\n      a 1/1',
  )
})

test('inverts: functions first, then who called them', () => {
  expect(printTree(buildCallTree(simple, { invert: true }))).toBe(
    [
      'root 0/10',
      '  read 0/7',
      '    parse 0/7',
      '      main 7/7',
      '  parse 0/2',
      '    main 2/2',
      '  idle 0/1',
      '    main 1/1',
    ].join('\n'),
  )
})

test('diff compares shares: the baseline is scaled to the same total', () => {
  const before = buildCallTree(drawProfile('main;idle 3\nmain;gone 1\nmain 1'))
  expect(printTree(diffTrees(before, buildCallTree(simple)))).toBe(
    [
      'root 0/10 (0/10)',
      '  main 0/10 (2/10)',
      '    parse 2/9 (0/0)',
      '      read 7/7 (0/0)',
      '    idle 1/1 (6/6)',
      '    gone 0/0 (2/2)',
    ].join('\n'),
  )
  expect(diffTrees(before, buildCallTree(simple), { baseScale: 1 }).base?.total[0]).toBe(5)
})

test('a diff against nothing has an empty baseline', () => {
  const nothing = buildCallTree(drawProfile('a 0'))
  expect(nothing.length).toBe(1)
  expect(diffTrees(nothing, buildCallTree(simple)).base?.total[0]).toBe(0)
})

test('a stack deeper than the 16 bits of depth is kept at the deepest node', () => {
  const tree = buildCallTree(drawProfile(`${Array.from({ length: 70_000 }, (_, i) => `f${i}`).join(';')} 5`))
  expect(tree.length).toBe(65_535)
  expect(tree.self[tree.length - 1]).toBe(5)
  expect(tree.total[0]).toBe(5)
})
