// Samples and their resolved stacks as a Profile: one row per sample with its moment, who it was as labels.
//
// Columns: samples/count and cpu/nanoseconds for what measures CPU time (cpu-clock, task-clock, cycles); every other
// event (page-faults, a tracepoint) has a column of its own, in occurrences.
import { setInt64, wordsOf } from '../int64.ts'
import type { Label, Loss, Mapping, Profile, ValueType } from '../profile.ts'
import { StringList } from '../string-table.ts'
import type { SymbolFrame } from '../symbolizer.ts'
import type { PerfEvent } from './events.ts'
import type { CodePlace } from './frame-table.ts'
import type { MappedFile } from './mapped-file.ts'
import type { PerfRecording } from './recording.ts'
import type { SampleBatch } from './sample-batch.ts'

export interface ToProfileOptions {
  /** The same moment on the wall clock and on the recording's clock; the recording's own where absent. */
  readonly anchor?: { readonly wallNs: bigint; readonly clockNs: bigint } | undefined
  /** What the profile covers, on the recording's clock; first to last sample where absent. */
  readonly fromNs?: number
  readonly toNs?: number
  /** Labels of every sample beside pid, tid, comm, process and cgroup: `phase`, `container`. */
  readonly labels?: readonly Label[]
  readonly comments?: readonly string[]
  /** Event to show first; CPU time where absent. */
  readonly event?: string
}

/** perf_event.h: PERF_TYPE_*, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_TASK_CLOCK. */
const isClock = ({ attr }: PerfEvent): boolean => attr.type === 1 && (attr.config === 0 || attr.config === 1)
const isCycles = ({ attr }: PerfEvent): boolean => attr.type === 0 && attr.config === 0

/** How the period of an event's samples becomes values: nanoseconds per unit of period, or per sample. */
interface Column {
  /** Column of the event's own unit; 1 is cpu/nanoseconds where it exists. */
  readonly value: number
  readonly perPeriod: number
  readonly perSample: number
  /** Whether it counts as a sample of CPU time. */
  readonly counts: boolean
}

/**
 * @param batches samples whose stacks were resolved (`symbolizeNew` before `takeSamples`), in the order of time
 */
export function toProfile(
  recording: PerfRecording,
  batches: readonly SampleBatch[],
  options: ToProfileOptions = {},
): Profile {
  const { sampleTypes, columns } = columnsOf(recording.events)
  const count = batches.reduce((sum, batch) => sum + batch.length, 0)
  let first = options.fromNs ?? Number.POSITIVE_INFINITY
  let last = options.toNs ?? 0
  for (const { timeNs, length } of batches) {
    for (let i = 0; i < length; i++) {
      const time = timeNs[i] as number
      if (options.fromNs === undefined && time < first) first = time
      if (options.toNs === undefined && time > last) last = time
    }
  }
  if (!Number.isFinite(first)) first = 0

  const tables = new Tables(recording)
  const labels = new Labels(options.labels ?? [])
  const stack = new Uint32Array(count)
  const label = new Uint32Array(count)
  const offsetMs = new Float64Array(count)
  const values = sampleTypes.map(() => new BigInt64Array(count))
  const words = values.map(wordsOf)
  let row = 0
  for (const batch of batches) {
    const setOf = labels.forBatch(batch)
    for (let i = 0; i < batch.length; i++, row++) {
      stack[row] = tables.stackRow(batch.stack[i] as number)
      label[row] = setOf(batch.thread[i] as number, batch.cgroup[i] as number)
      offsetMs[row] = ((batch.timeNs[i] as number) - first) / 1e6
      const column = columns[batch.event[i] as number] as Column
      if (column.counts) setInt64(words[0] as Int32Array, row, 1)
      const value = Math.round(column.perSample + column.perPeriod * (batch.period[i] as number))
      setInt64(words[column.value] as Int32Array, row, value)
    }
  }
  const wanted = recording.events.findIndex(({ name }) => name === options.event)
  const anchor = options.anchor ?? recording.info.clock
  return {
    sampleTypes,
    defaultType: wanted < 0 ? Math.min(1, sampleTypes.length - 1) : (columns[wanted] as Column).value,
    ...tables.build(),
    samples: { length: count, stack, values, labels: label, offsetMs },
    labelSets: labels.sets,
    timeNanos: anchor ? anchor.wallNs + BigInt(Math.round(first)) - anchor.clockNs : 0n,
    durationNanos: BigInt(Math.max(0, Math.round(last - first))),
    ...periodOf(recording.events),
    comments: [...commentsOf(recording), ...(options.comments ?? [])],
    dropFrames: '',
    keepFrames: '',
    docUrl: '',
    losses: lossesOf(recording, batches),
  }
}

