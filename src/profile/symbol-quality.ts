// How far the names of a profile go: which share of what was sampled has none, and in which files that lies.
import { int64At, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'
import { countColumn } from './sample-counts.ts'

export interface SymbolQuality {
  /** Frames of all stacks, each as often as it was sampled. */
  readonly frames: number
  /** Of these, without a function name. */
  readonly unnamed: number
  /** Samples, and of these the ones with such a frame anywhere, and the ones that were in one when they were taken. */
  readonly samples: number
  readonly samplesWithUnnamed: number
  readonly samplesInUnnamed: number
  /** Files that most of the unnamed lie in, most first. */
  readonly worst: readonly { readonly module: string; readonly frames: number }[]
}

/** By the counts of the column `samples`, else by the values that are shown first: rows alone may stand for many samples. */
export function symbolQuality(profile: Profile): SymbolQuality {
  const { samples, stacks, locations, mappings } = profile
  const isUnnamed = unnamedLocations(profile)
  const timesByStack = timesOf(profile)
  /** By location. */
  const unnamed = new Float64Array(locations.length)
  let [frames, all, withUnnamed, inUnnamed] = [0, 0, 0, 0]
  for (let stack = 0; stack < stacks.length; stack++) {
    const times = timesByStack[stack]!
    if (times === 0) continue
    const from = stacks.offsets[stack]!
    const end = stacks.offsets[stack + 1]!
    frames += times * (end - from)
    all += times
    let has = false
    for (let at = from; at < end; at++) {
      const location = stacks.locations[at]!
      if (isUnnamed[location] === 0) continue
      has = true
      unnamed[location]! += times
      if (at === from) inUnnamed += times
    }
    if (has) withUnnamed += times
  }
  const byModule = new Map<string, number>()
  unnamed.forEach((times, location) => {
    if (times === 0) return
    const module = placeOf(mappings[locations.mapping[location]!]?.file ?? '')
    byModule.set(module, (byModule.get(module) ?? 0) + times)
  })
  const worst = [...byModule].map(([module, count]) => ({ module, frames: count })).sort((a, b) => b.frames - a.frames)
  return {
    frames,
    unnamed: worst.reduce((sum, entry) => sum + entry.frames, 0),
    samples: samples.length === 0 ? 0 : all,
    samplesWithUnnamed: withUnnamed,
    samplesInUnnamed: inUnnamed,
    worst,
  }
}

/** 1 = neither a line nor, in text formats, a name: `[unknown]` or `0x7f24a0` stand in its place. */
function unnamedLocations({ locations, lines, functions, strings }: Profile): Uint8Array {
  const isNameless = Uint8Array.from(functions.name, (name) =>
    /^(\[unknown\]|0x[0-9a-f]+)?$/i.test(strings.get(name)) ? 1 : 0,
  )
  return Uint8Array.from(locations.mapping, (_, location) => {
    const end = locations.lineOffsets[location + 1]!
    for (let line = locations.lineOffsets[location]!; line < end; line++) {
      if (isNameless[lines.function[line]!] === 0) return 0
    }
    return 1
  })
}

/** By stack: how often it was sampled. */
function timesOf(profile: Profile): Float64Array {
  const { samples, defaultType, stacks } = profile
  const column = countColumn(profile) ?? samples.values[defaultType]
  const times = new Float64Array(stacks.length)
  if (!column) return times
  const words = wordsOf(column)
  for (let sample = 0; sample < samples.length; sample++) {
    times[samples.stack[sample]!]! += Math.abs(int64At(words, sample))
  }
  return times
}

/** Maps of compiled code are one file per process, and none of them says more than the others. */
const placeOf = (file: string): string => file.replace(/\/perf-\d+\.map$/, '/perf-PID.map') || '[unknown]'
