// Any number of profiles as one, as pprof merges: values are summed for equal stacks with equal labels, the time is the
// earliest, durations add up, rows without any value disappear. Nothing of a profile is kept but what it adds.
import { Failure } from '../model/errors.ts'
import { compareLabels } from './builder.ts'
import { Int64Column } from './columns.ts'
import { wordsOf } from './int64.ts'
import { Losses } from './losses.ts'
import { MergedTables, Translation } from './merge-tables.ts'
import type { Label, Profile, ValueType } from './profile.ts'
import { RowInterner } from './row-interner.ts'

/**
 * @throws Failure INCOMPATIBLE naming both where sample types or period types differ; EMPTY without any profile
 */
export function mergeProfiles(profiles: readonly Profile[]): Profile {
  const merger = new ProfileMerger()
  for (const profile of profiles) merger.add(profile)
  return merger.build()
}

/** Numbers of a sample row before its locations: label set, moment (low, high word of a double). */
const sampleHead = 3

/** Merges one after the other, so that a thousand files need not be in memory at once. */
export class ProfileMerger {
  private first: Profile | undefined
  private readonly tables = new MergedTables()
  /** Rows [label set, moment, locations…]: one per merged sample. */
  private readonly samples = new RowInterner()
  private values: Int64Column[] = []
  private readonly labelSets: (readonly Label[])[] = [[]]
  private readonly labelIds = new Map<string, number>([['', 0]])
  private readonly losses = new Losses()
  private readonly comments = new Set<string>()
  private timeNanos = 0n
  private durationNanos = 0n
  private period = 0n
  private docUrl = ''

  /**
   * @param name how to call it in a message, such as its file
   * @throws Failure INCOMPATIBLE
   */
  add(profile: Profile, name = 'the next one'): void {
    if (this.first) checkCompatible(this.first, profile, name)
    else {
      this.first = profile
      this.values = profile.sampleTypes.map(() => new Int64Column())
    }
    if (profile.timeNanos !== 0n && (this.timeNanos === 0n || profile.timeNanos < this.timeNanos)) {
      this.timeNanos = profile.timeNanos
    }
    this.durationNanos += profile.durationNanos
    if (this.period === 0n || profile.period > this.period) this.period = profile.period
    this.docUrl ||= profile.docUrl
    for (const comment of profile.comments) this.comments.add(comment)
    this.losses.addAll(profile.losses)
    this.addSamples(profile)
  }

  private addSamples(profile: Profile): void {
    const { samples, stacks } = profile
    const words = samples.values.map(wordsOf)
    const labels = profile.labelSets.map((set) => this.internLabels(set))
    const { locations } = new Translation(this.tables, profile, reachedBy(profile, words))
    const moment = new Float64Array(1)
    const momentWords = new Uint32Array(moment.buffer)
    const shiftMs = this.momentOf(profile)
    let row = new Uint32Array(1024)
    for (let sample = 0; sample < samples.length; sample++) {
      if (isZero(words, sample)) continue
      const stack = samples.stack[sample] as number
      const from = stacks.offsets[stack] as number
      const to = stacks.offsets[stack + 1] as number
      if (to - from + sampleHead > row.length) row = new Uint32Array((to - from) * 2 + sampleHead)
      moment[0] = samples.offsetMs ? (samples.offsetMs[sample] as number) + shiftMs : Number.NaN
      row[0] = labels[samples.labels[sample] as number] as number
      row[1] = momentWords[0] as number
      row[2] = momentWords[1] as number
      let length = sampleHead
      for (let at = from; at < to; at++) row[length++] = locations[stacks.locations[at] as number] as number
      const id = this.samples.intern(row, 0, length)
      for (let i = 0; i < words.length; i++) {
        const column = this.values[i] as Int64Column
        if (id === column.length) column.push(0)
        column.add(id, words[i]![2 * sample] as number, words[i]![2 * sample + 1] as number)
      }
    }
  }

  /** Moments are kept relative to the first profile until it is known which one is the earliest. */
  private momentOf({ timeNanos }: Profile): number {
    const first = this.first?.timeNanos ?? 0n
    return timeNanos === 0n || first === 0n ? 0 : Number(timeNanos - first) / 1e6
  }

