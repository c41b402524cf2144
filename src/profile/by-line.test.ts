// Functions by source line, against `go tool pprof -lines`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { goPprof, parseTop, wholeTop } from '../../test/go-pprof.ts'
import { ProfileBuilder } from './builder.ts'
import { splitByLine } from './by-line.ts'
import { decodePprof } from './pprof-decode.ts'
import { topFunctions } from './top.ts'

test('a pprof has the rows of `go tool pprof -lines`', () => {
  const path = join(import.meta.dirname, '../../test/fixtures/pprof/shop-cpu-1.pb.gz')
  const profile = splitByLine(decodePprof(gunzipSync(readFileSync(path))))
  const ours = topFunctions(profile).functions.map((row) => `${row.function} ${row.self}/${row.total}`)
  // pprof prints whole paths, and `(inline)` behind what only was inlined.
  const theirs = parseTop(goPprof('lines-shop-cpu-1.txt', [...wholeTop('nanoseconds'), '-lines', path]).toString()).map(
    ({ name, self, total }) => `${name.replace(/ \S*\/([^/]+:\d+)$/, ' $1')} ${self}/${total}`,
  )
  expect(ours.sort()).toEqual(theirs.sort())
  expect(ours.length).toBeGreaterThan(100)
})

test('without a line the name stays; without a file the line says what it is', () => {
  const builder = new ProfileBuilder([{ type: 'samples', unit: 'count' }])
  const places = [
    builder.internFrame('parse', { filename: '/app/cart.c', line: 42, module: '/app/cart' }),
    builder.internFrame('parse', { filename: '/app/cart.c', line: 57, module: '/app/cart' }),
    builder.internFrame('parse', { line: 3 }),
    builder.internFrame('memcpy'),
  ]
  for (const place of places) builder.addSample(builder.internStack([place]), [1])
  const profile = builder.build()
  // What is known of a profile is kept by its tables: the split one has its own.
  expect(topFunctions(profile).functions.map((row) => row.function)).toEqual(['parse', 'memcpy'])
  const split = topFunctions(splitByLine(profile)).functions
  expect(split.map((row) => row.function)).toEqual(['memcpy', 'parse cart.c:42', 'parse cart.c:57', 'parse line 3'])
  expect(split[1]?.module).toBe('cart')
})
