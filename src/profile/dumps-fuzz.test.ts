// Damaged dumps, recordings and JSON profiles: refused with a reason or read with losses counted, within the bounds of
// test/mutate.ts, and what is read is fit for pictures and for every writer.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { fuzz } from '../../test/mutate.ts'
import { Failure } from '../model/errors.ts'
import { parseArthasProfile } from './arthas.ts'
import { buildCallTree } from './call-tree.ts'
import { parseChromeTrace, parseCpuProfile } from './cpuprofile-profile.ts'
import { writeCpuProfile } from './cpuprofile-write.ts'
import { isDump, printDump, readDump } from './dumps.ts'
import { parseCountedGoroutineProfile, parseGoroutineStackProfile } from './goroutines-profile.ts'
import { parseHeapProfile } from './heapprofile.ts'
import { parseJfr } from './jfr.ts'
import { parseJfrProfile } from './jfr-profile.ts'
import { decodePprof } from './pprof-decode.ts'
import { encodePprof } from './pprof-encode.ts'
import type { Profile } from './profile.ts'
import { parseSpeedscope } from './speedscope.ts'
import { writeSpeedscope } from './speedscope-write.ts'
import { parseHotspotThreadProfile, parseThreadFileProfile, parseThreadJsonProfile } from './thread-dump-profile.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
/** Small files: each try of a large one costs as much as many of these. */
const load = (folder: string, names: RegExp, maxBytes = 50_000): Uint8Array[] =>
  readdirSync(join(fixtures, folder))
    .filter((name) => names.test(name))
    .map((name) => readFileSync(join(fixtures, folder, name)))
    .map((file) => (file[0] === 0x1f ? gunzipSync(file) : file))
    .filter((file) => file.length <= maxBytes)

/** Ten in all; `make fuzz` gives each an hour. */
const seconds = 1

function use(profile: Profile): void {
  buildCallTree(profile, { rootBy: 'thread' })
  expect(decodePprof(encodePprof(profile)).samples.values).toEqual(profile.samples.values)
  // What the writers make, the readers take, but for trees of more frames than a small file may have.
  for (const again of [
    () => parseSpeedscope(writeSpeedscope(profile)),
    () => parseCpuProfile(writeCpuProfile(profile)),
  ]) {
    try {
      again()
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'TOO_LARGE')) throw error
    }
  }
}

const parsers: readonly (readonly [string, readonly Uint8Array[], (bytes: Uint8Array) => Profile])[] = [
  ['goroutines', load('goroutines', /debug1\.txt$/), parseCountedGoroutineProfile],
  ['goroutine-stacks', load('goroutines', /(debug2.*|panic|system|overflow)\.txt$/), parseGoroutineStackProfile],
  ['threads', load('thread-dump', /(print|crafted)\.txt$/), parseHotspotThreadProfile],
  ['thread-file', load('thread-dump', /dump-to-file\.txt$/), parseThreadFileProfile],
  ['thread-json', load('thread-dump', /dump-to-file\.json$/), parseThreadJsonProfile],
  ['arthas', load('arthas', /\.txt$/), parseArthasProfile],
  ['jfr', load('jfr', /wall\.jfr\.gz$/, 100_000), parseJfrProfile],
  ['cpuprofile', load('cpuprofile', /\.cpuprofile$/), parseCpuProfile],
  ['chrome-trace', load('cpuprofile', /trace\.json$/, 200_000), parseChromeTrace],
  ['heapprofile', load('heapprofile', /\.heapprofile$/), parseHeapProfile],
  ['speedscope', load('speedscope', /\.json$/), parseSpeedscope],
]

test.each(parsers)('%s', async (name, files, parse) => {
  expect(files.length).toBeGreaterThan(0)
  const whole = (bytes: Uint8Array): void => {
    use(parse(bytes))
    if (isDump(bytes)) printDump(readDump(bytes))
    if (name === 'jfr') parseJfr(bytes)
  }
  const { inputs, refused } = await fuzz({ files, parse: whole, seconds })
  expect(inputs).toBeGreaterThan(10)
  expect(refused).toBeLessThan(inputs)
})
