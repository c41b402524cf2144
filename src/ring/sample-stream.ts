// One perf run and the samples it gave, batch by batch, symbolised while the processes live.
import { type CpuEvent, type PerfProcess, perfFailure, startPerf } from '../capture/perf.ts'
import { asFailure, type Failure } from '../model/errors.ts'
import type { ForkLog } from '../profile/perf-data/fork-log.ts'
import { PerfRecording } from '../profile/perf-data/recording.ts'
import { filterSamples, type SampleBatch } from '../profile/perf-data/sample-batch.ts'
import { type ToProfileOptions, toProfile } from '../profile/perf-data/to-profile.ts'
import { writePerfData } from '../profile/perf-data/write.ts'
import type { Profile } from '../profile/profile.ts'
import type { Symbolizer } from '../profile/symbolizer.ts'
import type { Span } from './coverage.ts'
import type { ProcessPlaces } from './place-by-process.ts'

export interface StreamOptions {
  readonly hz: number
  readonly event: CpuEvent
  readonly perf: string
  readonly symbolizer: Symbolizer
  /** Places samples where perf cannot; see place-by-process.ts. */
  readonly places?: ProcessPlaces | undefined
}

interface KeptBatch {
  readonly fromNs: number
  readonly toNs: number
  readonly batch: SampleBatch
}

/** CLOCK_MONOTONIC in ns, the clock of the samples. */
export const monotonicNs = (): number => Number(process.hrtime.bigint())

/** Bytes of one sample in the columns of a batch. */
const sampleBytes = 31
/** Rough cost of a raw stack, a resolved stack and a frame with its names, measured on a busy node. */
const rawStackBytes = 500
const stackBytes = 250
const frameBytes = 200

export class SampleStream {
  readonly hz: number
  readonly event: CpuEvent
  /** Why it ended, once it has and was not asked to. */
  failure: Failure | undefined
  /** When the first samples can have been taken: what is before is not covered. */
  fromNs = Number.POSITIVE_INFINITY
  /** Samples taken and lost since its start, also those evicted since. */
  samples = 0
  lostSamples = 0
  readonly #perf: PerfProcess
  readonly #symbolizer: Symbolizer
  readonly #places: ProcessPlaces | undefined
  readonly #recording: PerfRecording
  readonly #batches: KeptBatch[] = []
  #toNs = 0
  #stopping = false
  #ended = false
  #collecting: Promise<void> = Promise.resolve()
  readonly ended: Promise<void>

