// Profiles of consecutive spans as one: the look-back of the ring and the deep seconds after it, each at its own rate.
// Unlike a merge, samples keep their moment; those of the same thread and stack within one slot of time become one row.
import { ProfileBuilder } from './builder.ts'
import { int64At, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'

export interface JoinOptions {
  /** Length of a slot; moments within it are not told apart. */
  readonly slotMs: number
}

/**
 * @param parts non-empty, with the same sample types and known times
 * @returns one profile from the start of the earliest part to the end of the latest
 */
export function joinProfiles(parts: readonly Profile[], { slotMs }: JoinOptions): Profile {
  const first = parts[0] as Profile
  const builder = new ProfileBuilder(first.sampleTypes)
  builder.defaultType = first.defaultType
  builder.periodType = first.periodType
  builder.period = first.period
  let startNanos = first.timeNanos
  let endNanos = first.timeNanos
  for (const { timeNanos, durationNanos } of parts) {
    if (timeNanos < startNanos) startNanos = timeNanos
    if (timeNanos + durationNanos > endNanos) endNanos = timeNanos + durationNanos
  }
  builder.timeNanos = startNanos
  builder.durationNanos = endNanos - startNanos
  const comments = new Set<string>()
  for (const part of parts) {
    for (const comment of part.comments) comments.add(comment)
    builder.addLosses(part.losses)
    addSamples(builder, part, Number(part.timeNanos - startNanos) / 1e6, slotMs)
  }
  builder.comments.push(...comments)
  return builder.build()
}

function addSamples(builder: ProfileBuilder, part: Profile, shiftMs: number, slotMs: number): void {
  const stackRows = copyStacks(builder, part)
  const labelRows = part.labelSets.map((set) => builder.internLabels(set))
  const { samples } = part
  const words = samples.values.map(wordsOf)
  const slots = new Map<string, number[]>()
  for (let i = 0; i < samples.length; i++) {
    const stack = stackRows[samples.stack[i] as number] as number
    const labels = labelRows[samples.labels[i] as number] as number
    const slot = Math.floor(((samples.offsetMs?.[i] ?? 0) + shiftMs) / slotMs)
    const key = `${slot} ${labels} ${stack}`
    let values = slots.get(key)
    if (!values) {
      values = words.map(() => 0)
      slots.set(key, values)
    }
    for (let column = 0; column < words.length; column++) {
      values[column] = (values[column] as number) + int64At(words[column] as Int32Array, i)
    }
  }
  for (const [key, values] of slots) {
    const [slot, labels, stack] = key.split(' ').map(Number) as [number, number, number]
    builder.addSample(stack, values, { labels, offsetMs: slot * slotMs })
  }
}

/** Rows of the builder for every stack of a part. */
function copyStacks(builder: ProfileBuilder, part: Profile): number[] {
  const { strings, functions, locations, lines, stacks } = part
  const text = (row: number): string => strings.get(row)
  const functionRows = Array.from({ length: functions.length }, (_, i) =>
    builder.internFunction({
      name: text(functions.name[i] as number),
      systemName: text(functions.systemName[i] as number),
      filename: text(functions.filename[i] as number),
      startLine: functions.startLine[i] as number,
    }),
  )
  const mappingRows = part.mappings.map((mapping) => builder.internMapping(mapping))
  const locationRows = new Uint32Array(locations.length)
  for (let i = 0; i < locations.length; i++) {
    const spec = []
    for (let line = locations.lineOffsets[i] as number; line < (locations.lineOffsets[i + 1] as number); line++) {
      spec.push({
        function: functionRows[lines.function[line] as number] as number,
        line: lines.line[line] as number,
        column: lines.column[line] as number,
      })
    }
    const mapping = locations.mapping[i] as number
    locationRows[i] = builder.internLocation({
      mapping: mapping < 0 ? -1 : (mappingRows[mapping] as number),
      address: locations.address[i] as bigint,
      isFolded: locations.isFolded[i] === 1,
      lines: spec,
    })
  }
  return Array.from({ length: stacks.length }, (_, i) =>
    builder.internStack(
      stacks.locations
        .subarray(stacks.offsets[i] as number, stacks.offsets[i + 1] as number)
        .map((location) => locationRows[location] as number),
    ),
  )
}
