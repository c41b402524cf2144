// Callers and callees of a function, against what was drawn and against `top`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildCallTree, type CallTree } from './call-tree.ts'
import { parseFolded } from './folded.ts'
import { readPprof } from './pprof-decode.ts'
import { neighboursOf, sandwichOf } from './sandwich.ts'
import { topFunctions } from './top.ts'

const treeOf = (text: string): CallTree => buildCallTree(parseFolded(new TextEncoder().encode(text)))
const rowsOf = (tree: CallTree, name: string): Set<number> =>
  new Set(tree.frames.name.flatMap((each, row) => (each === name ? [row] : [])))

/** Indented names with their totals. */
const draw = (tree: CallTree): string[] =>
  Array.from({ length: tree.length - 1 }, (_, i) => i + 1).map(
    (node) => `${' '.repeat(tree.depth[node]! - 1)}${tree.frames.name[tree.frame[node]!]} ${tree.total[node]}`,
  )

test('both trees begin at the function', () => {
  const tree = treeOf('main;serve;parse;lex 3\nmain;load;parse 2\nmain;serve 4\n')
  const { callers, callees } = sandwichOf(tree, rowsOf(tree, 'parse'))
  expect(draw(callers)).toEqual(['parse 5', ' serve 3', '  main 3', ' load 2', '  main 2'])
  expect(draw(callees)).toEqual(['parse 5', ' lex 3'])
  expect(neighboursOf(callees)).toMatchObject({ rest: 2, total: 5, neighbours: [{ value: 3 }] })
})

test('recursion counts once, and is seen below', () => {
  const tree = treeOf('main;walk;visit;walk;visit 5\nmain;walk 1\n')
  const { callers, callees } = sandwichOf(tree, rowsOf(tree, 'walk'))
  expect(draw(callers)).toEqual(['walk 6', ' main 6'])
  expect(draw(callees)).toEqual(['walk 6', ' visit 5', '  walk 5', '   visit 5'])
})

test('totals are those of top, for every function of a profile of Go', () => {
  const file = readFileSync(join(import.meta.dirname, '../../test/fixtures/pprof/shop-cpu-1.pb.gz'))
  const profile = readPprof(gunzipSync(file))
  const tree = buildCallTree(profile)
  const { functions } = topFunctions(profile)
  expect(functions.length).toBeGreaterThan(100)
  for (const { function: name, total } of functions) {
    const { callers, callees } = sandwichOf(tree, rowsOf(tree, name))
    expect([callers.total[0], callees.total[0]]).toEqual([total, total])
  }
})