  private constructor(perf: PerfProcess, options: StreamOptions) {
    this.hz = options.hz
    this.event = options.event
    this.#perf = perf
    this.#symbolizer = options.symbolizer
    this.#places = options.places
    this.#recording = new PerfRecording({
      noticed: (mapping) => options.symbolizer.noticed?.(mapping),
      skipsUnsampled: true,
    })
    perf.stdout.on('data', (chunk: Buffer) => {
      try {
        if (!this.failure) this.#recording.push(chunk)
      } catch (error) {
        this.failure ??= asFailure(error)
        void perf.stop()
      }
    })
    this.ended = perf.ended.then((end) => {
      this.#ended = true
      if (!this.#stopping) this.failure ??= perfFailure(end)
      this.#take(this.#recording.latestTimeNs)
    })
  }

  /**
   * Starts perf. What goes wrong after the start is in `failure` once `ended` resolves.
   * @throws Failure TOOL_MISSING | NOT_PERMITTED
   */
  static async start(options: StreamOptions): Promise<SampleStream> {
    return new SampleStream(await startPerf(options), options)
  }

  get pid(): number | undefined {
    return this.#ended ? undefined : this.#perf.pid
  }

  /** Until when the samples are complete. */
  get toNs(): number {
    return this.#toNs
  }

  get isEnded(): boolean {
    return this.#ended
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** Memory of samples, stacks and frames, roughly. */
  get bytes(): number {
    const { rawStacks, stacks, frames } = this.#recording.held
    let kept = 0
    for (const { batch } of this.#batches) kept += batch.length * sampleBytes
    return kept + rawStacks * rawStackBytes + stacks * stackBytes + frames * frameBytes
  }

  /** Brings in everything up to now; resolves when it is there and has its names. False when perf did not answer. */
  async collect(timeoutMs?: number): Promise<boolean> {
    let answered = false
    const turn = this.#collecting.then(async () => {
      if (this.#ended) return
      const nowNs = monotonicNs()
      answered = await this.#perf.drain(timeoutMs)
      if (this.#ended || !answered) return
      // Its counters are on once perf answers for the first time, which may be long after it was asked: until then the
      // samples of another stream stand.
      this.fromNs = Math.min(this.fromNs, monotonicNs())
      this.#recording.drain(nowNs)
      this.#take(nowNs)
    })
    this.#collecting = turn
    await turn
    return answered
  }

  /** Ends perf cleanly and keeps the samples. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#perf.stop()
    await this.ended
  }

  /** Drops what is older, and then the oldest until it fits; also frees the stacks that only those used. */
  evict(beforeNs: number, maxBytes = Number.POSITIVE_INFINITY): void {
    const batches = this.#batches
    while (batches[0] && batches[0].toNs < beforeNs) batches.shift()
    this.fromNs = Math.max(this.fromNs, beforeNs)
    this.#recording.forks.forget(beforeNs)
    this.#compact()
    while (batches.length > 1 && this.bytes > maxBytes) {
      batches.splice(0, Math.ceil(batches.length / 10))
      this.fromNs = Math.max(this.fromNs, (batches[0] as KeptBatch).fromNs)
      this.#compact()
    }
  }

  /** Samples of a span as a profile; undefined when there are none. */
  profile({ fromNs, toNs }: Span, wallOffsetMs: number, family?: ToProfileOptions['family']): Profile | undefined {
    const parts = this.#between(fromNs, toNs)
    if (!parts.some((part) => part.length > 0)) return undefined
    const wallNs = BigInt(Math.round(fromNs + wallOffsetMs * 1e6))
    const anchor = { wallNs, clockNs: BigInt(Math.round(fromNs)) }
    return toProfile(this.#recording, parts, { fromNs, toNs, anchor, family })
  }

  /** Who was forked by whom, as far as this stream saw it. */
  get forks(): ForkLog {
    return this.#recording.forks
  }

  /** Samples of a span as a perf.data file, for those who trust perf only; undefined when there are none. */
  perfData(fromNs: number, toNs: number): Uint8Array | undefined {
    const parts = this.#between(fromNs, toNs)
    return parts.some((part) => part.length > 0) ? writePerfData(this.#recording, parts) : undefined
  }

  #between(fromNs: number, toNs: number): SampleBatch[] {
    const parts: SampleBatch[] = []
    for (const kept of this.#batches) {
      if (kept.toNs < fromNs || kept.fromNs >= toNs) continue
      const { batch } = kept
      const inside = (row: number): boolean =>
        (batch.timeNs[row] as number) >= fromNs && (batch.timeNs[row] as number) < toNs
      parts.push(kept.fromNs >= fromNs && kept.toNs < toNs ? batch : filterSamples(batch, inside))
    }
    return parts
  }

  #take(untilNs: number): void {
    this.#recording.symbolizeNew(this.#symbolizer)
    const taken = this.#recording.takeSamples()
    const batch = this.#places?.place(taken, this.#recording.forks, untilNs) ?? taken
    if (batch.length > 0 || batch.losses.length > 0) {
      let fromNs = untilNs
      for (const time of batch.timeNs) if (time < fromNs) fromNs = time
      this.fromNs = Math.min(this.fromNs, fromNs)
      // Exact columns: those of the recording have room for growth, which would stay unused for minutes.
      this.#batches.push({ fromNs, toNs: untilNs, batch: filterSamples(batch, () => true) })
      this.samples += batch.length
      for (const { what, count } of batch.losses) if (what.includes('lost')) this.lostSamples += count
    }
    this.#toNs = Math.max(this.#toNs, untilNs)
  }

  #compact(): void {
    const stacks = new Set<number>()
    const rawStacks = new Set<number>()
    for (const { batch } of this.#batches) {
      for (const stack of batch.stack) stacks.add(stack)
      for (const raw of batch.rawStack) rawStacks.add(raw)
    }
    this.#recording.compact({ stacks, rawStacks })
  }
}
