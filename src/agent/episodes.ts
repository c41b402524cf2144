// From a sighting to an incident: names it at once, captures its evidence, and follows it until usage falls.
import { newId } from '../lib/ids.ts'
import { printDurationMs } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import { type Incident, incidentVersion } from '../model/incident.ts'
import { printTarget, type Target } from '../model/target.ts'
import { type CaptureLimits, refusalOf } from '../trigger/limits.ts'
import type { SpikeEnd, SpikeStart } from '../trigger/spike.ts'
import type { Clock, WallClock } from './clock.ts'
import { type CaptureOrder, captureEvidence, type EvidenceOptions } from './evidence.ts'
import type { Sighting } from './scout.ts'

export interface EpisodesOptions extends Omit<EvidenceOptions, 'series' | 'clock'> {
  readonly clock: WallClock
  readonly lookBackMs: number
  readonly forMs: number
  readonly limits: CaptureLimits
  /** Usage of one target and of the machine over a span, both on the monotonic clock. */
  series(key: string, fromMs: number, toMs: number): ReturnType<EvidenceOptions['series']>
  /** Told when it opens and when its evidence is complete. */
  onIncident(incident: Incident): void
}

/** How often a capture that somebody asked for looks whether its target is still there. */
const lookEveryMs = 500

interface CaptureHooks {
  whenDone?(capture: Awaited<ReturnType<typeof captureEvidence>>['capture'], seq: number): Promise<void>
  /** Why there is nothing left to record, once that is so: the capture then ends with what it has, as a partial one. */
  whyGone?(): string | undefined
  /** Of the episode that it belongs to. */
  readonly clock?: Clock
}

/** An incident, and the clock that all of it is timed by. */
interface Open {
  readonly incident: Incident
  readonly clock: Clock
}

interface Run {
  readonly order: CaptureOrder
  readonly stop: AbortController
  readonly done: Promise<void>
}

export class Episodes {
  readonly #options: EpisodesOptions
  readonly #open = new Map<string, Open>()
  readonly #running = new Map<string, Run>()
  /** Spikes whose incident is being opened, or captured. */
  readonly #beginning = new Set<Promise<void>>()
  #closed = false

  constructor(options: EpisodesOptions) {
    this.#options = options
  }

  /** Captures that are being taken now. */
  get running(): number {
    return this.#running.size
  }

  async begin(sighting: Sighting): Promise<void> {
    const begun = this.#begin(sighting)
    this.#beginning.add(begun)
    try {
      await begun
    } finally {
      this.#beginning.delete(begun)
    }
  }

  async #begin({ key, rule, target, spike }: Sighting): Promise<void> {
    const { node, lookBackMs, forMs } = this.#options
    const clock = this.#options.clock.pinned()
    const noticedMs = clock.nowMs()
    const onsetMs = spike.onsetMs + clock.offsetMs
    const baselineFromMs = noticedMs - lookBackMs
    const incident: Incident = {
      version: incidentVersion,
      id: newId('inc-', Math.floor(noticedMs)),
      node,
      target,
      trigger: {
        kind: 'spike',
        rule,
        reason: describeSpike(target, spike),
        spike: {
          cause: spike.cause,
          cores: spike.cores,
          ...(spike.cause === 'contention' ? { waitingCores: spike.waitingCores } : {}),
          baselineCores: spike.baselineCores,
          thresholdCores: spike.thresholdCores,
          heldMs: spike.heldMs,
        },
      },
      state: 'capturing',
      onsetMs,
      noticedMs,
      // What rose before the look-back began has nothing in it to be compared with.
      ...(baselineFromMs < onsetMs ? { baseline: { fromMs: baselineFromMs, toMs: onsetMs } } : {}),
      top: [],
    }
    this.#open.set(key, { incident, clock })
    this.#options.onIncident(incident)
    await this.#put(incident)
    const order: CaptureOrder = {
      captureId: newId('cap-', Math.floor(noticedMs)),
      incidentId: incident.id,
      target,
      trigger: incident.trigger,
      kind: 'cpu',
      lookBackMs,
      forMs,
      deep: this.mayGoDeep(target),
      isOwn: true,
      options: {},
    }
    const whenDone: CaptureHooks['whenDone'] = async (capture, seq) => {
      const { message, target } = capture
      const state = capture.state === 'complete' ? 'complete' : capture.state === 'failed' ? 'failed' : 'partial'
      const latest = this.#latest(key, incident)
      const trigger = { ...latest.trigger, reason: describeSpike(target, spike) }
      const evidenceMs = clock.nowMs()
      const finished: Incident = { ...latest, target, trigger, state, evidenceMs, ...(message ? { message } : {}) }
      if (this.#open.get(key)?.incident.id === incident.id) this.#open.set(key, { incident: finished, clock })
      this.#options.onIncident(finished)
      await this.#put(finished, [seq])
    }
    await this.capture(order, key, { whenDone, clock })
  }

