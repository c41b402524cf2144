// Pictures of one profile, from drawn stacks and from a difference that Go made.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { readPprof } from '../profile/pprof-decode.ts'
import { drawFlameGraph, type TreeWishes } from './flame-graph.ts'

/** Names of the boxes with their totals, as they stand. */
const boxesOf = (svg: string): string[] =>
  [...svg.matchAll(/<title>(.*)\n.*\ntotal ([^(,]*) \(/g)].map(([, name, total]) => `${name} ${total}`)

const draw = (drawing: string, wishes: TreeWishes = {}): string[] =>
  boxesOf(drawFlameGraph({ profile: drawProfile(drawing), sampleType: 0 }, { name: 'drawn', ...wishes }))

test('recursion is drawn as it is, or as one turn', () => {
  const recursive = 'main;walk;walk;read 3\nmain;walk;stat;walk;read 1'
  expect(draw(recursive)).toContain('stat 1')
  expect(draw(recursive, { flatten: true })).toEqual(['all 4', 'main 4', 'walk 4', 'read 4'])
  expect(draw(recursive, { flatten: true, of: 'walk', invert: true })).toEqual(['all 4', 'walk 4', 'main 4'])
})

test('of a heap profile over two seconds what grew is drawn, and the rest is said', () => {
  const file = new URL('../../test/fixtures/pprof/go-heap-delta.pb.gz', import.meta.url)
  const profile = readPprof(gunzipSync(readFileSync(file)))
  // go tool pprof -top: main.hotInner 524 304 B more, main.alloc 1 579 016 B and trace.Start 1 212 696 B less.
  const svg = drawFlameGraph({ profile, sampleType: profile.defaultType }, { name: 'heap' })
  expect(boxesOf(svg)).toEqual(['all 524.3 kB', 'main.burn 524.3 kB', 'main.hotInner 524.3 kB'])
  expect(svg).toContain('without -2.8 MB that shrank: a picture shows what grew')
})

test('what only shrank is no empty picture', () => {
  expect(() => draw('main;freed -4')).toThrow(
    'drawn has only -4 that shrank: a picture shows what grew; top shows both',
  )
})
