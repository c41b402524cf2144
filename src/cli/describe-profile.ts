// What a profile is, in words: one line above a table or below a picture, and the facts that `info` prints.
import { printNumber, printValue } from '../flame/value.ts'
import { printDurationMs, printShare } from '../lib/units.ts'
import { int64At, wordsOf } from '../profile/int64.ts'
import type { Profile } from '../profile/profile.ts'
import { sampleCount } from '../profile/sample-counts.ts'
import { symbolQuality } from '../profile/symbol-quality.ts'
import { printTime } from './print-time.ts'

/** `cpu: 12.3 s in 1 200 samples over 30 s from 2026-11-21 03:15:00Z` */
export function describeProfile(profile: Profile, sampleType: number, total: number): string {
  const type = profile.sampleTypes[sampleType]
  const { startMs, durationMs } = spanOf(profile)
  const over = durationMs === undefined ? '' : ` over ${printDurationMs(durationMs)}`
  const from = startMs === undefined ? '' : ` from ${printTime(startMs)}`
  const count = sampleCount(profile, sampleType)
  // Twelve goroutines in twelve samples say it twice.
  const isCount = type?.unit === 'count' && count === totalOf(profile, sampleType)
  const samples = count === undefined || isCount ? '' : ` in ${printNumber(count)} sample${count === 1 ? '' : 's'}`
  return `${type?.type ?? 'values'}: ${printValue(total, type?.unit ?? '')}${samples}${over}${from}`
}

/** `3 samples lost by the kernel · 2.1 % of frames without a name`; what there is none of is not said. */
export function describeLosses(profile: Profile): string {
  const parts = profile.losses.map(({ what, count }) => `${printNumber(count)} ${what}`)
  const { unnamed, frames } = symbolQuality(profile)
  if (unnamed > 0) parts.push(`${printShare(unnamed, frames)} of frames without a name`)
  return parts.join(' · ')
}

/** Absent where the format does not know. */
export function spanOf({ timeNanos, durationNanos, samples }: Profile): { startMs?: number; durationMs?: number } {
  const startMs = timeNanos > 0n ? Number(timeNanos / 1000n) / 1000 : undefined
  let durationMs = durationNanos > 0n ? Number(durationNanos) / 1e6 : undefined
  if (durationMs === undefined && samples.offsetMs && samples.length > 1) {
    let last = 0
    for (const ms of samples.offsetMs) if (ms > last) last = ms
    if (last > 0) durationMs = last
  }
  return { ...(startMs === undefined ? {} : { startMs }), ...(durationMs === undefined ? {} : { durationMs }) }
}

/** Sum of the magnitudes of a column. */
export function totalOf({ samples }: Profile, sampleType: number): number {
  const words = wordsOf(samples.values[sampleType] ?? new BigInt64Array(samples.length))
  let sum = 0
  for (let sample = 0; sample < samples.length; sample++) sum += Math.abs(int64At(words, sample))
  return sum
}
