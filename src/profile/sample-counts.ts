// How many samples the values of a profile stand for: what is chance is told from that, not from bytes or nanoseconds.
//
//   samples/count  cpu/nanoseconds  page-faults/count
//               2         20000000                  0     two samples of CPU time
//               0                0                 57     one of page faults, which stands for 57
//
//   alloc_objects/count  alloc_space/bytes, one sample per 512 KiB of space
//                  2048             524416     one allocation was sampled: pprof says how many it stands for
import { toNumbers } from './int64.ts'
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
  const counts = samples.values[sampleTypes.findIndex(({ type, unit }) => type === 'samples' && unit === 'count')]
  if (counts) {
    // In a recording of several events it counts the samples of one of them.
    const own = counts.map((count, row) => (values[row] === 0n ? 0n : magnitude(count)))
    if (own.some((count) => count > 0n)) return own
  }
  if (period > 0n && wanted.type === periodType?.type && wanted.unit === periodType.unit) {
    return values.map((value) => magnitude(value) / period)
  }
  const { offsetMs } = samples
  // What knows its moment was sampled then.
  if (offsetMs) return values.map((value, row) => (value === 0n || Number.isNaN(offsetMs[row]) ? 0n : 1n))
  return allocationCounts(profile, wanted.type)
}

export function sumOf(counts: BigInt64Array): number {
  return Number(counts.reduce((sum, count) => sum + count, 0n))
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

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
  const columnOf = (what: string): Float64Array | undefined => {
    const type = wanted.replace(/(objects|space)$/, what)
    const column = samples.values[sampleTypes.findIndex((one) => one.type === type)]
    return column && toNumbers(column)
  }
  const [objects, space] = [columnOf('objects'), columnOf('space')]
  if (!objects || !space) return undefined
  return BigInt64Array.from(objects, (count, row) => {
    const sizeBytes = count === 0 ? 0 : Math.abs(space[row]! / count)
    return BigInt(Math.round(Math.abs(count) * (1 - Math.exp(-sizeBytes / Number(period)))))
  })
}
