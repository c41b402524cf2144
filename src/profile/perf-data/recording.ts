// A perf recording, of a file or under way: bytes in, samples with named stacks out. Memory stays bounded while
// samples are taken out and `compact` is called.
//
// Live, on the stdout of
//   perf record -F 49 -a -g -e cpu-clock --all-cgroups -k monotonic -m 256 --control fifo:CTL,ACK -N -B -o -
//
//   const recording = new PerfRecording({ noticed: (mapping) => symbolizer.noticed?.(mapping) })
//   perf.stdout.on('data', (chunk) => recording.push(chunk))
//   every two seconds, and at an alert:
//     const pingedNs = Number(process.hrtime.bigint())         // CLOCK_MONOTONIC, as -k monotonic
//     await control.ping()                                     // perf empties all its buffers
//     recording.drain(pingedNs)                                // all older records have arrived
//     recording.symbolizeNew(symbolizer)                       // now, while the processes live
//     ring.add(recording.takeSamples(pingedNs))
//   every ten seconds:
//     recording.compact({ stacks: ring.stacks(), rawStacks: ring.rawStacks() })
//   at a capture:
//     const profile = toProfile(recording, ring.between(fromNs, toNs))
//
// perf answers a ping before it has written all that it read: leave the answer some milliseconds, or drain what is
// older than the ping before. Late records are not lost: they are delivered when they come (`lateRecords`).
import type { Loss } from '../profile.ts'
import type { PerfMapping, Symbolizer } from '../symbolizer.ts'
import { Events, type PerfEvent } from './events.ts'
import type { RecordingInfo } from './features.ts'
import type { ForkLog } from './fork-log.ts'
import { type CodePlace, FrameTable } from './frame-table.ts'
import type { MappedRange } from './mapped-file.ts'
import { TimeOrder } from './order.ts'
import { PlaceCache } from './place-cache.ts'
import { PlaceStacks } from './place-stacks.ts'
import { type InternContext, RawStacks } from './raw-stacks.ts'
import { PerfReader } from './reader.ts'
import { BlockPool, type RecordBlock } from './record-block.ts'
import { SAMPLE } from './record-types.ts'
import { RowArena } from './row-arena.ts'
import { type SampleBatch, SampleColumns } from './sample-batch.ts'
import { newSampleFields, readSample } from './sample-record.ts'
import { SideBand } from './side-band.ts'
import { UnsampledProcesses, type Upcoming } from './unsampled.ts'

export interface RecordingOptions {
  /** Told of every executable mapping of a process when it is seen. */
  readonly noticed?: (mapping: PerfMapping) => void
  /**
   * Keep every address of a function apart (what pprof files hold) instead of one place per function; costs three to
   * five times the stacks.
   */
  readonly keepsAddresses?: boolean
  /**
   * Pass over what is told of processes that end between two deliveries without a sample. For a live recording: in a
   * file every round is a delivery of its own, too short to find many.
   */
  readonly skipsUnsampled?: boolean
  /**
   * The recording is read once, named once at its end, and not written again: call chains are not kept, which takes a
   * third of the memory.
   */
  readonly forgetsChains?: boolean
}

/** Default of /proc/sys/kernel/perf_event_max_stack: chains of this many frames were cut there. */
const defaultMaxStack = 127

export class PerfRecording {
  /** Frames of stacks; row numbers are what resolved stacks consist of. */
  readonly frames: FrameTable
  private readonly reader: PerfReader
  private readonly order: TimeOrder
  private readonly sideBand: SideBand
  private readonly unsampled = new UnsampledProcesses()
  private raw = new RawStacks()
  /** Takes the place of `raw` where chains are not kept. */
  private once: PlaceStacks | undefined
  /** Rows of frame rows, leaf first; key 1 = was cut at the depth limit. */
  private readonly stacks = new RowArena()
  private pending = new SampleColumns()
  private readonly fields = newSampleFields()
  private readonly context: InternContext
  /** Time of the record that is being delivered. */
  private readonly now: Float64Array
  private latestNs = 0
  private readonly found: { block: Int32Array; start: number } = { block: new Int32Array(0), start: 0 }
  /** Samples whose fields do not fit into their record. */
  private malformed = 0

  constructor(options: RecordingOptions = {}) {
    const { noticed, keepsAddresses = false, skipsUnsampled = false, forgetsChains = false } = options
    this.frames = new FrameTable(keepsAddresses)
    if (forgetsChains) this.once = new PlaceStacks(this.frames, () => this.mostDepth)
    const pool = new BlockPool()
    const events = new Events()
    const pidWord = (words: Int32Array, at: number): number => events.pidWord(words, at)
    const foresee = (upcoming: Upcoming, count: number): void => this.unsampled.look(upcoming, count, pidWord)
    const deliver = (block: RecordBlock, at: number): void => this.deliver(block, at)
    const prepare = (upcoming: Upcoming, count: number): void => this.prepare(upcoming, count)
    const sink = { deliver, ...(skipsUnsampled && { foresee }), ...(forgetsChains && { prepare }) }
    this.order = new TimeOrder(events, sink, pool)
    this.now = this.order.now
    this.reader = new PerfReader(events, this.order, pool)
    this.sideBand = new SideBand(this.reader.events, {
      noticed,
      lose: (timeNs, what, count) => this.pending.lose(timeNs, what, count),
    })
    const { kernel } = this.sideBand
    this.context = { user: kernel, kernel, startsInKernel: false, second: 0 }
  }

