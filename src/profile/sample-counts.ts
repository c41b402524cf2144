// How many samples the values of a profile stand for: what is chance is told from that, not from bytes or nanoseconds.
//
//   samples/count  cpu/nanoseconds  page-faults/count
//               2         20000000                  0     two samples of CPU time
//               0                0                 57     one of page faults, which stands for 57
//
//   alloc_objects/count  alloc_space/bytes, one sample per 512 KiB of space
//                  2048             524416     one allocation was sampled: pprof says how many it stands for
import { int64At, int64Reader, setInt64, toNumbers, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'

/**
 * Per row, how many samples of a value type it is, without sign.
 * @returns undefined where neither the format nor its period tells: mutex profiles, for one, scale by a rate unsaid
 */
export function sampleCounts(profile: Profile, sampleType: number): BigInt64Array | undefined {
  const { samples, sampleTypes, period, periodType } = profile
  const wanted = sampleTypes[sampleType]
  const values = samples.values[sampleType]
  if (!wanted || !values) return undefined
  const { length } = samples
  const words = wordsOf(values)
  const isOf = (row: number): boolean => words[2 * row] !== 0 || words[2 * row + 1] !== 0
  const counted = samples.values[sampleTypes.findIndex(({ type, unit }) => type === 'samples' && unit === 'count')]
  if (counted) {
    const counts = wordsOf(counted)
    // In a recording of several events it counts the samples of one of them.
    const own = columnOf(length, (row) => (isOf(row) ? Math.abs(int64At(counts, row)) : 0))
    if (sumOf(own) > 0) return own
  }
  if (period > 0n && wanted.type === periodType?.type && wanted.unit === periodType.unit) {
    const every = Number(period)
    return columnOf(length, (row) => Math.floor(Math.abs(int64At(words, row)) / every))
  }
  const { offsetMs } = samples
  // What knows its moment was sampled then.
  if (offsetMs) return columnOf(length, (row) => (isOf(row) && !Number.isNaN(offsetMs[row]) ? 1 : 0))
  return allocationCounts(profile, wanted.type)
}

/** The same of the default value, row by row; a row of unknown count is one. */
export function sampleCounter(profile: Profile): (row: number) => number {
  const counts = sampleCounts(profile, profile.defaultType)
  return counts ? int64Reader(counts) : () => 1
}

export function sumOf(counts: BigInt64Array): number {
  const words = wordsOf(counts)
  let sum = 0
  for (let row = 0; row < counts.length; row++) sum += int64At(words, row)
  return sum
}

/** Without a BigInt per row: a recording of 600 000 samples is described in the title of its picture. */
function columnOf(length: number, countAt: (row: number) => number): BigInt64Array {
  const column = new BigInt64Array(length)
  const words = wordsOf(column)
  for (let row = 0; row < length; row++) setInt64(words, row, countAt(row))
  return column
}

/**
 * Allocations that were sampled. An allocation of s bytes is, once per `period` bytes on average, with a probability of
 * 1 - exp(-s / period), and pprof's writers divide by that (scaleHeapSample in Go's runtime/pprof/protomem.go).
 */
function allocationCounts(
  { samples, sampleTypes, period, periodType }: Profile,
  wanted: string,
): BigInt64Array | undefined {
  if (period <= 0n || periodType?.type !== 'space' || periodType.unit !== 'bytes') return undefined
  // alloc_objects and alloc_space, inuse_objects and inuse_space; objects and space in older ones.
  const valuesOf = (what: string): Float64Array | undefined => {
    const type = wanted.replace(/(objects|space)$/, what)
    const column = samples.values[sampleTypes.findIndex((one) => one.type === type)]
    return column && toNumbers(column)
  }
  const [objects, space] = [valuesOf('objects'), valuesOf('space')]
  if (!objects || !space) return undefined
  const every = Number(period)
  return columnOf(objects.length, (row) => {
    const count = Math.abs(objects[row]!)
    return count === 0 ? 0 : Math.round(count * (1 - Math.exp(-Math.abs(space[row]!) / count / every)))
  })
}
