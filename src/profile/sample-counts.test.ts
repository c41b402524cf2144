// Samples behind values, as the programs that wrote them counted them.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { diffFunctions } from './diff.ts'
import { parseLegacyPprof } from './pprof-legacy.ts'
import type { Profile } from './profile.ts'
import { sampleCount } from './sample-counts.ts'

const countOf = (profile: Profile, type: string): number | undefined =>
  sampleCount(
    profile,
    profile.sampleTypes.findIndex((one) => one.type === type),
  )

test('of memory it is what the program sampled, which its own header says', () => {
  const text = readFileSync(new URL('../../test/fixtures/pprof-legacy/heap-v2.txt', import.meta.url))
  // heap profile:     11:   272640 [    35:   891904] @ heap_v2/524288
  const profile = parseLegacyPprof(text)
  expect([countOf(profile, 'inuse_space'), countOf(profile, 'alloc_space')]).toEqual([11, 35])
  expect([countOf(profile, 'inuse_objects'), countOf(profile, 'alloc_objects')]).toEqual([11, 35])
})

test('of several events each has its own', () => {
  const drawn = drawProfile('main;work 20 200 0\nmain;grow 0 0 900 @5\nmain;grow 0 0 700 @6', [
    'samples/count',
    'cpu/nanoseconds',
    'page-faults/count',
  ])
  expect([countOf(drawn, 'cpu'), countOf(drawn, 'page-faults'), countOf(drawn, 'samples')]).toEqual([20, 2, 20])
})

test('of delays at mutexes nobody knows it, so no change is called more than chance', () => {
  const types = ['contentions/count', 'delay/nanoseconds']
  const before = drawProfile('main;lock 100 1000000\nmain;other 1 1', types)
  const during = drawProfile('main;lock 1 1\nmain;other 100 1000000', types)
  expect(countOf(before, 'delay')).toBeUndefined()
  expect(diffFunctions(before, during, { sampleType: 1 }).functions.some((row) => row.isSignificant)).toBe(false)
})

test('three sampled allocations are never a change, hundreds of different stacks of one value neither', () => {
  const memory = (drawing: string): Profile => ({
    ...drawProfile(drawing, ['alloc_objects/count', 'alloc_space/bytes']),
    periodType: { type: 'space', unit: 'bytes' },
    period: 524_288n,
  })
  // 1 638 objects of 64 bytes and 104 857 600 bytes of them: 200 samples.
  const quiet = memory('main;steady 1638400 104857600')
  const loud = (samples: number) =>
    memory(`main;steady 1638400 104857600\nmain;leak ${8192 * samples} ${524_288 * samples}`)
  const isMarked = (during: Profile) =>
    diffFunctions(quiet, during, { sampleType: 1 }).functions.find((row) => row.function === 'leak')?.isSignificant
  expect([isMarked(loud(3)), isMarked(loud(300))]).toEqual([false, true])
})
