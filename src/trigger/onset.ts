// When the CPU rose that an alert tells of. The alert itself does not know: it fires after a scrape, a window of a rate
// and a `for`, by when a short spike is over.
//
//   cores  ▁▁▁▁▁▁▁████████▁▁▁▁▁▁▁▁▁▁
//                 rose     ended  the alert fires
import type { UsageSeries } from '../model/usage.ts'

export interface Rise {
  readonly onsetMs: number
  /** Since when it had been quiet, as far as was measured. */
  readonly quietFromMs: number
  /** When it had fallen again, if it had. */
  readonly endedMs?: number
}

/** Means of a second: five readings, in which one odd one does not show. */
const bucketMs = 1000
/** A second or two in between in which it waited belong to the same rise. */
const mostGapBuckets = 3
/** What rises by less stands out of nothing. */
const leastRiseCores = 0.1
const leastRiseShare = 0.5

/**
 * The last rise that began before a moment, and its end, also when that was later.
 * @param atMs when the alert was told of: a rise that began after that is another one
 * @returns undefined when nothing measured stands out: then it was as busy before
 */
export function lastRise({ startMs, stepMs, cores }: UsageSeries, atMs: number): Rise | undefined {
  const size = Math.max(1, Math.round(bucketMs / stepMs))
  const buckets: (number | undefined)[] = []
  for (let i = 0; i < cores.length; i += size) buckets.push(mean(cores.slice(i, i + size)))
  const told = Math.max(0, Math.floor((atMs - startMs) / stepMs / size))
  const before = buckets.slice(0, told)
  const measured = before.filter((value) => value !== undefined).sort((a, b) => a - b)
  // A fifth of the time it was as quiet as this; a rise that fills more of what is known is not seen from before.
  const quiet = measured[Math.floor(measured.length / 5)]
  const peak = measured.at(-1)
  if (quiet === undefined || peak === undefined) return undefined
  if (peak - quiet < Math.max(leastRiseCores, peak * leastRiseShare)) return undefined
  const middle = (quiet + peak) / 2
  const isHigh = (value: number | null | undefined): boolean => value !== undefined && value !== null && value >= middle

  const seen = before.findLastIndex(isHigh)
  let first = seen
  for (let i = seen; i >= 0 && first - i <= mostGapBuckets; i--) if (isHigh(buckets[i])) first = i
  let last = seen
  for (let i = seen; i < buckets.length && i - last <= mostGapBuckets; i++) if (isHigh(buckets[i])) last = i
  // From its first second, or the one before, to the reading in which it began.
  const from = Math.max(0, (first - 1) * size)
  const onset = cores.findIndex((value, i) => i >= from && isHigh(value))
  const hasEnded = buckets.length - 1 - last > mostGapBuckets
  return {
    onsetMs: startMs + Math.max(from, onset) * stepMs,
    quietFromMs: startMs,
    ...(hasEnded ? { endedMs: startMs + (last + 1) * size * stepMs } : {}),
  }
}

function mean(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length
}