  /**
   * The next bytes of the stream or file.
   * @param chunk copied; the buffer may be used again
   * @throws Failure NOT_A_PROFILE, MALFORMED, TOO_LARGE
   */
  push(chunk: Uint8Array): void {
    this.reader.push(chunk)
    this.sideBand.tasks.forgetExited(this.latestNs)
  }

  /** No more bytes will come: delivers the rest, reads what stands at the end of a file. */
  end(): void {
    this.reader.end()
    this.order.drain()
  }

  /** Makes available all samples up to a time (default: all that arrived), although no later round confirmed it. */
  drain(untilNs?: number): void {
    this.order.drain(untilNs)
    this.sideBand.tasks.forgetExited(this.latestNs)
  }

  /**
   * Looks up the names of all stacks that are new since the last call, each place once.
   * @param symbolizer the machine's symbols; without one, stacks consist of addresses
   */
  symbolizeNew(symbolizer: Symbolizer | undefined): void {
    if (this.once) {
      for (const range of this.once.ranges) this.tellBuildId(range)
      if (symbolizer) this.frames.askNames(symbolizer)
      this.once.resolve(this.stacks)
      return
    }
    const fresh = this.raw.unresolved
    const second = Math.floor(this.latestNs / 1e9)
    for (const range of this.raw.ranges) if (range) this.tellBuildId(range)
    // Two passes: all unknown places are asked for together, then stacks are made of the answers.
    let words = 0
    for (let i = 0; i < fresh.length; i++) words += this.raw.frameCount(fresh[i] as number) + 1
    const rows = new Int32Array(words)
    const cache = new PlaceCache(this.frames, second, words)
    let end = 0
    for (let i = 0; i < fresh.length; i++) end = this.raw.placesOf(fresh[i] as number, rows, end, cache)
    if (symbolizer) this.frames.askNames(symbolizer)
    const { frames } = this
    let from = 0
    for (let i = 0; i < fresh.length; i++) {
      const id = fresh[i] as number
      let hasJit = false
      let to = from
      for (; rows[to] !== -1; to++) {
        const row = rows[to] as number
        if (frames.isJit(row)) hasJit = true
        rows[to] = frames.standFor(row)
      }
      this.raw.setResolved(id, this.stacks.intern(rows, from, to, this.isTruncated(id) ? 1 : 0), hasJit, second)
      from = to + 1
    }
    this.raw.clearUnresolved()
  }

  /** Gives the samples up to a time (default: all) and forgets them. Their stacks are named if `symbolizeNew` ran before. */
  takeSamples(untilNs = Number.POSITIVE_INFINITY): SampleBatch {
    const { batch, rest } = this.pending.split(
      untilNs,
      (stack) => (this.once ?? this.raw).resolvedOf(stack),
      (id) => this.sideBand.cgroupPath(id),
    )
    this.pending = rest
    return batch
  }

  /**
   * Forgets stacks, frames and files that nothing refers to any more; ids of what stays do not change.
   * @param live ids in the batches that the caller still holds
   */
  compact(live: { readonly stacks: Iterable<number>; readonly rawStacks?: Iterable<number> }): void {
    const liveStacks = new Set(live.stacks)
    const liveRaw = new Set(live.rawStacks)
    const spaceKeys = new Set<number>()
    for (const space of this.sideBand.tasks.spaces()) spaceKeys.add(space.key)
    for (let row = 0; row < this.pending.length; row++) liveRaw.add(this.pending.rawStackAt(row))
    // A raw stack is also worth keeping as the known answer for a stack that is seen all the time.
    this.raw.retain(
      (id) => liveRaw.has(id) || (liveStacks.has(this.raw.resolvedOf(id)) && spaceKeys.has(this.raw.spaceKey(id))),
    )
    for (const id of this.raw.ids()) if (this.raw.resolvedOf(id) >= 0) liveStacks.add(this.raw.resolvedOf(id))
    this.stacks.retain((id) => liveStacks.has(id))
    const liveFrames = new Uint8Array(this.frames.limit)
    for (let id = 0; id < this.stacks.limit; id++) {
      if (!this.stacks.isUsed(id)) continue
      for (const row of this.stackOf(id)) liveFrames[row] = 1
    }
    this.frames.retain((row) => liveFrames[row] === 1)
    const files = new Set<number>()
    for (const file of this.frames.usedFiles()) if (file) files.add(file.id)
    for (const range of this.raw.ranges) if (range) files.add(range.file.id)
    this.sideBand.retainFiles(files)
  }

