// The always-on recorder as the agent sees it: a worker thread that runs perf, keeps the ring and freezes parts of it.
// Symbolising a new binary takes up to 0.3 s of CPU; in a thread of its own that delays no heart-beat and no spike.
import { Worker } from 'node:worker_threads'
import type { CpuEvent } from '../capture/perf.ts'
import { backoffMs } from '../lib/backoff.ts'
import { OpenCalls } from '../lib/open-calls.ts'
import { printDurationMs } from '../lib/units.ts'
import type { Quality } from '../model/capture.ts'
import { Failure, type FailureCode } from '../model/errors.ts'

export interface RecorderOptions {
  readonly ringHz: number
  readonly deepHz: number
  /** How far back the ring reaches. */
  readonly keepMs: number
  /** Bound of the sample columns; what is over it shortens the look-back and says so. */
  readonly maxBytes: number
  /** `auto`: hardware cycles where there is a PMU, else cpu-clock, and the fall-back is told. */
  readonly event: CpuEvent | 'auto'
  readonly perf: string
  /** For tests; `patience` without. */
  readonly patience?: { readonly silentMs: number; readonly answerMs: number }
}

export interface RecorderStatus {
  readonly recording: boolean
  readonly message: string | undefined
  readonly event: CpuEvent | undefined
  readonly eventFallback: boolean
  readonly perfPids: readonly number[]
  readonly samples: number
  readonly lostSamples: number
  readonly ringBytes: number
  readonly oldestMs: number | undefined
}

export interface FreezeRequest {
  readonly fromMs: number
  readonly toMs: number
  /** Added to CLOCK_MONOTONIC milliseconds gives milliseconds since the epoch. */
  readonly wallOffsetMs: number
  /** Lines that say where the profile comes from; they become pprof comments. */
  readonly comments: readonly string[]
  /**
   * Mark the samples of this process, and of the children that it forks meanwhile, with the label `family`.
   * `startedMs`, since the epoch, tells it from others that had its PID within the span.
   */
  readonly family?: { readonly pid: number; readonly startedMs?: number | undefined }
}

export interface Frozen {
  /** Gzipped pprof of the whole machine. */
  readonly pprof: Uint8Array
  /** The same samples as perf.data files, one for each perf run that took part, in the order of time. */
  readonly perfData: readonly { readonly hz: number; readonly fromMs: number; readonly bytes: Uint8Array }[]
  readonly quality: Quality
  readonly samples: number
  readonly fromMs: number
  readonly toMs: number
  /** Where the deep samples begin; absent when there are none. */
  readonly boundaryMs: number | undefined
  readonly deepHz: number | undefined
  /** Why the capture is only partial, when it is. */
  readonly partial: string | undefined
}

/** Said where the deep recording could not begin: the look-back is whole, the rest has fewer samples than was wanted. */
export const onlyRing = (why: string): string => `recorded at the always-on rate alone: ${why}`

/** Main thread to worker. */
export type RecorderCommand =
  | { readonly type: 'begin-deep'; readonly call: number; readonly hz?: number }
  | { readonly type: 'hurry' | 'end-deep' | 'trim' | 'close'; readonly call: number }
  | { readonly type: 'freeze'; readonly call: number; readonly request: FreezeRequest }

/** Worker to main thread. */
export type RecorderEvent =
  | { readonly type: 'status'; readonly status: RecorderStatus }
  | { readonly type: 'done'; readonly call: number; readonly frozen?: Frozen }
  | { readonly type: 'failed'; readonly call: number; readonly code: FailureCode; readonly message: string }

const notRecording = (message: string): RecorderStatus => ({
  recording: false,
  message,
  event: undefined,
  eventFallback: false,
  perfPids: [],
  samples: 0,
  lostSamples: 0,
  ringBytes: 0,
  oldestMs: undefined,
})

/**
 * Room for short-lived objects in the worker. V8's default grows to 48 MB, which stays resident on an idle node; with 6
 * the recorder collects garbage more often for no measurable CPU.
 */
const youngGenerationMb = 6

/**
 * The worker tells its status every 2 s, and a capture is frozen within seconds; on a machine that is full to the brim both
 * take many times that. What takes longer is no matter of CPU: the program of some process lies on a file system that does
 * not answer, and neither does who reads it.
 */
const patience = { silentMs: 60_000, answerMs: 180_000 }
const whyHung = 'it may be reading a program from a file system that does not answer'

export class Recorder {
  readonly #program: URL
  readonly #options: RecorderOptions
  readonly #onStatus: (status: RecorderStatus) => void
  readonly #calls = new OpenCalls<Frozen | undefined>()
  /** undefined between the end of one worker and the start of the next. */
  #worker: Worker | undefined
  #restart: NodeJS.Timeout | undefined
  #attempt = 0
  #closed = false
  #status: RecorderStatus = notRecording('starting')
  #toldMs = performance.now()
  readonly #listening: NodeJS.Timeout

