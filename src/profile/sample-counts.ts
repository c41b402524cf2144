// How many samples the values of a profile stand for: what is chance is told from that, not from bytes or nanoseconds.
//
//   samples/count  cpu/nanoseconds  page-faults/count
//               2         20000000                  0     two samples of CPU time
//               0                0                 57     one of page faults, which stands for 57
//
//   alloc_objects/count  alloc_space/bytes, one sample per 512 KiB of space
//                  2048             524416     one allocation was sampled: pprof says how many it stands for
import { int64At, setInt64, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'

/** Of a row, how many samples of a value type it is, without sign. */
export type SampleCounter = (row: number) => number

/** @returns undefined where neither the format nor its period tells: mutex profiles, for one, scale by a rate unsaid */
export function sampleCounter(profile: Profile, sampleType = profile.defaultType): SampleCounter | undefined {
  const { samples, sampleTypes, period, periodType } = profile
  const wanted = sampleTypes[sampleType]
  const values = samples.values[sampleType]
  if (!wanted || !values) return undefined
  const words = wordsOf(values)
  const isOf = (row: number): boolean => words[2 * row] !== 0 || words[2 * row + 1] !== 0
  const counted = countColumn(profile)
  if (counted) {
    const counts = wordsOf(counted)
    // In a recording of several events it counts the samples of one of them.
    const ofRow: SampleCounter = (row) => (isOf(row) ? Math.abs(int64At(counts, row)) : 0)
    if (sumOf(ofRow, samples.length) > 0) return ofRow
  }
  if (period > 0n && wanted.type === periodType?.type && wanted.unit === periodType.unit) {
    const every = Number(period)
    return (row) => Math.floor(Math.abs(int64At(words, row)) / every)
  }
  const { offsetMs } = samples
  // What knows its moment was sampled then.
  if (offsetMs) return (row) => (isOf(row) && !Number.isNaN(offsetMs[row]) ? 1 : 0)
  return allocationCounter(profile, wanted.type)
}

/** The same of the default value; a row of unknown count is one. */
export const samplesOfRow = (profile: Profile): SampleCounter => sampleCounter(profile) ?? (() => 1)

/** What the profile itself counts as samples, of whatever kind: a row may be several of equal stack, labels and time. */
export const countColumn = ({ samples, sampleTypes }: Profile): BigInt64Array | undefined =>
  samples.values[sampleTypes.findIndex(({ type, unit }) => type === 'samples' && unit === 'count')]

/** How many samples the values are of; undefined where the format does not say, as of delays at mutexes. */
export function sampleCount(profile: Profile, sampleType = profile.defaultType): number | undefined {
  const ofRow = sampleCounter(profile, sampleType)
  return ofRow && sumOf(ofRow, profile.samples.length)
}

/** As a column; of none where nobody knows. */
export function sampleCounts(profile: Profile, sampleType: number): BigInt64Array {
  const ofRow = sampleCounter(profile, sampleType)
  const column = new BigInt64Array(profile.samples.length)
  const words = wordsOf(column)
  // Without a BigInt per row.
  if (ofRow) for (let row = 0; row < column.length; row++) setInt64(words, row, ofRow(row))
  return column
}

function sumOf(ofRow: SampleCounter, length: number): number {
  let sum = 0
  for (let row = 0; row < length; row++) sum += ofRow(row)
  return sum
}

/**
 * Allocations that were sampled. An allocation of s bytes is, once per `period` bytes on average, with a probability of
 * 1 - exp(-s / period), and pprof's writers divide by that (scaleHeapSample in Go's runtime/pprof/protomem.go).
 */
function allocationCounter(
  { samples, sampleTypes, period, periodType }: Profile,
  wanted: string,
): SampleCounter | undefined {
  if (period <= 0n || periodType?.type !== 'space' || periodType.unit !== 'bytes') return undefined
  // alloc_objects and alloc_space, inuse_objects and inuse_space; objects and space in older ones.
  const wordsOfType = (what: string): Int32Array | undefined => {
    const type = wanted.replace(/(objects|space)$/, what)
    const column = samples.values[sampleTypes.findIndex((one) => one.type === type)]
    return column && wordsOf(column)
  }
  const [objects, space] = [wordsOfType('objects'), wordsOfType('space')]
  if (!objects || !space) return undefined
  const every = Number(period)
  return (row) => {
    const count = Math.abs(int64At(objects, row))
    return count === 0 ? 0 : Math.round(count * (1 - Math.exp(-Math.abs(int64At(space, row)) / count / every)))
  }
}