  /** Usage fell back, or the target ended. */
  async end(key: string, end: SpikeEnd): Promise<void> {
    const open = this.#open.get(key)
    if (!open) return
    const { incident, clock } = open
    const ended: Incident = { ...incident, endedMs: end.endedMs + clock.offsetMs }
    // While its capture runs the end is only noted; what `begin` writes last carries it.
    if (incident.state === 'capturing') this.#open.set(key, { incident: ended, clock })
    else this.#open.delete(key)
    await this.#put(ended)
  }

  /** Carries out an order; resolves when its evidence is in the spool. */
  async capture(order: CaptureOrder, key: string, hooks: CaptureHooks = {}): Promise<void> {
    const { whenDone, whyGone, clock = this.#options.clock.pinned() } = hooks
    const stop = new AbortController()
    if (this.#closed) stop.abort() // it keeps the look-back
    const look = (): void => {
      const why = whyGone?.()
      if (why) stop.abort(new Failure('TARGET_GONE', why))
    }
    const looking = whyGone && setInterval(look, lookEveryMs)
    const done = captureEvidence(order, stop.signal, {
      ...this.#options,
      clock,
      series: (fromMs, toMs) => this.#options.series(key, fromMs, toMs),
    }).then(({ capture, seq }) => whenDone?.(capture, seq))
    this.#running.set(order.captureId, { order, stop, done })
    try {
      await done
    } finally {
      clearInterval(looking)
      this.#running.delete(order.captureId)
    }
  }

  /** True when the limiter lets another deep capture start on this node. */
  mayGoDeep(target: Target): boolean {
    const deep = [...this.#running.values()].filter(({ order }) => order.deep)
    const running = deep.map(({ order }) => ({ id: order.captureId, node: order.target.node, target: order.target }))
    return refusalOf(target, running, this.#options.limits) === undefined
  }

  /** Ends a capture early and keeps what it has; false when there is no such capture. */
  stop(captureId: string): boolean {
    const run = this.#running.get(captureId)
    run?.stop.abort()
    return run !== undefined
  }

  /** Ends all captures early and resolves when their evidence is in the spool. */
  async close(): Promise<void> {
    this.#closed = true
    const runs = [...this.#running.values()]
    for (const run of runs) run.stop.abort()
    await Promise.allSettled([...runs.map((run) => run.done), ...this.#beginning])
  }

  #latest(key: string, incident: Incident): Incident {
    const open = this.#open.get(key)?.incident
    return open?.id === incident.id ? open : incident
  }

  async #put(incident: Incident, after: number[] = []): Promise<void> {
    await this.#options.spool.put(`incident:${incident.id}`, { type: 'incident', incident }, { after })
  }
}

/**
 * `node server.js (pid 4242) used 1.00 cores for 600 ms; over the last minute it used 0.02`, and where neighbours held it
 * back `used 0.41 cores and waited for 0.55 more for 600 ms; …`.
 */
export function describeSpike(
  target: Target,
  { cause, cores, waitingCores, baselineCores, heldMs }: SpikeStart,
): string {
  const waited = cause === 'contention' ? ` and waited for ${waitingCores.toFixed(2)} more` : ''
  const usual = `over the last minute it used ${baselineCores.toFixed(2)}`
  return `${printTarget(target)} used ${cores.toFixed(2)} cores${waited} for ${printDurationMs(heldMs)}; ${usual}`
}
