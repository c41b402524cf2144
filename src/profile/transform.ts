// Changes to the frames of a profile, sharing all tables that stay the same. Selecting samples is in select.ts.
import { matchLocations } from './matching.ts'
import { unsafePattern } from './pattern-safety.ts'
import { pickSamples } from './pick-samples.ts'
import type { LocationTable, Profile } from './profile.ts'

export interface FrameFilter {
  /** Frames whose function, source file or mapped file matches disappear; what they called moves up. */
  readonly hide?: RegExp
  /** Only such frames stay. */
  readonly show?: RegExp
}

/** As pprof's -hide and -show: samples whose frames all disappear go with them. */
export function filterFrames(profile: Profile, { hide, show }: FrameFilter): Profile {
  let filtered = profile
  if (hide) {
    const { lines, files, locations } = matchLocations(filtered, hide)
    filtered = keepLines(filtered, {
      keepsLine: (line, location) => lines[line] === 0 && files[location] === 0,
      keepsBare: (location) => locations[location] === 0,
    })
  }
  if (show) {
    const { lines, files } = matchLocations(filtered, show)
    filtered = keepLines(filtered, {
      keepsLine: (line, location) => lines[line] === 1 || files[location] === 1,
      // What has no name cannot be shown by name; pprof drops it too.
      keepsBare: () => false,
    })
  }
  return filtered
}

interface LineTest {
  readonly keepsLine: (line: number, location: number) => boolean
  /** For locations without lines. */
  readonly keepsBare: (location: number) => boolean
}

/** Drops lines, then locations that lost all of theirs, then samples that lost all locations. */
function keepLines(profile: Profile, { keepsLine, keepsBare }: LineTest): Profile {
  const { locations, lines } = profile
  const rows: number[] = []
  const lineOffsets = new Uint32Array(locations.length + 1)
  const isHidden = new Uint8Array(locations.length)
  for (let i = 0; i < locations.length; i++) {
    const first = locations.lineOffsets[i]!
    const end = locations.lineOffsets[i + 1]!
    for (let row = first; row < end; row++) if (keepsLine(row, i)) rows.push(row)
    lineOffsets[i + 1] = rows.length
    const isBare = first === end
    if (isBare ? !keepsBare(i) : lineOffsets[i + 1] === lineOffsets[i]) isHidden[i] = 1
  }
  const kept: Profile = {
    ...profile,
    locations: { ...locations, lineOffsets },
    lines: {
      function: Int32Array.from(rows, (row) => lines.function[row]!),
      line: Float64Array.from(rows, (row) => lines.line[row]!),
      column: Float64Array.from(rows, (row) => lines.column[row]!),
    },
  }
  return isHidden.includes(1)
    ? rewriteStacks(kept, (stack) => stack.filter((location) => isHidden[location] === 0))
    : kept
}

/** @param rewrite gives the new locations of a stack, leaf first; samples whose stack becomes empty are dropped */
function rewriteStacks(profile: Profile, rewrite: (stack: Uint32Array) => Uint32Array): Profile {
  const { stacks, samples } = profile
  const offsets = new Uint32Array(stacks.length + 1)
  // Rewriting only drops locations, so the old column is large enough.
  const locations = new Uint32Array(stacks.locations.length)
  for (let stack = 0; stack < stacks.length; stack++) {
    const kept = rewrite(stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1]))
    locations.set(kept, offsets[stack])
    offsets[stack + 1] = offsets[stack]! + kept.length
  }
  const rewritten = { length: stacks.length, offsets, locations: locations.slice(0, offsets[stacks.length]) }
  const rows = Uint32Array.from({ length: samples.length }, (_, row) => row).filter((row) => {
    const stack = samples.stack[row]!
    return offsets[stack + 1]! > offsets[stack]!
  })
  return { ...profile, stacks: rewritten, samples: pickSamples(samples, rows) }
}

/**
 * Cuts away what the profile itself calls uninteresting, as pprof does before it shows anything: a frame that matches
 * `dropFrames` and not `keepFrames`, and everything it called, unless it is at the root.
 * A pattern that could take exponential time is not tried; it is counted as a loss.
 */
export function dropUninteresting(profile: Profile): Profile {
  if (profile.dropFrames === '') return profile
  const drop = compileWhole(profile.dropFrames)
  const keep = profile.keepFrames === '' ? undefined : compileWhole(profile.keepFrames)
  if (!drop || (profile.keepFrames !== '' && !keep)) {
    return { ...profile, losses: [...profile.losses, { what: 'drop_frames patterns that were not applied', count: 1 }] }
  }
  const isDropped = Uint8Array.from({ length: profile.functions.length }, (_, fn) => {
    const name = simplifyName(profile.strings.get(profile.functions.name[fn]!))
    return name !== '' && drop.test(name) && !keep?.test(name) ? 1 : 0
  })
  const { cut, locations, lines } = cutLines(profile, isDropped)
  return rewriteAll({ ...profile, locations, lines }, (stack) => cutStack(stack, cut))
}

/** 0 = untouched; 1 = some of its inlined calls are cut, it is the new leaf; 2 = it goes, and all below. */
type Cut = Uint8Array

function cutLines(
  { locations, lines }: Profile,
  isDropped: Uint8Array,
): { cut: Cut; locations: LocationTable; lines: Profile['lines'] } {
  const cut = new Uint8Array(locations.length)
  const rows: number[] = []
  const lineOffsets = new Uint32Array(locations.length + 1)
  for (let i = 0; i < locations.length; i++) {
    const first = locations.lineOffsets[i]!
    const end = locations.lineOffsets[i + 1]!
    // The outermost match counts; lines are innermost first.
    let match = end - 1
    while (match >= first && isDropped[lines.function[match]!] === 0) match--
    if (match >= first) cut[i] = match === end - 1 ? 2 : 1
    for (let row = cut[i] === 1 ? match + 1 : first; row < end; row++) rows.push(row)
    lineOffsets[i + 1] = rows.length
  }
  return {
    cut,
    locations: { ...locations, lineOffsets },
    lines: {
      function: Int32Array.from(rows, (row) => lines.function[row]!),
      line: Float64Array.from(rows, (row) => lines.line[row]!),
      column: Float64Array.from(rows, (row) => lines.column[row]!),
    },
  }
}

/** From the root: frames before the first one that stays are not cut, so that nothing vanishes altogether. */
function cutStack(stack: Uint32Array, cut: Cut): Uint32Array {
  let hasKept = false
  for (let at = stack.length - 1; at >= 0; at--) {
    const is = cut[stack[at]!]!
    if (is === 0) hasKept = true
    else if (hasKept) return stack.subarray(is === 2 ? at + 1 : at)
  }
  return stack
}

function rewriteAll(profile: Profile, rewrite: (stack: Uint32Array) => Uint32Array): Profile {
  return { ...rewriteStacks(profile, rewrite), samples: profile.samples }
}

/** Patterns of pprof match the whole name. */
function compileWhole(pattern: string): RegExp | undefined {
  if (unsafePattern(pattern)) return undefined
  try {
    return new RegExp(`^(?:${pattern})$`)
  } catch (error) {
    // Go's syntax has words that JavaScript does not know; the caller counts it.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** `.tc_malloc` on PowerPC, `ns::f(int)`: pprof compares names without the leading dot and the argument list. */
function simplifyName(name: string): string {
  const plain = name.startsWith('.') ? name.slice(1) : name
  for (const match of plain.matchAll(/\(anonymous namespace\)|operator\(\)|\(/g)) {
    if (match[0] === '(') return plain.slice(0, match.index)
  }
  return plain
}