  private internLabels(labels: readonly Label[]): number {
    if (labels.length === 0) return 0
    const sorted = labels.toSorted(compareLabels)
    const key = sorted.map(({ key, str, num, unit }) => JSON.stringify([key, str, num?.toString(), unit])).join()
    let id = this.labelIds.get(key)
    if (id === undefined) {
      id = this.labelSets.push(sorted) - 1
      this.labelIds.set(key, id)
    }
    return id
  }

  /** @throws Failure EMPTY when nothing was added */
  build(): Profile {
    const { first } = this
    if (!first) throw new Failure('EMPTY', 'There is no profile to merge.')
    const { offsets, values: rows } = this.samples.rows()
    const { length } = this.samples
    const stackOffsets = new Uint32Array(length + 1)
    const stackLocations = new Uint32Array(rows.length - sampleHead * length)
    const labels = new Uint32Array(length)
    const offsetMs = new Float64Array(length)
    const offsetWords = new Uint32Array(offsetMs.buffer)
    const shiftMs = Number(first.timeNanos - this.timeNanos) / 1e6
    let hasTimes = false
    for (let i = 0; i < length; i++) {
      const start = offsets[i] as number
      labels[i] = rows[start] as number
      offsetWords[2 * i] = rows[start + 1] as number
      offsetWords[2 * i + 1] = rows[start + 2] as number
      if (first.timeNanos !== 0n) offsetMs[i] = (offsetMs[i] as number) + shiftMs
      hasTimes ||= !Number.isNaN(offsetMs[i] as number)
      stackLocations.set(rows.subarray(start + sampleHead, offsets[i + 1]), stackOffsets[i])
      stackOffsets[i + 1] = (stackOffsets[i] as number) + (offsets[i + 1] as number) - start - sampleHead
    }
    const stack = Uint32Array.from({ length }, (_, i) => i)
    const values = this.values.map((column) => column.toArray())
    const merged: Profile = {
      ...first,
      ...this.tables.toTables(),
      stacks: { length, offsets: stackOffsets, locations: stackLocations },
      samples: { length, stack, values, labels, ...(hasTimes && { offsetMs }) },
      labelSets: this.labelSets,
      timeNanos: this.timeNanos,
      durationNanos: this.durationNanos,
      period: this.period,
      comments: [...this.comments],
      docUrl: this.docUrl,
      losses: this.losses.toList(),
    }
    // Sums that came out as zero, in a difference, go with all that only they reached.
    const hasZeros = stack.some((row) => values.every((column) => column[row] === 0n))
    return hasZeros ? mergeProfiles([merged]) : merged
  }
}

/** Is every value of the sample 0? It adds nothing then. */
function isZero(words: readonly Int32Array[], sample: number): boolean {
  for (const column of words) if (column[2 * sample] !== 0 || column[2 * sample + 1] !== 0) return false
  return true
}

/** Marks the locations of all samples that add something. */
function reachedBy({ samples, stacks, locations }: Profile, words: readonly Int32Array[]): Uint8Array {
  const reached = new Uint8Array(locations.length)
  for (let sample = 0; sample < samples.length; sample++) {
    if (isZero(words, sample)) continue
    const stack = samples.stack[sample] as number
    const end = stacks.offsets[stack + 1] as number
    for (let at = stacks.offsets[stack] as number; at < end; at++) reached[stacks.locations[at] as number] = 1
  }
  return reached
}

/** @throws Failure INCOMPATIBLE naming both */
export function checkCompatible(first: Profile, next: Profile, name = 'the next one'): void {
  const types = (profile: Profile): string => profile.sampleTypes.map(printType).join(', ')
  if (types(first) !== types(next)) {
    throw new Failure(
      'INCOMPATIBLE',
      `Profiles of different sample types do not merge: the first has ${types(first)}, ${name} has ${types(next)}.`,
    )
  }
  const period = ({ periodType }: Profile): string => (periodType ? printType(periodType) : 'none')
  if (period(first) !== period(next)) {
    throw new Failure(
      'INCOMPATIBLE',
      `Profiles of different periods do not merge: the first counts per ${period(first)}, ${name} per ${period(next)}.`,
    )
  }
}

function printType({ type, unit }: ValueType): string {
  return `${type}/${unit}`
}
