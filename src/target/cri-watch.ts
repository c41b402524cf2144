// Follows a container runtime for as long as the agent lives: by its events where it has them, else by asking again;
// through restarts of the runtime, which it notices, says once, and waits out.
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../lib/backoff.ts'
import { asFailure } from '../model/errors.ts'
import { type Cri, type FindCriOptions, findCri } from './cri.ts'

/** What this folder needs of a logger; pino's is one. */
export interface TargetLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

export interface CriWatchOptions extends FindCriOptions {
  readonly log: TargetLog
  /** Reads the lists; called at once, and whenever something may have changed. */
  readonly refresh: (cri: Cri) => Promise<void>
  /** Between two lists where nothing tells of changes. */
  readonly pollMs?: number
}

export interface CriWatch {
  /** Resolves after the first list, or after the first attempt that failed. */
  readonly ready: Promise<void>
  /** Name and version of the runtime while it answers. */
  readonly runtime: string | undefined
  /** List now: something unknown was seen. Resolves when that is done, or at once while the runtime is away. */
  nudge(): Promise<void>
  close(): void
}

/** New containers are noticed through /proc and nudge this, so lists are only for labels, ends and restarts. */
const defaultPollMs = 5000
/** With events a list is only the safety net against a lost one. */
const pollWithEventsMs = 60_000
/** A pod that starts makes a handful of events; one list serves them all. */
const gatherMs = 100
/** A runtime that restarts is back within seconds; asking a dead socket costs nothing. */
const maxWaitMs = 10_000

export function watchCri(options: CriWatchOptions): CriWatch {
  const { log, refresh, pollMs = defaultPollMs } = options
  const stop = new AbortController()
  let runtime: string | undefined
  let wake = (): void => undefined
  /** Something happened since the last list began, perhaps while it was read. */
  let isDue = false
  let served: { promise: Promise<void>; resolve: () => void } | undefined
  let tellReady = (): void => undefined
  const ready = new Promise<void>((resolve) => (tellReady = resolve))

  const pause = async (ms: number): Promise<void> => {
    const early = new AbortController()
    wake = () => early.abort()
    if (served || isDue) early.abort()
    await sleep(ms, undefined, { signal: AbortSignal.any([stop.signal, early.signal]) }).catch(() => undefined)
    wake = () => undefined
  }
  const list = async (cri: Cri): Promise<void> => {
    const asked = served
    served = undefined
    isDue = false
    try {
      await refresh(cri)
    } finally {
      asked?.resolve()
    }
  }

  const follow = async (cri: Cri): Promise<void> => {
    let hasEvents = false
    let broken: unknown
    const ended = new AbortController()
    const events = cri
      .events(
        () => {
          hasEvents = true
          isDue = true
          wake()
        },
        AbortSignal.any([stop.signal, ended.signal]),
      )
      .then(
        () => (hasEvents = false), // it has none, or ended the stream: from now on it is asked
        (error: unknown) => {
          broken = error
          isDue = true
          wake()
        },
      )
    try {
      while (!stop.signal.aborted) {
        await pause(hasEvents ? pollWithEventsMs : pollMs)
        if (stop.signal.aborted) return
        if (broken) throw broken
        if (hasEvents && !served) await sleep(gatherMs, undefined, { signal: stop.signal }).catch(() => undefined)
        await list(cri)
      }
    } finally {
      ended.abort()
      await events
    }
  }

  const run = async (): Promise<void> => {
    let attempt = 0
    let awaySinceMs = 0
    let wasThere = false
    while (!stop.signal.aborted) {
      let cri: Cri | undefined
      try {
        cri = await findCri(options)
        await list(cri)
        runtime = cri.runtime
        wasThere = true
        const details = { runtime, socket: cri.socket }
        if (awaySinceMs === 0) log.info(details, 'following the pods of the container runtime')
        else log.info({ ...details, awayMs: performance.now() - awaySinceMs }, 'the container runtime answers again')
        awaySinceMs = 0
        attempt = 0
        tellReady()
        await follow(cri)
      } catch (error) {
        runtime = undefined
        const failure = asFailure(error)
        if (awaySinceMs === 0 && !stop.signal.aborted) {
          awaySinceMs = performance.now()
          const details = { code: failure.code, advice: failure.advice }
          // A plain machine has no runtime and needs none; one that does not answer, or was there, is missed.
          const isPlain = failure.details.looked !== undefined && !wasThere
          if (isPlain) log.info({}, 'no container runtime here: processes are followed, containers have only their ids')
          else log.warn(details, `${failure.message}; keeping what is known of pods`)
        }
        tellReady()
        served?.resolve()
        served = undefined
        await pause(backoffMs(attempt++, { maxMs: maxWaitMs }))
      } finally {
        cri?.close()
      }
    }
  }
  void run()

  return {
    ready,
    get runtime() {
      return runtime
    },
    nudge: () => {
      if (stop.signal.aborted || runtime === undefined) return Promise.resolve()
      if (!served) {
        let resolve = (): void => undefined
        const promise = new Promise<void>((done) => (resolve = done))
        served = { promise, resolve }
        wake()
      }
      return served.promise
    },
    close: () => {
      stop.abort()
      served?.resolve()
    },
  }
}
