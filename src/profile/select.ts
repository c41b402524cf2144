// Which samples to look at: by label, by time, by the functions in their stacks. The result shares every table with the
// whole profile except the samples, and the stacks where frames are hidden.
import { markStacks, matchLocations, statelessTest } from './matching.ts'
import { pickSamples } from './pick-samples.ts'
import type { Label, Profile } from './profile.ts'
import { type FrameFilter, filterFrames } from './transform.ts'

export interface SampleFilter {
  /**
   * Per key what the label must be: a text, one of several, or a pattern. Numbers are compared as text.
   *   { pid: '4242', comm: /^http-/, phase: ['before', 'during'] }
   */
  readonly labels?: Readonly<Record<string, string | readonly string[] | RegExp>>
  /** Taken at or after this; milliseconds since the profile's start. Samples of unknown time are then left out. */
  readonly fromMs?: number
  /** Taken before this. */
  readonly toMs?: number
  /** Some function, source file or mapped file of the stack matches. */
  readonly focus?: RegExp
  /** None of them matches. */
  readonly ignore?: RegExp
}

/** What `selectSamples` takes beside: frames that disappear from the stacks that were selected. */
export type Selection = SampleFilter & FrameFilter

/** The filter as a test of one sample row, for `buildCallTree` and `topFunctions`. */
export function sampleTest(profile: Profile, filter: SampleFilter): (sample: number) => boolean {
  const { samples } = profile
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY, focus, ignore } = filter
  const tests: ((sample: number) => boolean)[] = []
  if (filter.labels && Object.keys(filter.labels).length > 0) {
    const wanted = labelTest(filter.labels)
    const setMatches = profile.labelSets.map(wanted)
    tests.push((sample) => setMatches[samples.labels[sample] as number] as boolean)
  }
  if (filter.fromMs !== undefined || filter.toMs !== undefined) {
    const { offsetMs } = samples
    // NaN, an unknown time, fails both comparisons.
    tests.push(offsetMs ? (sample) => offsetMs[sample]! >= fromMs && offsetMs[sample]! < toMs : () => false)
  }
  if (focus) {
    const marks = markStacks(profile, matchLocations(profile, focus).locations)
    tests.push((sample) => marks[samples.stack[sample] as number] === 1)
  }
  if (ignore) {
    const marks = markStacks(profile, matchLocations(profile, ignore).locations)
    tests.push((sample) => marks[samples.stack[sample] as number] === 0)
  }
  if (tests.length === 1) return tests[0]!
  return (sample) => tests.every((test) => test(sample))
}

/** Whether a label set is as the filter wants it. */
export function labelTest(wanted: NonNullable<SampleFilter['labels']>): (labels: readonly Label[]) => boolean {
  const tests = Object.entries(wanted).map(([key, want]): [string, (text: string) => boolean] => {
    if (typeof want === 'string') return [key, (text) => text === want]
    return [key, want instanceof RegExp ? statelessTest(want) : (text) => want.includes(text)]
  })
  return (labels) =>
    tests.every(([key, test]) =>
      labels.some((label) => label.key === key && test(label.str ?? String(label.num ?? 0n))),
    )
}

/** The samples that pass, as a profile of their own. With a time range it begins and lasts as that does. */
export function selectSamples(profile: Profile, filter: Selection): Profile {
  const test = sampleTest(profile, filter)
  const rows = new Uint32Array(profile.samples.length)
  let count = 0
  for (let sample = 0; sample < profile.samples.length; sample++) if (test(sample)) rows[count++] = sample
  const samples = pickSamples(profile.samples, rows.subarray(0, count))
  return filterFrames(inRange({ ...profile, samples }, filter), filter)
}

/** Times of a profile whose samples are of a range; a range reaches no further than the profile. */
function inRange(profile: Profile, { fromMs, toMs }: SampleFilter): Profile {
  if (fromMs === undefined && toMs === undefined) return profile
  const { samples, timeNanos, durationNanos } = profile
  const wholeMs = durationNanos > 0n ? Number(durationNanos) / 1e6 : Number.POSITIVE_INFINITY
  const beginMs = Math.max(0, fromMs ?? 0)
  const endMs = Math.min(wholeMs, toMs ?? wholeMs)
  return {
    ...profile,
    timeNanos: timeNanos > 0n ? timeNanos + nanos(beginMs) : timeNanos,
    durationNanos: Number.isFinite(endMs) ? nanos(Math.max(0, endMs - beginMs)) : durationNanos,
    ...(samples.offsetMs && { samples: { ...samples, offsetMs: samples.offsetMs.map((ms) => ms - beginMs) } }),
  }
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1e6))