function columnsOf(events: readonly PerfEvent[]): { sampleTypes: ValueType[]; columns: Column[] } {
  const measuresCpu = (event: PerfEvent): boolean => isClock(event) || (isCycles(event) && event.attr.isFrequency)
  const hasCpu = events.some(measuresCpu)
  const sampleTypes: ValueType[] = [{ type: 'samples', unit: 'count' }]
  if (hasCpu) sampleTypes.push({ type: 'cpu', unit: 'nanoseconds' })
  const columns = events.map((event): Column => {
    const hz = event.attr.periodOrFrequency
    if (isClock(event)) return { value: 1, perPeriod: 1, perSample: 0, counts: true }
    // The kernel moves the number of cycles so that samples come at the asked rate: each stands for 1/rate seconds.
    if (measuresCpu(event)) return { value: 1, perPeriod: 0, perSample: hz > 0 ? 1e9 / hz : 0, counts: true }
    const name = event.name.replace(/:[a-zA-Z]+$/, '')
    let value = sampleTypes.findIndex((one) => one.type === name)
    if (value < 0 && isDummy(event)) value = 0
    else if (value < 0) value = sampleTypes.push({ type: name, unit: 'count' }) - 1
    return { value, perPeriod: 1, perSample: 0, counts: !hasCpu }
  })
  return { sampleTypes, columns }
}

/** Opened by perf for side-band records only; never sampled. */
const isDummy = ({ attr }: PerfEvent): boolean => attr.type === 1 && attr.config === 9

function periodOf(events: readonly PerfEvent[]): Pick<Profile, 'periodType' | 'period'> {
  const event = events[0]
  if (!event) return { periodType: undefined, period: 0n }
  const { isFrequency, periodOrFrequency: value } = event.attr
  if (isFrequency) {
    return { periodType: { type: 'cpu', unit: 'nanoseconds' }, period: BigInt(value > 0 ? Math.round(1e9 / value) : 0) }
  }
  const periodType = isClock(event) ? { type: 'cpu', unit: 'nanoseconds' } : { type: event.name, unit: 'count' }
  return { periodType, period: BigInt(Math.round(Math.max(0, value))) }
}

function commentsOf({ info, events }: PerfRecording): string[] {
  const names = events.filter((event) => !isDummy(event)).map((event) => event.name)
  const comments = [`event: ${[...new Set(names)].join(', ')}`]
  if (info.hostname) comments.push(`host: ${info.hostname}${info.kernel ? `, Linux ${info.kernel}` : ''}`)
  if (info.commandLine) comments.push(`recorded by: ${info.commandLine.join(' ')}`)
  return comments
}

function lossesOf(recording: PerfRecording, batches: readonly SampleBatch[]): Loss[] {
  const lost = new Map<string, number>()
  const add = (what: string, count: number): void => {
    if (count > 0) lost.set(what, (lost.get(what) ?? 0) + count)
  }
  for (const { what, count } of recording.losses) add(what, count)
  for (const batch of batches) {
    for (const { what, count } of batch.losses) add(what, count)
    let cut = 0
    for (let i = 0; i < batch.length; i++) {
      const stack = batch.stack[i] as number
      if (stack >= 0 && recording.isStackTruncated(stack)) cut++
    }
    add('samples whose stack was cut at the depth limit', cut)
  }
  return Array.from(lost, ([what, count]) => ({ what, count }))
}

/** Label sets by (thread, cgroup). */
class Labels {
  readonly sets: (readonly Label[])[] = [[]]
  private readonly byKey = new Map<string, number>()
  private readonly common: readonly Label[]

  constructor(common: readonly Label[]) {
    this.common = common
  }

  /** @returns row of the label set of a thread and cgroup row of the batch */
  forBatch({ threads, cgroups }: SampleBatch): (thread: number, cgroup: number) => number {
    // Set + 1 by thread and cgroup.
    const known = new Uint32Array(threads.length * cgroups.length)
    return (thread, cgroup) => {
      const pair = thread * cgroups.length + cgroup
      let set = (known[pair] as number) - 1
      if (set < 0) {
        const { pid, tid, comm, processComm } = threads[thread] as SampleBatch['threads'][number]
        const labels: Label[] = [
          { key: 'pid', num: BigInt(pid) },
          { key: 'tid', num: BigInt(tid) },
          { key: 'comm', str: comm },
        ]
        if (processComm !== comm) labels.push({ key: 'process', str: processComm })
        const path = cgroups[cgroup]?.path
        if (path) labels.push({ key: 'cgroup', str: path })
        set = this.intern([...labels, ...this.common])
        known[pair] = set + 1
      }
      return set
    }
  }

  private intern(labels: readonly Label[]): number {
    const key = labels.map(({ key, str, num }) => `${key}=${str ?? num}`).join('\n')
    let set = this.byKey.get(key)
    if (set === undefined) {
      set = this.sets.push(labels) - 1
      this.byKey.set(key, set)
    }
    return set
  }
}

/** Strings, functions, mappings, locations and stacks of the frames that the samples use. */
class Tables {
  private readonly recording: PerfRecording
  /** From stack id to row + 1. */
  private readonly stackRows: Int32Array
  private readonly stackIds: number[] = []

  constructor(recording: PerfRecording) {
    this.recording = recording
    // Id -1, a stack that was not resolved, takes the last place.
    this.stackRows = new Int32Array(recording.stackLimit + 1)
  }

