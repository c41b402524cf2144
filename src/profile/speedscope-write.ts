// Writes a profile as speedscope's JSON: one sampled profile per thread and sample type, samples in order of time.
import { printRemarks } from './carried-losses.ts'
import { int64Reader } from './int64.ts'
import type { Label, Profile, ValueType } from './profile.ts'
import { labelText } from './roots.ts'
import { TextWriter } from './text-writer.ts'

const units = ['nanoseconds', 'microseconds', 'milliseconds', 'seconds', 'bytes']
/** Milliseconds of one unit. */
const milliseconds: Record<string, number> = { nanoseconds: 1e-6, microseconds: 1e-3, milliseconds: 1, seconds: 1e3 }
/** JSON's readers have doubles. */
const inexact = 'values above 2^53, rounded'
/** A pause is written as an empty stack when it is longer than what rounding makes: one microsecond. */
const shortestPauseMs = 1e-3

interface Thread {
  readonly name: string
  /** Of several that have one name. */
  readonly number: number
  /** Indexes of samples in order of time. */
  readonly samples: number[]
}

/**
 * Labels other than thread, process and their names are not kept, nor are mappings of frames that have a source file.
 * A pause between samples of a thread, where values are times, is an empty stack.
 * @param name title of the file; the profile's first comment where absent
 */
export function writeSpeedscope(profile: Profile, name = profile.comments[0]): Uint8Array<ArrayBuffer> {
  const frames = new FrameTable(profile)
  const threads = threadsOf(profile)
  const out = new TextWriter()
  out.write('{"$schema":"https://www.speedscope.app/file-format-schema.json","exporter":"spikecam"')
  if (name) out.write(`,"name":${JSON.stringify(name)}`)
  out.write(',"profiles":[')
  let written = 0
  let active = 0
  let heaviest = -1
  let rounded = 0
  for (const [column, { type }] of profile.sampleTypes.entries()) {
    const read = int64Reader(profile.samples.values[column] as BigInt64Array)
    for (const thread of threads) {
      const total = thread.samples.reduce((sum, sample) => sum + Math.abs(read(sample)), 0)
      if (total === 0) continue
      if (total > Number.MAX_SAFE_INTEGER)
        rounded += thread.samples.filter((sample) => !Number.isSafeInteger(read(sample))).length
      // Types of one thread need names that differ; a thread that has one type alone keeps its own.
      const isAlone = profile.sampleTypes.every((_, other) => other === column || !hasValues(profile, other, thread))
      const title = isAlone ? thread.name || type : [thread.name, type].filter(Boolean).join(' · ')
      if (written > 0) out.write(',')
      writeProfile(out, { profile, column, thread, title, frames })
      if (column === profile.defaultType && total > heaviest) {
        heaviest = total
        active = written
      }
      written++
    }
  }
  out.write(`],"activeProfileIndex":${active},"shared":{"frames":[`)
  for (const [i, row] of frames.rows.entries()) out.write(i === 0 ? row : `,${row}`)
  const losses = rounded > 0 ? [...profile.losses, { what: inexact, count: rounded }] : profile.losses
  out.write(`]}${printRemarks({ ...profile, losses })}}\n`)
  return out.toBytes()
}

interface Part {
  readonly profile: Profile
  readonly column: number
  readonly thread: Thread
  readonly title: string
  readonly frames: FrameTable
}

function writeProfile(out: TextWriter, { profile, column, thread, title, frames }: Part): void {
  const { samples } = profile
  const read = int64Reader(samples.values[column] as BigInt64Array)
  const { type: kind, unit: ownUnit } = profile.sampleTypes[column] as ValueType
  const unit = units.includes(ownUnit) ? ownUnit : 'none'
  const unitMs = milliseconds[unit]
  const offsets = unitMs === undefined ? undefined : samples.offsetMs
  const stacks: string[] = []
  const weights: number[] = []
  let startValue = 0
  let at = 0
  for (const sample of thread.samples) {
    const value = read(sample)
    const offsetMs = offsets?.[sample]
    if (unitMs !== undefined && offsetMs !== undefined && !Number.isNaN(offsetMs)) {
      if (stacks.length === 0) {
        startValue = Math.round(offsetMs / unitMs)
        at = startValue
      } else if (offsetMs - at * unitMs > shortestPauseMs) {
        const pause = Math.round(offsetMs / unitMs) - at
        stacks.push('[]')
        weights.push(pause)
        at += pause
      }
    }
    if (value === 0) continue
    const stack = frames.stack(samples.stack[sample] as number)
    // On a time line, nothing is a pause; this was sampled.
    stacks.push(stack === '[]' && unitMs !== undefined ? frames.noStack() : stack)
    weights.push(value)
    at += value
  }
  out.write(`{"type":"sampled","name":${JSON.stringify(title)},"unit":"${unit}"`)
  // Only we read these: without them in-use and allocated bytes would be one when the file is read again.
  out.write(`,"thread":${JSON.stringify([thread.name, thread.number])},"valueType":${JSON.stringify([kind, ownUnit])}`)
  out.write(`,"startValue":${startValue},"endValue":${at},"samples":[`)
  for (const [i, stack] of stacks.entries()) out.write(i === 0 ? stack : `,${stack}`)
  out.write(`],"weights":[`)
  for (const [i, weight] of weights.entries()) out.write(i === 0 ? `${weight}` : `,${weight}`)
  out.write(']}')
}

