// Reads the text of `perf script`: one event line per sample, then its stack, then an empty line.
//
//   # cmdline : /usr/bin/perf record -g -F 99
//   node 31337/31340 [003]  4099.359626:   10101010 cpu-clock:
//   \t            1234 parse+0x24 (/usr/bin/node)
//   \t           2724a __libc_start_call_main+0x7a (/usr/lib/x86_64-linux-gnu/libc.so.6)
//
// Between them may stand what --show-task-events, --show-mmap-events and --show-lost-events print; of that losses count:
//   node 31337  4099.359626: PERF_RECORD_LOST lost 12
//
// Works on bytes, for these files are larger than strings can be; equal stacks are equal stretches of text, so each
// different one is read once. All events are kept, a column each, as perf-data/to-profile.ts has them.
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import { ByteInterner } from './byte-interner.ts'
import { readLoss } from './carried-losses.ts'
import { Float64Column, Int64Column, Uint32Column } from './columns.ts'
import type { ParseContext } from './format.ts'
import { int64At, wordsOf } from './int64.ts'
import { type EventLine, newEventLine, readEventLine, splitThread } from './perf-script-event.ts'
import { PerfScriptFrames } from './perf-script-frames.ts'
import { countsEvent, isClock, isCpu, plainName } from './perf-script-names.ts'
import type { Label, Loss, Profile, ValueType } from './profile.ts'

const newline = 0x0a
const tab = 0x09
const blank = 0x20
const hash = 0x23
const carriageReturn = 0x0d
/** Columns have 64 bits with a sign; perf counts without one. */
const largestPeriod = 2n ** 63n - 1n

const recordPrefix = [...'PERF_RECORD_'].map((letter) => letter.charCodeAt(0))

/** A line that perf script begins a sample with, or its header. */
export function matchesPerfScript(head: Uint8Array): boolean {
  if (head.includes(0)) return false
  const line = newEventLine()
  let lines = 0
  for (let at = 0; at < head.length && lines < 200; lines++) {
    let end = head.indexOf(newline, at)
    if (end < 0) end = head.length
    if (head[at] !== hash && head[at] !== tab && readEventLine(head, { start: at, end }, line)) {
      return isStackOrEvent(head, line, end)
    }
    at = end + 1
  }
  return false
}

/** After an event line comes its stack, or its only frame or payload on the line itself, or the next event. */
function isStackOrEvent(head: Uint8Array, line: EventLine, end: number): boolean {
  const thread = new TextDecoder().decode(head.subarray(line.threadStart, line.threadEnd))
  return (
    /\d$/.test(thread) &&
    (line.restStart < end || end + 1 >= head.length || [tab, newline, carriageReturn, blank].includes(head[end + 1]!))
  )
}

/** Samples in the order of the file. */
interface Rows {
  readonly stack: Uint32Column
  readonly thread: Uint32Column
  readonly event: Uint32Column
  /** 0 where the line has none. */
  readonly period: Int64Column
  readonly seconds: Float64Column
  readonly nanos: Float64Column
}

interface Event {
  readonly name: string
  hasPeriod: boolean
}

/** @throws Failure NOT_A_PROFILE when no line begins a sample */
export function parsePerfScript(bytes: Uint8Array, { event }: Pick<ParseContext, 'event'> = {}): Profile {
  const reader = new PerfScriptReader(bytes)
  reader.read()
  return reader.build(event)
}