  stackRow(id: number): number {
    const at = id < 0 ? this.stackRows.length - 1 : id
    if (this.stackRows[at] === 0) this.stackRows[at] = this.stackIds.push(id)
    return (this.stackRows[at] as number) - 1
  }

  build(): Pick<Profile, 'strings' | 'functions' | 'mappings' | 'locations' | 'lines' | 'stacks'> {
    const { recording, stackIds } = this
    const offsets = new Uint32Array(stackIds.length + 1)
    for (let i = 0; i < stackIds.length; i++) {
      const id = stackIds[i] as number
      offsets[i + 1] = (offsets[i] as number) + (id < 0 ? 0 : recording.depthOf(id))
    }
    const rowOfPlace = new Int32Array(recording.frames.places.length).fill(-1)
    const places: CodePlace[] = []
    const locations = new Uint32Array(offsets[stackIds.length] as number)
    for (let i = 0; i < stackIds.length; i++) {
      const id = stackIds[i] as number
      const from = offsets[i] as number
      const depth = (offsets[i + 1] as number) - from
      for (let frame = 0; frame < depth; frame++) {
        const place = recording.placeAt(id, frame)
        if (rowOfPlace[place] === -1) rowOfPlace[place] = places.push(recording.frame(place)) - 1
        locations[from + frame] = rowOfPlace[place] as number
      }
    }
    return { ...placeTables(places), stacks: { length: stackIds.length, offsets, locations } }
  }
}

function placeTables(
  places: readonly CodePlace[],
): Pick<Profile, 'strings' | 'functions' | 'mappings' | 'locations' | 'lines'> {
  const strings = ['']
  const stringRows = new Map<string, number>([['', 0]])
  const string = (text: string): number => {
    let row = stringRows.get(text)
    if (row === undefined) {
      row = strings.push(text) - 1
      stringRows.set(text, row)
    }
    return row
  }
  const functions: { name: number; systemName: number; filename: number; startLine: number }[] = []
  const functionRows = new Map<string, number>()
  /** The symbolizer gives the same object for the same function, mostly. */
  const rowOfFrame = new Map<SymbolFrame, number>()
  const functionRow = (frame: SymbolFrame): number => {
    let row = rowOfFrame.get(frame)
    if (row !== undefined) return row
    const { name, systemName = name, file = '', startLine = 0 } = frame
    const key = `${name}\n${systemName}\n${file}\n${startLine}`
    row = functionRows.get(key)
    if (row === undefined) {
      const spec = { name: string(name), systemName: string(systemName), filename: string(file), startLine }
      row = functions.push(spec) - 1
      functionRows.set(key, row)
    }
    rowOfFrame.set(frame, row)
    return row
  }
  const files: MappedFile[] = []
  const fileRows = new Map<MappedFile, number>()
  const named = new Set<MappedFile>()
  const lineFunctions: number[] = []
  const lineNumbers: number[] = []
  const mapping = new Int32Array(places.length)
  const address = new BigUint64Array(places.length)
  const addressWords = wordsOf(address)
  const lineOffsets = new Uint32Array(places.length + 1)
  places.forEach(({ file, offset, frames }, i) => {
    mapping[i] = -1
    if (file) {
      let row = fileRows.get(file)
      if (row === undefined) {
        row = files.push(file) - 1
        fileRows.set(file, row)
      }
      mapping[i] = row
      setInt64(addressWords, i, file.base + offset)
      if (frames.length > 0) named.add(file)
    }
    for (const frame of frames) {
      lineFunctions.push(functionRow(frame))
      lineNumbers.push(frame.line ?? 0)
    }
    lineOffsets[i + 1] = lineFunctions.length
  })
  return {
    strings: new StringList(strings),
    functions: {
      length: functions.length,
      name: Int32Array.from(functions, (fn) => fn.name),
      systemName: Int32Array.from(functions, (fn) => fn.systemName),
      filename: Int32Array.from(functions, (fn) => fn.filename),
      startLine: Float64Array.from(functions, (fn) => fn.startLine),
    },
    mappings: files.map((file) =>
      mappingOf(
        file,
        named.has(file),
        lineNumbers.some((line) => line > 0),
      ),
    ),
    locations: { length: places.length, mapping, address, isFolded: new Uint8Array(places.length), lineOffsets },
    lines: {
      function: Int32Array.from(lineFunctions),
      line: Float64Array.from(lineNumbers),
      column: new Float64Array(lineNumbers.length),
    },
  }
}

function mappingOf(file: MappedFile, hasFunctions: boolean, hasLines: boolean): Mapping {
  const unsigned = (value: number): bigint => BigInt.asUintN(64, BigInt(Math.round(value)))
  const end = file.base + file.to
  return {
    start: unsigned(file.base + file.from),
    // The kernel reaches up to the last address.
    limit: end === 0 ? 0xffffffffffffffffn : unsigned(end),
    offset: file.isAbsolute ? 0n : unsigned(file.from),
    file: file.path,
    buildId: file.buildId ?? '',
    hasFunctions,
    hasFilenames: false,
    hasLineNumbers: hasFunctions && hasLines,
    hasInlineFrames: hasFunctions,
  }
}
