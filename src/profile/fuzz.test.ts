// Damaged files of the formats of this folder: pprof, its older text, folded, perf script, and gzip around them.
// What is read of them must also be fit for everything that is done with profiles.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { fuzz } from '../../test/mutate.ts'
import { buildCallTree } from './call-tree.ts'
import { diffFunctions, subtractProfile } from './diff.ts'
import { parseFolded, printFolded } from './folded.ts'
import { readProfile } from './formats.ts'
import { parsePerfScript } from './perf-script.ts'
import { printPerfScript } from './perf-script-print.ts'
import { decodePprof, readPprof } from './pprof-decode.ts'
import { encodePprof } from './pprof-encode.ts'
import { parseLegacyPprof } from './pprof-legacy.ts'
import type { Profile } from './profile.ts'
import { selectSamples } from './select.ts'
import { dropUninteresting } from './transform.ts'
import { flattenRecursion } from './tree-transform.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
/** Small files: damage is spread over thousands of tries, and each try of a large file costs as much as a hundred. */
const load = (folder: string, maxBytes = 20_000): Buffer[] =>
  readdirSync(join(fixtures, folder))
    .map((name) => readFileSync(join(fixtures, folder, name)))
    .filter((file) => file.length <= maxBytes)

/** Two seconds each: ten in all. */
const seconds = 2

function use(profile: Profile): void {
  const tree = buildCallTree(profile, { rootBy: 'thread' })
  expect(tree.end[0]).toBe(tree.length)
  flattenRecursion(tree)
  buildCallTree(profile, { invert: true })
  diffFunctions(profile, profile)
  dropUninteresting(selectSamples(profile, { hide: /a/, focus: /./ }))
  expect(subtractProfile(profile, profile).samples.length).toBe(0)
  const again = decodePprof(encodePprof(profile))
  expect(again.samples.length).toBe(profile.samples.length)
  expect(again.samples.values).toEqual(profile.samples.values)
  printFolded(profile)
  printPerfScript(profile)
}

const parsers: readonly (readonly [string, readonly Uint8Array[], (bytes: Uint8Array) => Profile])[] = [
  ['pprof', load('pprof').map((file) => gunzipSync(file)), readPprof],
  ['pprof-legacy', load('pprof-legacy'), parseLegacyPprof],
  ['folded', load('folded'), parseFolded],
  ['perf-script', load('perf-script'), (bytes) => parsePerfScript(bytes)],
]

test.each(parsers)('%s', async (_, files, parse) => {
  const { inputs, refused } = await fuzz({ files, parse: (bytes) => use(parse(bytes)), seconds })
  expect(inputs).toBeGreaterThan(20)
  expect(refused).toBeLessThan(inputs)
})

test('whatever is packed and whatever it looks like', async () => {
  const files = [...load('pprof', 3000), ...load('folded'), ...load('pprof-legacy', 3000)]
  const parse = async (bytes: Uint8Array): Promise<unknown> => readProfile(bytes, { maxBytes: 50_000_000 })
  const { inputs } = await fuzz({ files, parse, seconds })
  expect(inputs).toBeGreaterThan(20)
})