class PerfScriptReader {
  private readonly bytes: Uint8Array
  private readonly line = newEventLine()
  private readonly rows: Rows = {
    stack: new Uint32Column(),
    thread: new Uint32Column(),
    event: new Uint32Column(),
    period: new Int64Column(),
    seconds: new Float64Column(),
    nanos: new Float64Column(),
  }
  private readonly blocks: ByteInterner
  /** Where each different stack stands. */
  private readonly blockStarts = new Uint32Column()
  private readonly blockEnds = new Uint32Column()
  private readonly threads: ByteInterner
  private readonly threadTexts: string[] = []
  private readonly eventNames: ByteInterner
  private readonly events: Event[] = []
  private readonly comments: string[] = []
  private readonly losses: Loss[] = []
  /** Units of events that count anything but ones. */
  private readonly units = new Map<string, string>()
  private readonly decoder = new TextDecoder()
  private shownFirst: string | undefined
  private strangeLines = 0
  private loweredPeriods = 0
  private lostSamples = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.blocks = new ByteInterner(bytes)
    this.threads = new ByteInterner(bytes)
    this.eventNames = new ByteInterner(bytes)
  }

  read(): void {
    const { bytes } = this
    for (let at = 0; at < bytes.length; ) {
      const end = this.lineEnd(at)
      if (end === at || (end === at + 1 && bytes[at] === carriageReturn)) at = end + 1
      else if (bytes[at] === hash) {
        this.readHeader(at, end)
        at = end + 1
      } else {
        const isEvent = readEventLine(bytes, { start: at, end }, this.line)
        if (isEvent && !this.isRecord(this.line.eventStart)) {
          at = this.readSample(end)
          continue
        }
        if (!this.readRecord(at, end)) this.strangeLines++
        at = end + 1
      }
    }
  }

  /** `PERF_RECORD_MMAP2 10925/10925: […]` looks like an event. */
  private isRecord(at: number): boolean {
    return recordPrefix.every((byte, i) => this.bytes[at + i] === byte)
  }

  /** A line of the recording that is no sample; false when it is none of these either. */
  private readRecord(start: number, end: number): boolean {
    const text = this.decoder.decode(this.bytes.subarray(start, Math.min(end, start + 300)))
    const record = /: PERF_RECORD_[A-Z]\w*(.*)/.exec(text)
    if (!record) return false
    this.lostSamples += Number(/^ lost (\d{1,15})/.exec(record[1]!)?.[1] ?? 0)
    return true
  }

  private lineEnd(at: number): number {
    const end = this.bytes.indexOf(newline, at)
    return end < 0 ? this.bytes.length : end
  }

  /** `# hostname : cart-7`, `# cmdline : …`, `# captured on    : …`: what says where this comes from. */
  private readHeader(start: number, end: number): void {
    const text = this.decoder.decode(this.bytes.subarray(start, Math.min(end, start + 1000)))
    const [, key, value] =
      /^# (captured on|hostname|os release|perf version|cmdline|comment)\s*: (.*\S)/.exec(text) ?? []
    if (key !== undefined) this.comments.push(key === 'comment' ? value! : `${key}: ${value}`)
    // perf-script-print.ts adds these.
    const [, event, unit] = /^# unit of (\S+) : (\S+)/.exec(text) ?? []
    if (event !== undefined) this.units.set(event, unit!)
    this.shownFirst = /^# shown first : (\S+)/.exec(text)?.[1] ?? this.shownFirst
    const loss = readLoss(text.slice(2).trimEnd())
    if (loss) this.losses.push(loss)
  }

  /** The sample whose event line is in `this.line` and ends at `lineEnd`. @returns where the next line begins */
  private readSample(lineEnd: number): number {
    const { bytes, line, rows } = this
    let start = lineEnd + 1
    let end = start
    while (end < bytes.length && this.isStackLine(end)) end = this.lineEnd(end) + 1
    const next = end
    if (end === start) {
      // No stack below: the only frame may stand behind the event.
      start = line.restStart
      end = lineEnd
    }
    const block = this.blocks.intern(start, Math.min(end, bytes.length))
    if (block === this.blockStarts.length) {
      this.blockStarts.push(start)
      this.blockEnds.push(Math.min(end, bytes.length))
    }
    rows.stack.push(block)
    rows.thread.push(this.internThread())
    rows.event.push(this.internEvent())
    rows.period.push(this.fitting(line.period ?? 0))
    rows.seconds.push(line.seconds)
    rows.nanos.push(line.nanos)
    return next
  }

  private fitting(period: number | bigint): number | bigint {
    if (typeof period === 'number' || BigInt.asIntN(64, period) === period) return period
    this.loweredPeriods++
    return largestPeriod
  }

  /** Stack lines are indented; so are event lines with a short thread name, but those have a time. */
  private isStackLine(at: number): boolean {
    const first = this.bytes[at]
    if (first === tab) return true
    if (first !== blank) return false
    const end = this.lineEnd(at)
    const { threadStart, threadEnd, seconds, nanos, period, eventStart, eventEnd, restStart } = this.line
    const isEvent = readEventLine(this.bytes, { start: at, end }, this.line)
    Object.assign(this.line, { threadStart, threadEnd, seconds, nanos, period, eventStart, eventEnd, restStart })
    return !isEvent
  }

  private internThread(): number {
    const { threadStart, threadEnd } = this.line
    const thread = this.threads.intern(threadStart, threadEnd)
    if (thread === this.threadTexts.length) {
      this.threadTexts.push(this.decoder.decode(this.bytes.subarray(threadStart, threadEnd)))
    }
    return thread
  }

  private internEvent(): number {
    const { eventStart, eventEnd, period } = this.line
    const event = this.eventNames.intern(eventStart, eventEnd)
    if (event === this.events.length) {
      this.events.push({ name: this.decoder.decode(this.bytes.subarray(eventStart, eventEnd)), hasPeriod: false })
    }
    if (period !== undefined) this.events[event]!.hasPeriod = true
    return event
  }

  build(wanted: string | undefined): Profile {
    const { rows, events } = this
    if (rows.stack.length === 0)
      throw new Failure('NOT_A_PROFILE', 'No line of this text begins a sample of perf script.')
    const { types, columnOf, isCounted } = columnsOf(events, this.units)
    const builder = new ProfileBuilder(types)
    const eventComment = `event: ${[...new Set(events.map(({ name }) => name))].join(', ')}`
    builder.comments.push(...new Set([...this.comments, eventComment]))
    builder.addLosses(this.losses)
    builder.addLoss('samples lost by the kernel', this.lostSamples)
    builder.addLoss('lines that are not perf script', this.strangeLines)
    builder.addLoss('periods above 2^63, lowered to that', this.loweredPeriods)
    const frames = new PerfScriptFrames(this.bytes, builder)
    const stacks: number[] = []
    for (let block = 0; block < this.blockStarts.length; block++) {
      stacks.push(frames.readStack(this.blockStarts.at(block), this.blockEnds.at(block)))
    }
    const labels = this.threadTexts.map((text) => builder.internLabels(threadLabels(text)))
    const { startNanos, offsetMs, lengthMs } = timesOf(rows)
    const values: (number | bigint)[] = types.map(() => 0)
    const periods = rows.period.toArray()
    const words = wordsOf(periods)
    for (let row = 0; row < rows.stack.length; row++) {
      const event = rows.event.at(row)
      const period = int64At(words, row)
      values.fill(0)
      if (isCounted[event]) values[0] = 1
      const isExact = Number.isSafeInteger(period)
      values[columnOf[event]!] = !events[event]!.hasPeriod ? 1 : isExact ? period : (periods[row] as bigint)
      builder.addSample(stacks[rows.stack.at(row)]!, values, {
        labels: labels[rows.thread.at(row)]!,
        offsetMs: offsetMs(row),
      })
    }
    const shown = eventNamed(events, wanted) ?? eventNamed(events, this.shownFirst)
    builder.defaultType = shown !== undefined ? columnOf[shown]! : defaultColumn(types, columnOf)
    builder.timeNanos = startNanos
    builder.durationNanos = BigInt(Math.round(lengthMs * 1e6))
    return builder.build()
  }
}

