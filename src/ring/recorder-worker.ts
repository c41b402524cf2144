// The worker thread of the recorder: keeps one perf running for ever, a second one while a capture wants more, and
// answers the main thread.
import type { MessagePort } from 'node:worker_threads'
import { type CpuEvent, hasHardwareCycles, maxSampleHz } from '../capture/perf.ts'
import { backoffMs } from '../lib/backoff.ts'
import { asFailure, type Failure } from '../model/errors.ts'
import { createSymbolizer, type LiveSymbolizer } from '../symbols/live-symbolizer.ts'
import { collectGarbage } from './collect-garbage.ts'
import { freezeStreams } from './freeze.ts'
import { type ContainerPlace, ProcessPlaces } from './place-by-process.ts'
import type { Frozen, RecorderCommand, RecorderEvent, RecorderOptions, RecorderStatus } from './recorder.ts'
import { monotonicNs, SampleStream } from './sample-stream.ts'

/** A drain every 2 s costs nothing measurable and keeps symbolisation close to the life of short processes. */
const collectEveryMs = 2000
/** And not more often than this when asked to hurry: on a node where everything spikes, all spikes of half a second. */
const leastCollectNs = 500e6
/**
 * How long a capture waits for a perf that does not answer, as where a full machine gives it no CPU. What it has not read
 * yet is not lost: the kernel's rings of 1 MB per CPU hold some twenty seconds at the deep rate.
 */
const freezeDrainMs = 15_000
/** How long a capture waits for its own perf to begin: what is recorded is as long as was asked for from then on. */
const beginDeepMs = 10_000
/** Old samples and the stacks that only they used are freed every so many drains. */
const evictEvery = 5
/** A perf that died sooner than this after its start is not tried again at once. */
const healthyNs = 30e9

/**
 * Runs until the main thread says close.
 * @param containerOf where a process is, on machines where perf cannot always say it
 */
export async function runRecorderWorker(
  port: MessagePort,
  options: RecorderOptions,
  containerOf?: ContainerPlace,
): Promise<void> {
  const places = containerOf && new ProcessPlaces(containerOf)
  const worker = new RecorderWorker(port, options, { symbolizer: await createSymbolizer(), places })
  port.on('message', (command: RecorderCommand) => void worker.obey(command))
  await worker.keepRecording()
}

class RecorderWorker {
  readonly #port: MessagePort
  readonly #options: RecorderOptions
  readonly #symbolizer: LiveSymbolizer
  readonly #places: ProcessPlaces | undefined
  #event: CpuEvent
  #eventFallback = false
  #ring: SampleStream | undefined
  /** Rings whose perf died; what they recorded is still in the look-back. */
  readonly #pastRings: SampleStream[] = []
  /** When perf was last asked. */
  #collectedNs = 0
  #deep: SampleStream | undefined
  #deepUsers = 0
  #closed = false
  #wake: () => void = () => undefined
  #message: string | undefined
  /** Why nothing is being recorded, while that is so. */
  #failure: Failure | undefined

  constructor(
    port: MessagePort,
    options: RecorderOptions,
    { symbolizer, places }: { symbolizer: LiveSymbolizer; places: ProcessPlaces | undefined },
  ) {
    this.#port = port
    this.#options = options
    this.#symbolizer = symbolizer
    this.#places = places
    const cyclesThere = hasHardwareCycles()
    this.#event = options.event === 'auto' ? (cyclesThere ? 'cycles' : 'cpu-clock') : options.event
    this.#eventFallback = options.event === 'auto' && !cyclesThere
  }

  async obey(command: RecorderCommand): Promise<void> {
    const { call } = command
    try {
      const frozen = await this.#carryOut(command)
      this.#tell({ type: 'done', call, ...(frozen ? { frozen } : {}) })
    } catch (error) {
      const { code, message } = asFailure(error)
      this.#tell({ type: 'failed', call, code, message })
    }
  }

