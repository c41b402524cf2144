// Folded stacks, the text that flame graph tools exchange: one line per stack, root first, then its count.
//
//   # a comment
//   java;Thread.run;Cart.total;memcpy_[k] 42
//   main;[unknown] 3.5
//
// Differential files (difffolded.pl) have two counts, before and during: `main;parse 12 40`. Frames may contain
// anything but `;` and line ends, blanks too, so the count is what follows the last blank. Stacks may repeat.
// Suffixes mark the kind of a frame: _[k] kernel, _[j] compiled at run time, _[i] inlined.
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import { ByteInterner } from './byte-interner.ts'
import { headBytes } from './format.ts'
import type { FrameKind } from './frame-kind.ts'
import { framesOf } from './frames.ts'
import type { Profile } from './profile.ts'
import { labelText } from './roots.ts'
import { TextWriter } from './text-writer.ts'
import { firstEqualStack } from './unique-stacks.ts'

const newline = 0x0a
const carriageReturn = 0x0d
const blank = 0x20
const semicolon = 0x3b
const hash = 0x23

/** A stack, or none, and a count. */
const stackLine = /^(.* )?-?\d+(\.\d+)?[ \r]*$/s
/** One frame calls another. */
const callLine = /^[^\t;][^;]*;.* -?\d+(\.\d+)?[ \r]*$/s
/** Of all lines, at least, that are stacks of several frames: names with a line end in them break few. */
const leastShare = 0.9

/** Whole lines only: each a comment or a stack that has a count, or nearly each one of several frames. */
export function matchesFolded(head: Uint8Array): boolean {
  if (head.includes(0)) return false
  const end = head.lastIndexOf(newline)
  // A stack of a thousand Java methods is longer than what is looked at.
  if (end < 0 && head.length === headBytes) return /^[^;{}<"\s]+(;[^;{}"]+){9}/.test(new TextDecoder().decode(head))
  const lines = new TextDecoder().decode(end < 0 ? head : head.subarray(0, end)).split('\n')
  const stacks = lines.filter((line) => line !== '' && line !== '\r' && !line.startsWith('#'))
  // Numbers alone are no stacks; one without frames is a blank and its count.
  if (stacks.every((line) => /^[\d.][\d. \r]*$/.test(line))) return false
  if (stacks.every((line) => stackLine.test(line) && !line.startsWith('\t'))) return true
  return stacks.filter((line) => callLine.test(line)).length >= stacks.length * leastShare
}

/** Where a line's stack ends and what its counts are. */
interface FoldedLine {
  readonly start: number
  readonly stackEnd: number
  readonly counts: readonly string[]
}

/**
 * @returns sample type `samples`, or `before` and `during` for a differential file
 * @throws Failure NOT_A_PROFILE when no line is a folded stack
 */
export function parseFolded(bytes: Uint8Array): Profile {
  let columns = 2
  let stacks = 0
  for (const line of foldedLines(bytes)) {
    if (!line) continue
    stacks++
    columns = Math.min(columns, line.counts.length)
  }
  if (stacks === 0) throw new Failure('NOT_A_PROFILE', 'No line of this text is a stack and a count.')
  const types = columns === 2 ? ['before', 'during'] : ['samples']
  const builder = new ProfileBuilder(types.map((type) => ({ type, unit: 'count' })))
  const frames = new ByteInterner(bytes)
  const decoder = new TextDecoder()
  /** Location by frame number. */
  const locations: number[] = []
  for (const line of foldedLines(bytes)) {
    if (!line) {
      builder.addLoss('lines that are not folded stacks')
      continue
    }
    // In a file with one count, a number before it belongs to the last frame: `main;GC task 3 17`.
    const stackEnd = columns < line.counts.length ? line.stackEnd + 1 + line.counts[0]!.length : line.stackEnd
    const stack: number[] = []
    for (let from = line.start; from < stackEnd; ) {
      let to = from
      while (to < stackEnd && bytes[to] !== semicolon) to++
      const frame = frames.intern(from, to)
      locations[frame] ??= builder.internFrame(decoder.decode(bytes.subarray(from, to)))
      stack.push(locations[frame])
      from = to + 1
    }
    const counts = line.counts.slice(-columns)
    if (counts.some((count) => /\.\d*[1-9]/.test(count))) builder.addLoss('fractions of counts, rounded')
    const values = counts.map(parseCount)
    if (values.includes(undefined)) builder.addLoss('counts of more than 64 bits, left out')
    builder.addSample(
      builder.internStack(stack.reverse()),
      values.map((value) => value ?? 0),
    )
  }
  return builder.build()
}

/** Whole numbers exactly, others as they are (the builder rounds them); undefined where 64 bits do not hold it. */
function parseCount(text: string): number | bigint | undefined {
  // 15 digits are below 2^53.
  if (text.length <= 15) return Number(text)
  const value = text.includes('.') ? Number(text) : BigInt(text)
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value : undefined
}