  /**
   * Starts the worker, and starts it again should it ever end: the look-back is then lost, the node goes on.
   * @param program the file that runs `runRecorderWorker` when it is loaded in a worker with `workerData.worker`
   * equal to `recorder`: the one program of the product is its own worker, bundled or not
   * @param onStatus called whenever the status changes and every 2 s
   */
  constructor(program: URL, options: RecorderOptions, onStatus: (status: RecorderStatus) => void) {
    this.#program = program
    this.#options = options
    this.#onStatus = onStatus
    this.#worker = this.#startWorker()
    const { silentMs } = options.patience ?? patience
    this.#listening = setInterval(() => this.#listen(silentMs), silentMs / 4).unref()
  }

  /** What was told last is no more true for ever. */
  #listen(silentMs: number): void {
    const silent = performance.now() - this.#toldMs
    if (!this.#worker || !this.#status.recording || silent < silentMs) return
    const message = `the recorder has said nothing for ${printDurationMs(silentMs)}: ${whyHung}`
    this.#status = { ...this.#status, recording: false, message }
    this.#onStatus(this.#status)
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#program, {
      workerData: { worker: 'recorder', options: this.#options },
      name: 'recorder',
      argv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    })
    worker.on('message', (event: RecorderEvent) => {
      if (event.type === 'status') {
        if (event.status.recording) this.#attempt = 0
        this.#tell(event.status)
        return
      }
      if (event.type === 'done') this.#calls.resolve(event.call, event.frozen)
      else this.#calls.reject(event.call, new Failure(event.code, event.message))
    })
    let cause: Error | undefined
    worker.on('error', (error: Error) => {
      cause = error
    })
    worker.on('exit', () => this.#gone(cause))
    return worker
  }

  #gone(cause: Error | undefined): void {
    const failure = new Failure('INTERNAL', `the recorder ended${cause ? `: ${cause.message}` : ''}`, { cause })
    this.#calls.rejectAll(failure)
    this.#worker = undefined
    if (this.#closed) return
    this.#tell(notRecording(`${failure.message}; it is started again, without what it had recorded`))
    this.#restart = setTimeout(
      () => {
        this.#worker = this.#startWorker()
      },
      backoffMs(this.#attempt++),
    )
  }

  #tell(status: RecorderStatus): void {
    this.#toldMs = performance.now()
    this.#status = status
    this.#onStatus(status)
  }

  get status(): RecorderStatus {
    return this.#status
  }

  /**
   * Asks perf now for what it holds, and not when it would be asked next: whoever is about to be captured may be killed
   * in a moment, as where memory runs out, and its files can be opened only while it lives.
   */
  hurry(): void {
    void this.#call({ type: 'hurry' }).catch(() => undefined) // nothing depends on it
  }

  /**
   * Adds a recording at the deep rate; calls nest, the last `endDeep` ends it.
   * @param hz another rate; who comes while a deep recording runs joins it at its rate, which `Frozen.deepHz` tells
   */
  async beginDeep(hz?: number): Promise<void> {
    await this.#call(hz === undefined ? { type: 'begin-deep' } : { type: 'begin-deep', hz })
  }

  async endDeep(): Promise<void> {
    await this.#call({ type: 'end-deep' })
  }

  /** Gives back memory that the recorder does not need. */
  async trim(): Promise<void> {
    await this.#call({ type: 'trim' })
  }

  /** Cuts a span out of the ring, complete up to this moment: perf is drained first. */
  async freeze(request: FreezeRequest): Promise<Frozen> {
    return (await this.#call({ type: 'freeze', request })) as Frozen
  }

  /** Ends perf and the worker. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#restart)
    clearInterval(this.#listening)
    await this.#call({ type: 'close' }).catch(() => undefined) // a worker that is gone already is what was wanted
    await this.#worker?.terminate()
  }

  #call(
    command:
      | { type: 'begin-deep'; hz?: number }
      | { type: 'hurry' | 'end-deep' | 'trim' | 'close' }
      | { type: 'freeze'; request: FreezeRequest },
  ): Promise<Frozen | undefined> {
    const worker = this.#worker
    if (!worker) return Promise.reject(new Failure('INTERNAL', 'the recorder is being started again'))
    const { answerMs } = this.#options.patience ?? patience
    const late = (): Failure =>
      new Failure('TIMEOUT', `the recorder did not answer within ${printDurationMs(answerMs)}: ${whyHung}`)
    const send = (call: number): void => worker.postMessage({ ...command, call } as RecorderCommand)
    return this.#calls.open(send, { withinMs: answerMs, late })
  }
}
