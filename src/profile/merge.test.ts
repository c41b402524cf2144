// What merging does that pprof cannot show: times of samples, messages, losses. Sums are in pprof-reference.test.ts.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { mergeProfiles, ProfileMerger } from './merge.ts'

test('samples keep their moment, counted from the earliest start', () => {
  const late = { ...drawProfile('a 1 @100\nb 1'), timeNanos: 2_000_000_000n, durationNanos: 5n }
  const early = { ...drawProfile('a 1 @100\na 2 @1100'), timeNanos: 1_000_000_000n, durationNanos: 7n }
  const merged = mergeProfiles([late, early])
  expect(merged.timeNanos).toBe(1_000_000_000n)
  expect(merged.durationNanos).toBe(12n)
  // The late one's a@100 and the early one's a@1100 are the same moment.
  expect([...merged.samples.offsetMs!]).toEqual([1100, Number.NaN, 100])
  expect([...merged.samples.values[0]!]).toEqual([3n, 1n, 1n])
})

test('names both where types differ', () => {
  const merger = new ProfileMerger()
  merger.add(drawProfile('a 1 2', ['samples/count', 'cpu/nanoseconds']))
  expect(() => merger.add(drawProfile('a 1', ['inuse_space/bytes']), 'heap.pb.gz')).toThrow(
    expect.objectContaining({
      code: 'INCOMPATIBLE',
      message: expect.stringMatching(/samples\/count, cpu\/nanoseconds.*heap\.pb\.gz has inuse_space\/bytes/),
    }),
  )
  const timed = { ...drawProfile('a 1'), periodType: { type: 'cpu', unit: 'nanoseconds' } }
  expect(() => mergeProfiles([drawProfile('a 1'), timed])).toThrow(/per none.*per cpu\/nanoseconds/)
  expect(() => mergeProfiles([])).toThrow(expect.objectContaining({ code: 'EMPTY' }))
})

test('losses add up, comments do not repeat', () => {
  const lossy = { ...drawProfile('a 1'), losses: [{ what: 'samples lost', count: 3 }], comments: ['host: a'] }
  const merged = mergeProfiles([lossy, lossy])
  expect(merged.losses).toEqual([{ what: 'samples lost', count: 6 }])
  expect(merged.comments).toEqual(['host: a'])
})
