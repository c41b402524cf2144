// Functions by the time they used themselves and with what they called, as `go tool pprof -top` counts.
import type { FrameKind } from './frame-kind.ts'
import { framesOf } from './frames.ts'
import { int64At, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'

export interface TopFunction {
  readonly function: string
  /** Of its first appearance in what is counted; a name that lies in several modules is one row, as in pprof. */
  readonly module: string
  readonly kind: FrameKind
  /** In the unit of the sample type, exact up to 2^53. */
  readonly self: number
  /** Once per sample, however often the function is on the stack. */
  readonly total: number
}

export interface Top {
  /** Heaviest self first, then heaviest total, then by name. */
  readonly functions: readonly TopFunction[]
  /** What 100 % is: the sum of all values, negative ones (of a difference) counted as positive, as in pprof. */
  readonly total: number
  readonly unit: string
}

export interface TopOptions {
  /** Index into the sample types; the profile's default where absent. */
  readonly sampleType?: number
  /** Which samples to count, by row; all where absent. */
  readonly filter?: (sample: number) => boolean
}

export function topFunctions(profile: Profile, { sampleType = profile.defaultType, filter }: TopOptions = {}): Top {
  const { samples, stacks } = profile
  const { keys, offsets, rows } = framesOf(profile)
  const { rowOf, length } = mergeByName(keys.name)
  const self = new Float64Array(length)
  const total = new Float64Array(length)
  /** Frame that it was counted as first, plus one: other processes of the node may have the name in another module. */
  const seenAs = new Uint32Array(length)
  /** The sample that counted a function last, plus one: recursion counts once. */
  const countedBy = new Uint32Array(length)
  const words = wordsOf(samples.values[sampleType] ?? new BigInt64Array(samples.length))
  let sum = 0
  for (let sample = 0; sample < samples.length; sample++) {
    if (filter && !filter(sample)) continue
    const value = int64At(words, sample)
    if (value === 0) continue
    sum += Math.abs(value)
    const stack = samples.stack[sample] as number
    const from = stacks.offsets[stack] as number
    const to = stacks.offsets[stack + 1] as number
    for (let at = from; at < to; at++) {
      const location = stacks.locations[at] as number
      const end = offsets[location + 1] as number
      for (let row = offsets[location] as number; row < end; row++) {
        const frame = rows[row] as number
        const fn = rowOf[frame] as number
        // The innermost function of the leaf is the one that ran.
        if (at === from && row === offsets[location]) self[fn] = (self[fn] as number) + value
        if (countedBy[fn] === sample + 1) continue
        countedBy[fn] = sample + 1
        if (seenAs[fn] === 0) seenAs[fn] = frame + 1
        total[fn] = (total[fn] as number) + value
      }
    }
  }
  const functions: TopFunction[] = []
  for (let fn = 0; fn < length; fn++) {
    // What cancels out in a difference is no row, as in pprof.
    if (self[fn] === 0 && total[fn] === 0) continue
    const row = seenAs[fn]! - 1
    functions.push({
      function: keys.name[row]!,
      module: keys.module[row]!,
      kind: keys.kind[row]!,
      self: self[fn]!,
      total: total[fn]!,
    })
  }
  functions.sort(
    (a, b) =>
      Math.abs(b.self) - Math.abs(a.self) ||
      Math.abs(b.total) - Math.abs(a.total) ||
      (a.function < b.function ? -1 : a.function > b.function ? 1 : 0),
  )
  return { functions, total: sum, unit: profile.sampleTypes[sampleType]?.unit ?? '' }
}

/** Rows of the same name become one; `length` is how many they are then. */
function mergeByName(names: readonly string[]): { rowOf: Uint32Array; length: number } {
  const ids = new Map<string, number>()
  const rowOf = Uint32Array.from(names, (name) => {
    const id = ids.get(name) ?? ids.size
    ids.set(name, id)
    return id
  })
  return { rowOf, length: ids.size }
}
