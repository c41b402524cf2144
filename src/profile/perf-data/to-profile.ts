// Samples and their resolved stacks as a Profile: one row per sample with its moment, who it was as labels.
//
// Columns: samples/count and cpu/nanoseconds for what measures CPU time (cpu-clock, task-clock, cycles); every other
// event (page-faults, a tracepoint) has a column of its own, in occurrences.
import { setInt64, wordsOf } from '../int64.ts'
import { Losses } from '../losses.ts'
import type { Label, Loss, Profile } from '../profile.ts'
import { knowNearlyUnique, knowUnique } from '../unique-stacks.ts'
import { leavesCallersOut } from './event.ts'
import { columnsOf, type EventColumn, isDummy, periodOf } from './event-columns.ts'
import type { CodePlace } from './frame-table.ts'
import { placeTables } from './place-tables.ts'
import type { PerfRecording } from './recording.ts'
import { release } from './release.ts'
import type { SampleBatch, SampledThread } from './sample-batch.ts'

export interface ToProfileOptions {
  /** The same moment on the wall clock and on the recording's clock; the recording's own where absent. */
  readonly anchor?: { readonly wallNs: bigint; readonly clockNs: bigint } | undefined
  /** What the profile covers, on the recording's clock; first to last sample where absent. */
  readonly fromNs?: number
  readonly toNs?: number
  /** Labels of every sample beside pid, tid, comm, process and cgroup: `phase`, `container`. */
  readonly labels?: readonly Label[]
  /**
   * Samples of the process `of` and of its children (`ForkLog.family`) get the label `family`, with its PID; those of
   * others that had this PID before or after get it with 0.
   */
  readonly family?: { readonly of: number; has(pid: number, timeNs: number): boolean } | undefined
  readonly comments?: readonly string[]
  /** Event to show first; CPU time where absent. */
  readonly event?: string
  /** Nobody needs the batches afterwards: what was read of them is given back while the profile grows. */
  readonly consumes?: boolean
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
  const spans = batches.filter(({ length }) => length > 0).map(spanOf)
  const first = options.fromNs ?? (spans.length === 0 ? 0 : Math.min(...spans.map(([from]) => from)))
  const last = options.toNs ?? Math.max(0, ...spans.map(([, to]) => to))

  const tables = new Tables(recording)
  const labels = new Labels(options.labels ?? [], options.family)
  const stack = new Uint32Array(count)
  const label = new Uint32Array(count)
  const offsetMs = new Float64Array(count)
  const values = sampleTypes.map(() => new BigInt64Array(count))
  const words = values.map(wordsOf)
  const losses = lossesOf(recording, batches)
  const done = (...read: readonly { readonly buffer: ArrayBufferLike }[]): void => {
    if (options.consumes) release(...read)
  }
  let row = 0
  for (const batch of batches) {
    tables.fillStacks(batch, stack, row)
    done(batch.rawStack, batch.stack, batch.cpu)
    labels.fill(batch, label, row)
    done(batch.thread, batch.cgroup)
    fillOffsets(batch, offsetMs, row, first)
    done(batch.timeNs)
    fillValues(batch, columns, words, row)
    done(batch.event, batch.period)
    row += batch.length
  }
  const wanted = recording.events.findIndex(({ name }) => name === options.event)
  const anchor = options.anchor ?? recording.info.clock
  return {
    sampleTypes,
    defaultType: wanted < 0 ? Math.min(1, sampleTypes.length - 1) : (columns[wanted] as EventColumn).value,
    ...tables.build(),
    samples: { length: count, stack, values, labels: label, offsetMs },
    labelSets: labels.sets,
    // Without samples there is nothing that began: the clock's 0 is when the machine was started.
    timeNanos: anchor && first > 0 ? anchor.wallNs + BigInt(Math.round(first)) - anchor.clockNs : 0n,
    durationNanos: BigInt(Math.max(0, Math.round(last - first))),
    ...periodOf(recording.events),
    comments: [...commentsOf(recording), ...(options.comments ?? [])],
    dropFrames: '',
    keepFrames: '',
    docUrl: '',
    losses,
  }
}

// Loops over all samples are functions of their own: the engine compiles a short one long before it ends.

/** Time of the first and of the last sample. */
function spanOf({ timeNs, length }: SampleBatch): [number, number] {
  let first = Number.POSITIVE_INFINITY
  let last = 0
  for (let i = 0; i < length; i++) {
    const time = timeNs[i] as number
    if (time < first) first = time
    if (time > last) last = time
  }
  return [first, last]
}

function fillOffsets({ timeNs, length }: SampleBatch, offsetMs: Float64Array, row: number, first: number): void {
  for (let i = 0; i < length; i++) offsetMs[row + i] = ((timeNs[i] as number) - first) / 1e6
}

function fillValues(
  { length, event, period }: SampleBatch,
  columns: readonly EventColumn[],
  words: readonly Int32Array[],
  row: number,
): void {
  const counts = words[0] as Int32Array
  for (let i = 0; i < length; i++) {
    const column = columns[event[i] as number] as EventColumn
    if (column.counts) counts[2 * (row + i)] = 1
    const value = Math.round(column.perSample + column.perPeriod * (period[i] as number))
    setInt64(words[column.value] as Int32Array, row + i, value)
  }
}

