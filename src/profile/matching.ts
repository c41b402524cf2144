// Which lines and locations a regular expression names, as pprof's focus, ignore, hide and show take it:
// it is tried on function name, source file name, and file name of the mapping.
import type { Profile } from './profile.ts'

export interface Matches {
  /** Per row of `lines`: function or source file matches. */
  readonly lines: Uint8Array
  /** Per location: the mapped file matches. */
  readonly files: Uint8Array
  /** Per location: the file or any line matches. */
  readonly locations: Uint8Array
}

/** Each different string is tried once. */
export function matchLocations({ locations, lines, functions, strings, mappings }: Profile, pattern: RegExp): Matches {
  const test = statelessTest(pattern)
  /** Per string: 0 = not tried yet, 1 = no, 2 = yes. */
  const tried = new Uint8Array(strings.length)
  const stringMatches = (string: number): boolean => {
    if (tried[string] === 0) tried[string] = test(strings.get(string)) ? 2 : 1
    return tried[string] === 2
  }
  const functionMatches = Uint8Array.from({ length: functions.length }, (_, fn) =>
    stringMatches(functions.name[fn]!) || stringMatches(functions.filename[fn]!) ? 1 : 0,
  )
  const mappingMatches = mappings.map(({ file }) => (test(file) ? 1 : 0))
  const matches: Matches = {
    lines: Uint8Array.from(lines.function, (fn) => functionMatches[fn]!),
    files: Uint8Array.from(locations.mapping, (mapping) => mappingMatches[mapping] ?? 0),
    locations: new Uint8Array(locations.length),
  }
  for (let i = 0; i < locations.length; i++) {
    let any = matches.files[i]!
    for (let row = locations.lineOffsets[i]!; row < locations.lineOffsets[i + 1]!; row++) any |= matches.lines[row]!
    matches.locations[i] = any
  }
  return matches
}

/** Tests from the beginning each time, also with a pattern that has the flag `g` or `y`. */
export function statelessTest(pattern: RegExp): (text: string) => boolean {
  const plain =
    pattern.global || pattern.sticky ? new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')) : pattern
  return (text) => plain.test(text)
}

/** Per stack: does any of its locations have the mark? */
export function markStacks({ stacks }: Profile, locationMarks: Uint8Array): Uint8Array {
  const marks = new Uint8Array(stacks.length)
  for (let stack = 0; stack < stacks.length; stack++) {
    const end = stacks.offsets[stack + 1] as number
    for (let at = stacks.offsets[stack] as number; at < end; at++) {
      if (locationMarks[stacks.locations[at] as number] === 1) {
        marks[stack] = 1
        break
      }
    }
  }
  return marks
}