/** Index of the event that is called this, with or without its modifiers. */
function eventNamed(events: readonly Event[], wanted: string | undefined): number | undefined {
  const found = events.findIndex(({ name }) => name === wanted || plainName(name) === wanted)
  return found < 0 ? undefined : found
}

/** CPU time where it was measured, else what the first event counts. */
function defaultColumn(types: readonly ValueType[], columnOf: readonly number[]): number {
  const cpu = types.findIndex(({ type }) => type === 'cpu')
  return cpu >= 0 ? cpu : (columnOf[0] ?? 0)
}

/** Which column an event's values go to, and whether its samples count in the first one. */
function columnsOf(
  events: readonly Event[],
  units: ReadonlyMap<string, string>,
): { types: ValueType[]; columnOf: number[]; isCounted: boolean[] } {
  const hasCpu = events.some(({ name }) => isCpu(name))
  const types: ValueType[] = [{ type: 'samples', unit: 'count' }]
  const columnOf = events.map(({ name, hasPeriod }) => {
    // A single event without periods has nothing to say beside its samples.
    if (!hasPeriod && (events.length === 1 || isCpu(name))) return 0
    if (name === countsEvent) return 0
    const type = isClock(name)
      ? { type: 'cpu', unit: 'nanoseconds' }
      : { type: plainName(name), unit: units.get(name) ?? 'count' }
    const known = types.findIndex((one) => one.type === type.type)
    return known > 0 ? known : types.push(type) - 1
  })
  const hasCounts = events.some(({ name }) => name === countsEvent)
  return { types, columnOf, isCounted: events.map(({ name }) => !hasCounts && (!hasCpu || isCpu(name))) }
}

function threadLabels(text: string): Label[] {
  const { comm, pid, tid } = splitThread(text)
  const labels: Label[] = [{ key: 'comm', str: comm }]
  if (pid !== undefined) labels.push({ key: 'pid', num: BigInt(pid) })
  if (tid !== undefined) labels.push({ key: 'tid', num: BigInt(tid) })
  return labels
}

/** Above this many seconds (2001) a time is of the wall clock; machines do not stay up that long. */
const wallClockSeconds = 1e9

function timesOf({ seconds, nanos }: Rows): {
  startNanos: bigint
  offsetMs: (row: number) => number
  lengthMs: number
} {
  const base = seconds.at(0)
  const sinceBase = (row: number): number => (seconds.at(row) - base) * 1e3 + nanos.at(row) / 1e6
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (let row = 0; row < seconds.length; row++) {
    const time = sinceBase(row)
    if (time < first) first = time
    if (time > last) last = time
  }
  const startNanos = base >= wallClockSeconds ? BigInt(base) * 1_000_000_000n + BigInt(Math.round(first * 1e6)) : 0n
  return { startNanos, offsetMs: (row) => sinceBase(row) - first, lengthMs: last - first }
}