function commentsOf({ info, events }: PerfRecording): string[] {
  const names = events.filter((event) => !isDummy(event)).map((event) => event.name)
  const comments = [`event: ${[...new Set(names)].join(', ')}`]
  if (info.hostname) comments.push(`host: ${info.hostname}${info.kernel ? `, Linux ${info.kernel}` : ''}`)
  if (info.commandLine) comments.push(`recorded by: ${info.commandLine.join(' ')}`)
  return comments
}

function lossesOf(recording: PerfRecording, batches: readonly SampleBatch[]): Loss[] {
  const lost = new Losses()
  lost.addAll(recording.losses)
  const copies = recording.events.map(({ attr }) => leavesCallersOut(attr))
  for (const batch of batches) {
    for (const { what, count } of batch.losses) lost.add({ what, count })
    let cut = 0
    let copied = 0
    for (let i = 0; i < batch.length; i++) {
      const stack = batch.stack[i] as number
      if (stack >= 0 && recording.isStackTruncated(stack)) cut++
      if (copies[batch.event[i] as number]) copied++
    }
    lost.add({
      what: 'samples without callers in user code (--call-graph dwarf or lbr); perf script knows them',
      count: copied,
    })
    lost.add({ what: 'samples whose stack was cut at the depth limit', count: cut })
  }
  return lost.toList()
}

/** Label sets by (thread, cgroup). */
class Labels {
  readonly sets: (readonly Label[])[] = [[]]
  private readonly byKey = new Map<string, number>()
  private readonly common: readonly Label[]
  private readonly family: ToProfileOptions['family']

  constructor(common: readonly Label[], family: ToProfileOptions['family']) {
    this.common = common
    this.family = family
  }

  /** Writes the rows of the label sets of a batch's samples. */
  fill(batch: SampleBatch, sets: Uint32Array, row: number): void {
    const width = batch.cgroups.length
    const { family } = this
    // Set + 1 by thread and cgroup, and whether it is of the family.
    const known = new Uint32Array(batch.threads.length * width * 2)
    for (let i = 0; i < batch.length; i++) {
      const thread = batch.thread[i] as number
      const isOfFamily = family?.has((batch.threads[thread] as SampledThread).pid, batch.timeNs[i] as number) ?? false
      const key = (thread * width + (batch.cgroup[i] as number)) * 2 + (isOfFamily ? 1 : 0)
      if (known[key] === 0) known[key] = this.setOf(batch, i, isOfFamily) + 1
      sets[row + i] = (known[key] as number) - 1
    }
  }

  private setOf({ threads, thread, cgroups, cgroup }: SampleBatch, i: number, isOfFamily: boolean): number {
    const { pid, tid, comm, processComm } = threads[thread[i] as number] as SampledThread
    const { family } = this
    const labels: Label[] = [
      { key: 'pid', num: BigInt(pid) },
      { key: 'tid', num: BigInt(tid) },
      { key: 'comm', str: comm },
    ]
    if (processComm !== comm) labels.push({ key: 'process', str: processComm })
    const path = cgroups[cgroup[i] as number]?.path
    if (path) labels.push({ key: 'cgroup', str: path })
    if (family && (isOfFamily || pid === family.of))
      labels.push({ key: 'family', num: BigInt(isOfFamily ? family.of : 0) })
    return this.intern([...labels, ...this.common])
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

  /** Writes the rows of the stacks of a batch's samples. */
  fillStacks({ length, stack }: SampleBatch, rows: Uint32Array, row: number): void {
    const { stackRows, stackIds } = this
    for (let i = 0; i < length; i++) {
      const id = stack[i] as number
      const at = id < 0 ? stackRows.length - 1 : id
      if (stackRows[at] === 0) stackRows[at] = stackIds.push(id)
      rows[row + i] = (stackRows[at] as number) - 1
    }
  }

  build(): Pick<Profile, 'strings' | 'functions' | 'mappings' | 'locations' | 'lines' | 'stacks'> {
    const { recording, stackIds } = this
    const offsets = new Uint32Array(stackIds.length + 1)
    for (let i = 0; i < stackIds.length; i++) {
      const id = stackIds[i] as number
      offsets[i + 1] = (offsets[i] as number) + (id < 0 ? 0 : recording.depthOf(id))
    }
    const rowOfPlace = new Int32Array(recording.frames.limit).fill(-1)
    const places: CodePlace[] = []
    const locations = new Uint32Array(offsets[stackIds.length] as number)
    for (let i = 0; i < stackIds.length; i++) {
      const from = offsets[i] as number
      const depth = (offsets[i + 1] as number) - from
      if (depth === 0) continue
      const { block, start } = recording.rowsOf(stackIds[i] as number)
      for (let frame = 0; frame < depth; frame++) {
        const place = block[start + frame] as number
        let row = rowOfPlace[place] as number
        if (row === -1) {
          row = places.push(recording.frame(place)) - 1
          rowOfPlace[place] = row
        }
        locations[from + frame] = row
      }
    }
    const stacks = { length: stackIds.length, offsets, locations }
    // A recording holds a stack that was cut beside its equal that was not, and ids below 0 are empty stacks.
    if (stackIds.some((id) => id < 0 || recording.isStackTruncated(id))) knowNearlyUnique(stacks)
    else knowUnique(stacks)
    return { ...placeTables(places), stacks }
  }
}