  async keepRecording(): Promise<void> {
    let attempt = 0
    while (!this.#closed) {
      const startedNs = monotonicNs()
      const failure = await this.#recordOnce()
      if (this.#closed) return
      if (failure && this.#event === 'cycles' && this.#options.event === 'auto' && attempt === 0) {
        // The PMU is listed but cannot sample (some hypervisors): the timer always works.
        this.#event = 'cpu-clock'
        this.#eventFallback = true
        continue
      }
      this.#failure = failure
      attempt = monotonicNs() - startedNs > healthyNs ? 0 : attempt + 1
      const waitMs = backoffMs(attempt, { maxMs: 60_000 })
      this.#message = `not recording: ${failure?.message ?? 'perf ended'}; ${failure?.advice ?? ''} Trying again in ${Math.ceil(waitMs / 1000)} s`
      this.#report()
      await this.#sleep(waitMs)
    }
  }

  /** One life of the ring's perf. */
  async #recordOnce(): Promise<Failure | undefined> {
    let ring: SampleStream
    try {
      ring = await this.#startStream(this.#options.ringHz)
    } catch (error) {
      return asFailure(error)
    }
    this.#ring = ring
    let rounds = 0
    void ring.ended.then(() => this.#wake())
    while (!this.#closed && !ring.isEnded) {
      this.#collectedNs = monotonicNs()
      const answered = await ring.collect()
      if (answered) {
        this.#message = undefined
        this.#failure = undefined
      } else if (!ring.isEnded) this.#message = 'perf does not answer; its samples come late'
      if (++rounds % evictEvery === 0) this.#evict()
      this.#report()
      if (!ring.isEnded && !this.#closed) await this.#sleep(collectEveryMs)
    }
    if (this.#closed) return undefined
    await ring.ended
    this.#ring = undefined
    if (!ring.isEmpty) this.#pastRings.push(ring)
    return ring.failure
  }

  #startStream(wantedHz: number): Promise<SampleStream> {
    const hz = Math.min(wantedHz, maxSampleHz())
    const { perf } = this.#options
    return SampleStream.start({
      hz,
      perf,
      event: this.#event,
      symbolizer: this.#symbolizer,
      places: this.#places,
    })
  }

  async #carryOut(command: RecorderCommand): Promise<Frozen | undefined> {
    switch (command.type) {
      case 'hurry':
        if (monotonicNs() - this.#collectedNs >= leastCollectNs) this.#wake()
        return undefined
      case 'begin-deep': {
        this.#deepUsers++
        if (this.#deepUsers > 1) return undefined
        try {
          this.#deep = await this.#startStream(command.hz ?? this.#options.deepHz)
        } catch (error) {
          this.#deepUsers-- // nobody has to end what did not begin
          throw error
        }
        await this.#deep.collect(beginDeepMs)
        this.#report()
        return undefined
      }
      case 'end-deep': {
        // Not below none: an end may come from a capture that began with a worker before this one.
        this.#deepUsers = Math.max(0, this.#deepUsers - 1)
        if (this.#deepUsers > 0 || !this.#deep) return undefined
        // Its samples are in the captures that wanted them; a later look-back has the ring's. What perf told of every
        // process of the node, some megabytes, goes with it.
        const deep = this.#deep
        this.#deep = undefined
        await deep.stop()
        this.#report()
        return undefined
      }
      case 'freeze': {
        await Promise.all([this.#ring?.collect(freezeDrainMs), this.#deep?.collect(freezeDrainMs)])
        const deep = this.#deep ? [this.#deep] : []
        const ring = this.#ring ? [this.#ring, ...this.#pastRings] : this.#pastRings
        // Not "no samples": somebody has to do something about it. What one of both recorded is kept all the same.
        const failure = this.#failure ?? this.#deep?.failure
        if (failure && [...ring, ...deep].every((stream) => stream.samples === 0)) throw failure
        const sources = { deep, ring, eventFallback: this.#eventFallback, notes: this.#symbolizer.notes }
        return freezeStreams(sources, command.request)
      }
      case 'trim': {
        collectGarbage()
        return undefined
      }
      case 'close': {
        this.#closed = true
        this.#wake()
        await Promise.all([this.#ring?.stop(), this.#deep?.stop()])
        this.#symbolizer.close()
        return undefined
      }
    }
  }

  #evict(): void {
    const beforeNs = monotonicNs() - this.#options.keepMs * 1e6
    this.#ring?.evict(beforeNs, this.#options.maxBytes)
    for (const past of [...this.#pastRings]) {
      past.evict(beforeNs)
      if (past.isEmpty) this.#pastRings.splice(this.#pastRings.indexOf(past), 1)
    }
  }

  #report(): void {
    const streams = [this.#ring, this.#deep, ...this.#pastRings].filter((stream) => stream !== undefined)
    const fallback = this.#eventFallback ? 'no hardware cycles on this machine: sampling by cpu-clock' : undefined
    const status: RecorderStatus = {
      recording: this.#ring !== undefined && !this.#ring.isEnded,
      message: this.#message ?? fallback,
      event: this.#ring?.event,
      eventFallback: this.#eventFallback,
      perfPids: [this.#ring?.pid, this.#deep?.pid].filter((pid) => pid !== undefined),
      samples: streams.reduce((sum, stream) => sum + stream.samples, 0),
      lostSamples: streams.reduce((sum, stream) => sum + stream.lostSamples, 0),
      ringBytes: streams.reduce((sum, stream) => sum + stream.bytes, 0),
      oldestMs: streams.length > 0 ? Math.min(...streams.map((stream) => stream.fromNs)) / 1e6 : undefined,
    }
    this.#tell({ type: 'status', status })
  }

  #tell(event: RecorderEvent): void {
    this.#port.postMessage(event)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