  /** Forgets all raw stacks: the recording is complete, and what is known of it has been resolved. */
  forgetRawStacks(): void {
    this.raw = new RawStacks()
    this.once = undefined
  }

  /** Frame rows of a resolved stack, leaf first. A view: valid until the next `symbolizeNew` or `compact`. */
  stackOf(id: number): Int32Array {
    const from = this.stacks.start(id)
    return this.stacks.block(id).subarray(from, from + this.stacks.length(id))
  }

  /** The same without a view of its own: the rows stand from `start` on in the block. The object is used again. */
  rowsOf(id: number): { readonly block: Int32Array; readonly start: number } {
    this.found.block = this.stacks.block(id)
    this.found.start = this.stacks.start(id)
    return this.found
  }

  /** How many frames a resolved stack has. */
  depthOf(id: number): number {
    return this.stacks.length(id)
  }

  /** One above the largest id of a resolved stack. */
  get stackLimit(): number {
    return this.stacks.limit
  }

  /** True when the kernel cut the stack at its depth limit. */
  isStackTruncated(id: number): boolean {
    return this.stacks.key(id) === 1
  }

  /** Frame by its row. */
  frame(row: number): CodePlace {
    return this.frames.placeOf(row)
  }

  /** Call chains as they were recorded; for writing them again. */
  get rawStacks(): RawStacks {
    return this.raw
  }

  /** Processes that began during the recording, by whom. */
  get forks(): ForkLog {
    return this.sideBand.forks
  }

  get events(): readonly PerfEvent[] {
    return this.reader.events.list
  }

  get info(): RecordingInfo {
    return this.reader.info
  }

  /** Time of the youngest record that was delivered, on the recording's clock; 0 before the first. */
  get latestTimeNs(): number {
    return this.latestNs
  }

  /** Records that came after younger ones had been delivered. */
  get lateRecords(): number {
    return this.order.lateRecords
  }

  /** What of the input could not be read; losses that have a time are in the batches. */
  get losses(): Loss[] {
    const malformed = this.malformed > 0 ? [{ what: 'samples that make no sense', count: this.malformed }] : []
    return [...this.reader.losses, ...malformed]
  }

  /** How much is held now; for the agent's own metrics and for tests. */
  get held(): { tasks: number; rawStacks: number; stacks: number; frames: number; files: number; waiting: number } {
    return {
      tasks: this.sideBand.tasks.count,
      rawStacks: this.raw.size,
      stacks: this.stacks.size,
      frames: this.frames.size,
      files: this.sideBand.fileCount,
      waiting: this.order.waiting,
    }
  }

  /** Announces the chains of the samples that are delivered next. */
  private prepare(upcoming: Upcoming, count: number): void {
    const chains = this.once?.chains
    const { events } = this.reader
    if (!chains || events.length === 0) return
    chains.beginAhead()
    for (let row = 0; row < count; row++) {
      const block = upcoming.block(row)
      const at = upcoming.position(row)
      if (block.words[at] !== SAMPLE || !readSample(block, at, events, this.fields)) continue
      chains.announce(block.words, this.fields.chainFrom, this.fields.chainTo)
    }
    chains.endAhead()
  }

  private deliver(block: RecordBlock, at: number): void {
    if (block.words[at] === SAMPLE) {
      this.sample(block, at)
      return
    }
    const timeNs = this.now[0] as number
    if (timeNs > this.latestNs) this.latestNs = timeNs
    if (this.unsampled.isAbout(block.words, at)) return
    if (this.sideBand.read(timeNs, block, at)) (this.once ?? this.raw).distrust()
  }

  private sample(block: RecordBlock, at: number): void {
    const timeNs = this.now[0] as number
    if (timeNs > this.latestNs) this.latestNs = timeNs
    const { fields } = this
    const { events } = this.reader
    if (events.length === 0 || !readSample(block, at, events, fields)) {
      this.malformed++
      return
    }
    const task = this.sideBand.tasks.taskOf(fields.pid, fields.tid)
    const { context } = this
    context.user = task.process.space
    context.startsInKernel = fields.startsInKernel
    context.second = timeNs / 1e9
    fields.rawStack = (this.once ?? this.raw).intern(block.words, fields.chainFrom, fields.chainTo, context)
    this.pending.push(timeNs, task, fields)
  }

  private isTruncated(id: number): boolean {
    const limit = this.mostDepth
    return this.raw.frameCount(id) >= limit && this.raw.addressCount(id) >= limit
  }

  private get mostDepth(): number {
    return this.events[0]?.attr.maxStack || defaultMaxStack
  }

  /** What only stands at the end of the file. */
  private tellBuildId({ file, path }: MappedRange): void {
    if (!file.buildId) file.buildId = this.reader.info.buildIds.get(path) || undefined
  }
}