/** Every line but empty ones and comments; undefined for one that is not a stack. */
function* foldedLines(bytes: Uint8Array): Generator<FoldedLine | undefined> {
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.indexOf(newline, start)
    if (end < 0) end = bytes.length
    const next = end + 1
    while (end > start && (bytes[end - 1] === carriageReturn || bytes[end - 1] === blank)) end--
    if (end > start && bytes[start] !== hash) yield readLine(bytes, start, end)
    start = next
  }
}

function readLine(bytes: Uint8Array, start: number, end: number): FoldedLine | undefined {
  const last = countStart(bytes, start, end)
  if (last < 0) return undefined
  const lastText = ascii(bytes, last, end)
  const before = last - 1 > start ? countStart(bytes, start, last - 1) : -1
  if (before > start) {
    return { start, stackEnd: before - 1, counts: [ascii(bytes, before, last - 1), lastText] }
  }
  return { start, stackEnd: Math.max(start, last - 1), counts: [lastText] }
}

/** Where the number that ends at `end` begins, -1 when there is none behind a blank or at the line's start. */
function countStart(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  let dots = 0
  let digits = 0
  while (at > start) {
    const byte = bytes[at - 1] as number
    if (byte >= 0x30 && byte <= 0x39) digits++
    else if (byte === 0x2e) dots++
    else break
    at--
  }
  if (digits === 0 || dots > 1) return -1
  if (at > start && bytes[at - 1] === 0x2d) at-- // minus
  return at === start || bytes[at - 1] === blank ? at : -1
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 400))) // no 64-bit number is longer
}

export interface FoldedOptions {
  /** Index into the sample types; the profile's default where absent. */
  readonly sampleType?: number
  /** Write _[k], _[j] and _[i] behind names of such frames, as stackcollapse-perf.pl --all does. */
  readonly annotate?: boolean
}

/** Stacks sorted by text, each once; samples with the label `comm` have it as their root, as in perf's folded files. */
export function printFolded(profile: Profile, options: FoldedOptions = {}): Uint8Array<ArrayBuffer> {
  const writer = new TextWriter()
  const sums = [...foldStacks(profile, options)].sort(byStack)
  for (const [stack, sum] of sums) if (sum !== 0n) writer.write(`${stack} ${sum}\n`)
  return writer.toBytes()
}

/** The union of both, with the counts before and during: what difffolded.pl writes. */
export function printDiffFolded(
  before: Profile,
  during: Profile,
  options: FoldedOptions = {},
): Uint8Array<ArrayBuffer> {
  const writer = new TextWriter()
  const first = foldStacks(before, options)
  const second = foldStacks(during, options)
  for (const stack of first.keys()) if (!second.has(stack)) second.set(stack, 0n)
  for (const [stack, sum] of [...second].sort(byStack)) {
    const base = first.get(stack) ?? 0n
    if (sum !== 0n || base !== 0n) writer.write(`${stack} ${base} ${sum}\n`)
  }
  return writer.toBytes()
}

function byStack([a]: [string, bigint], [b]: [string, bigint]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const suffixes: Partial<Record<FrameKind, string>> = {
  kernel: '_[k]',
  jit: '_[j]',
  java: '_[j]',
  js: '_[j]',
  inlined: '_[i]',
}

/** From stack text to its exact sum. */
function foldStacks(
  profile: Profile,
  { sampleType = profile.defaultType, annotate = false }: FoldedOptions,
): Map<string, bigint> {
  const { samples, stacks } = profile
  const frames = framesOf(profile, 'raw')
  const names = frames.keys.name.map((name, row) => {
    const suffix = annotate ? (suffixes[frames.keys.kind[row]!] ?? '') : ''
    const text = name.replaceAll(';', ':').replaceAll(/[\r\n]+/g, ' ')
    return text.endsWith(suffix) ? text : text + suffix
  })
  const first = firstEqualStack(stacks)
  const texts: (string | undefined)[] = []
  const roots = profile.labelSets.map((labels) => labelText(labels, 'comm')?.replaceAll(/[ ;\r\n]/g, '_'))
  const values = samples.values[sampleType] ?? new BigInt64Array(samples.length)
  const sums = new Map<string, bigint>()
  for (let sample = 0; sample < samples.length; sample++) {
    const stack = first[samples.stack[sample]!]!
    texts[stack] ??= stackText(stack)
    const root = roots[samples.labels[sample]!]
    const text = root === undefined ? texts[stack] : texts[stack] === '' ? root : `${root};${texts[stack]}`
    sums.set(text, (sums.get(text) ?? 0n) + values[sample]!)
  }
  return sums

  function stackText(stack: number): string {
    const parts: string[] = []
    for (let at = stacks.offsets[stack + 1]! - 1; at >= stacks.offsets[stack]!; at--) {
      const location = stacks.locations[at]!
      for (let row = frames.offsets[location + 1]! - 1; row >= frames.offsets[location]!; row--) {
        parts.push(names[frames.rows[row]!]!)
      }
    }
    return parts.join(';')
  }
}