function hasValues({ samples }: Profile, column: number, thread: Thread): boolean {
  const values = samples.values[column] as BigInt64Array
  return thread.samples.some((sample) => values[sample] !== 0n)
}

/** Threads in order of their first sample. */
function threadsOf({ samples, labelSets }: Profile): Thread[] {
  const threads = new Map<string, Thread>()
  const ofSet: (Thread | undefined)[] = []
  for (let i = 0; i < samples.length; i++) {
    const set = samples.labels[i] as number
    let thread = ofSet[set]
    if (!thread) {
      const labels = labelSets[set] ?? []
      const key = ['pid', 'tid', 'comm', 'thread', 'profile'].map((label) => labelText(labels, label) ?? '').join('\n')
      thread = threads.get(key) ?? {
        name: threadName(labels),
        number: Number(labelText(labels, 'profile') ?? 0),
        samples: [],
      }
      threads.set(key, thread)
      ofSet[set] = thread
    }
    thread.samples.push(i)
  }
  const { offsetMs } = samples
  if (offsetMs)
    for (const thread of threads.values()) thread.samples.sort((a, b) => offsetMs[a]! - offsetMs[b]! || a - b)
  return [...threads.values()]
}

function threadName(labels: readonly Label[]): string {
  const name = labelText(labels, 'thread') ?? labelText(labels, 'comm')
  const tid = labelText(labels, 'tid') ?? labelText(labels, 'pid')
  return tid === undefined ? (name ?? '') : `${name ?? 'thread'} (${tid})`
}

/** Frames as JSON texts, each once, and stacks as lists of their numbers. */
class FrameTable {
  readonly rows: string[] = []
  private readonly ids = new Map<string, number>()
  private readonly profile: Profile
  /** Per location: its frames, outermost first, as `3,4`. */
  private readonly ofLocation: (string | undefined)[] = []
  private readonly ofStack: (string | undefined)[] = []

  constructor(profile: Profile) {
    this.profile = profile
  }

  /** `[0,3,4]`, root first. */
  stack(index: number): string {
    const known = this.ofStack[index]
    if (known !== undefined) return known
    const { offsets, locations } = this.profile.stacks
    const frames: string[] = []
    for (let at = (offsets[index + 1] as number) - 1; at >= (offsets[index] as number); at--) {
      frames.push(this.location(locations[at] as number))
    }
    const text = `[${frames.join(',')}]`
    this.ofStack[index] = text
    return text
  }

  /** As JFR's samples without one are called. */
  noStack(): string {
    return `[${this.frame('[no stack]', { file: '', line: 0, col: 0 })}]`
  }

  private location(index: number): string {
    const known = this.ofLocation[index]
    if (known !== undefined) return known
    const { locations, lines, functions, strings, mappings } = this.profile
    const module = mappings[locations.mapping[index] as number]?.file ?? ''
    const frames: number[] = []
    const first = locations.lineOffsets[index] as number
    for (let row = (locations.lineOffsets[index + 1] as number) - 1; row >= first; row--) {
      const fn = lines.function[row] as number
      frames.push(
        this.frame(strings.get(functions.name[fn] as number), {
          file: strings.get(functions.filename[fn] as number) || module,
          // speedscope takes frames of different lines for different functions, so where it begins is what counts.
          line: (functions.startLine[fn] as number) || (lines.line[row] as number),
          col: lines.column[row] as number,
        }),
      )
    }
    if (frames.length === 0) {
      frames.push(this.frame(`0x${locations.address[index]?.toString(16)}`, { file: module, line: 0, col: 0 }))
    }
    const text = frames.join(',')
    this.ofLocation[index] = text
    return text
  }

  private frame(name: string, { file, line, col }: { file: string; line: number; col: number }): number {
    const text = JSON.stringify({ name, ...(file && { file }), ...(line > 0 && { line }), ...(col > 0 && { col }) })
    let id = this.ids.get(text)
    if (id === undefined) {
      id = this.rows.push(text) - 1
      this.ids.set(text, id)
    }
    return id
  }
}
