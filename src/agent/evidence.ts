// One capture carried out: freeze what the ring holds from before and record deeper for a while, run the probes of the
// target beside it or instead of it, put it all into the spool.
import { createHash } from 'node:crypto'
import { newId } from '../lib/ids.ts'
import {
  type Artifact,
  type Capture,
  captureVersion,
  kindsWithRing,
  mediaTypes,
  type ProbeOptions,
  type ProbeResult,
} from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import { fileStem, scopeOf } from '../model/file-name.ts'
import { stateOf } from '../model/outcome.ts'
import type { Target } from '../model/target.ts'
import type { Trigger } from '../model/trigger.ts'
import type { UsageSeries } from '../model/usage.ts'
import { type FreezeRequest, onlyRing, type Recorder } from '../ring/recorder.ts'
import { startedMonotonicMs } from '../target/process-identity.ts'
import type { Clock } from './clock.ts'
import { type Probes, type Ran, unplanned } from './probes.ts'
import type { Spool } from './spool.ts'

export interface CaptureOrder {
  readonly captureId: string
  readonly incidentId?: string
  readonly target: Target
  readonly trigger: Trigger
  readonly kind: string
  readonly lookBackMs: number
  readonly forMs: number
  /** False when the node's share of deep captures is used up: then the always-on rate has to do, and it is said. */
  readonly deep: boolean
  /** True for what is taken of a spike without being told: then only what costs next to nothing is looked at. */
  readonly isOwn: boolean
  readonly options: ProbeOptions
}

export interface EvidenceOptions {
  readonly node: string
  readonly version: string
  readonly ringHz: number
  readonly recorder: Recorder
  readonly spool: Pick<Spool, 'put'>
  /** One that nobody sets while the capture runs. */
  readonly clock: Clock
  readonly probes: Probes
  /** The target with what is known of it by now: the runtime may name a container that is just born after its spike. */
  describe(target: Target): Target
  /** Usage of the target and of the machine over a span, both on the monotonic clock. */
  series(fromMs: number, toMs: number): UsageSeries[]
}

/** How much of the usage before a capture belongs to one that has no stacks of that time. */
const usageBeforeMs = 60_000

/** A file on its way to the server. */
interface Draft {
  /** End of the name, after host, time and scope. */
  readonly name: string
  readonly mediaType: string
  readonly probe: string
  readonly bytes: Uint8Array
  /** When it was begun, where that is not the beginning of the capture. */
  readonly fromMs?: number
}

/** What the ring gave; its facts become those of the capture. */
interface RingPart {
  readonly facts: Partial<Capture>
  readonly result: ProbeResult
  readonly drafts: readonly Draft[]
}

/**
 * Runs until `forMs` are over and the probes have ended, or `stop` is aborted, which keeps what there is so far.
 * @returns the capture as it was put into the spool at last, and the sequence number of that item; whatever goes
 * wrong is in its state and message, nothing is thrown
 */
export async function captureEvidence(
  order: CaptureOrder,
  stop: AbortSignal,
  options: EvidenceOptions,
): Promise<{ capture: Capture; seq: number }> {
  const { spool, clock, probes } = options
  const requestedMs = clock.nowMs()
  let capture: Capture = {
    version: captureVersion,
    id: order.captureId,
    ...(order.incidentId ? { incidentId: order.incidentId } : {}),
    node: options.node,
    target: order.target,
    trigger: order.trigger,
    kind: order.kind,
    state: 'recording',
    requestedMs,
    fromMs: requestedMs - order.lookBackMs,
    toMs: requestedMs + order.forMs,
    probes: [],
  }
  const put = (after: number[] = []): Promise<number> =>
    spool.put(`capture:${capture.id}`, { type: 'capture', capture }, { after })
  /** What could not be written, and why: the rest is worth having without it. */
  const unkept: string[] = []
  const keep = async (drafts: readonly Draft[]): Promise<number[]> => {
    const seqs: number[] = []
    for (const { name, mediaType, probe, bytes, fromMs = requestedMs } of drafts) {
      if (bytes.length === 0) continue
      const artifact: Artifact = {
        id: newId('art-'),
        captureId: capture.id,
        // What the ring and the usage files hold is of the whole node, whoever was asked for.
        name: nameOf(name, fileStem(options.node, fromMs, isOfNode(probe) ? 'node' : scopeOf(order.target))),
        mediaType,
        sizeBytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        probe,
        createdMs: clock.nowMs(),
      }
      try {
        seqs.push(await spool.put(`artifact:${artifact.id}`, { type: 'artifact', artifact }, { bytes }))
      } catch (error) {
        unkept.push(`${artifact.name} is lost: ${asFailure(error).message}`)
      }
    }
    return seqs
  }
  await put()

  // The plan may take a moment; what the ring holds and what it goes on to record does not wait for it.
  const hasRing = kindsWithRing.includes(order.kind)
  const ringPart = hasRing ? recordRing(order, stop, { ...options, requestedMs }) : undefined
  const probing = runProbes(order, stop, { probes, clock })
  const after: number[] = []
  const ring = await ringPart
  if (ring) {
    capture = { ...capture, ...ring.facts, state: 'uploading', probes: [ring.result] }
    await put()
    // On their way while a slower probe still looks.
    after.push(...(await keep(ring.drafts)))
  }
  const { ran, refusal } = await probing
  if (!ring) capture = { ...capture, fromMs: requestedMs, toMs: clock.nowMs() }
  const results = [...(ring ? [ring.result] : []), ...ran.map(({ result }) => result)]
  after.push(
    ...(await keep([
      ...(ring ? [] : [usageDraft(requestedMs - usageBeforeMs, clock.nowMs(), options)]),
      ...draftsOf(ran),
    ])),
  )
  const state = refusal
    ? { state: 'refused' as const, message: refusal.message }
    : endOf(order.kind, results, { stop, unkept })
  capture = { ...capture, ...state, target: options.describe(order.target), probes: results }
  return { capture, seq: await put(after) }
}

/** Ended early by a person it is whole as far as it goes; ended because the target is gone it is not. */
function endOf(
  kind: string,
  results: readonly ProbeResult[],
  { stop, unkept }: { stop: AbortSignal; unkept: readonly string[] },
): ReturnType<typeof stateOf> {
  const { state, message } = stateOf(kind, results)
  const ended = stop.aborted && stop.reason instanceof Failure ? stop.reason.message : message
  const why = [ended, ...unkept].filter(Boolean).join('; ')
  return { state: state === 'complete' && why ? 'partial' : state, ...(why ? { message: why } : {}) }
}

/** Stacks and usage, from the seconds before to those after. Never rejects. */
async function recordRing(
  order: CaptureOrder,
  stop: AbortSignal,
  { recorder, clock, requestedMs, ...options }: EvidenceOptions & { requestedMs: number },
): Promise<RingPart> {
  const deep = order.deep && order.forMs > 0
  const notes: string[] = []
  const about = { probe: 'ring', startedMs: requestedMs }
  try {
    // What the ring goes on to record is there without it.
    const notDeep = deep ? await failureOf(recorder.beginDeep(order.options.hz)) : undefined
    await pause(order.forMs, stop)
    // Frozen before the deep recording ends: its samples are drained with the ring's, then it may go.
    const frozen = await recorder
      .freeze({
        fromMs: requestedMs - order.lookBackMs,
        toMs: clock.nowMs(),
        wallOffsetMs: clock.offsetMs,
        comments: [`spikecam ${options.version}`, `host ${options.node}`, `trigger ${order.trigger.reason}`],
        ...familyOf(order.target, clock.offsetMs),
      })
      .finally(() => (deep && !notDeep ? recorder.endDeep() : undefined))
    const partial = notDeep ? onlyRing(notDeep.message) : frozen.partial
    if (!order.deep) {
      const instead =
        frozen.deepHz === undefined ? 'recorded at the always-on rate' : 'it has its share of their recording'
      notes.push(`as many deep captures run on this node, or of this target, as may: ${instead}`)
    }
    const { hz } = order.options
    if (deep && hz !== undefined && frozen.deepHz !== undefined && frozen.deepHz !== hz) {
      const why = 'another deep recording runs at that rate, or kernel.perf_event_max_sample_rate allows no more'
      notes.push(`recorded at ${frozen.deepHz} Hz and not at ${hz}: ${why}`)
    }
    const isEmpty = frozen.samples === 0
    const outcome = isEmpty ? 'empty' : partial ? 'partial' : 'ok'
    const message = isEmpty ? 'no samples: the machine was idle, or nothing was being recorded' : partial
    return {
      facts: {
        fromMs: frozen.fromMs,
        toMs: frozen.toMs,
        ringHz: options.ringHz,
        ...(frozen.boundaryMs === undefined ? {} : { boundaryMs: frozen.boundaryMs }),
        ...(frozen.deepHz === undefined ? {} : { deepHz: frozen.deepHz }),
        quality: { ...frozen.quality, notes: [...frozen.quality.notes, ...notes] },
      },
      result: { ...about, outcome, ...(message ? { message } : {}), endedMs: clock.nowMs() },
      drafts: [
        usageDraft(frozen.fromMs, frozen.toMs, { ...options, clock }),
        { name: 'pb.gz', mediaType: mediaTypes.pprof, probe: 'ring', bytes: frozen.pprof },
        ...frozen.perfData.map(({ hz, fromMs, bytes }) => ({
          name: `${hz}hz.perf.data`,
          mediaType: mediaTypes.perfData,
          probe: 'ring',
          bytes,
          fromMs,
        })),
      ],
    }
  } catch (error) {
    const { code, message } = asFailure(error)
    const endedMs = clock.nowMs()
    return {
      facts: { toMs: endedMs },
      result: { ...about, outcome: 'failed', code, message, endedMs },
      drafts: [],
    }
  }
}

const failureOf = (work: Promise<void>): Promise<Failure | undefined> => work.then(() => undefined, asFailure)

/** Whose samples, and those of whose children, the view of a process shows: not of others that had its PID. */
function familyOf({ kind, pid, startTicks }: Target, wallOffsetMs: number): Pick<FreezeRequest, 'family'> {
  if (kind !== 'process' || pid === undefined) return {}
  const startedMs = startTicks === undefined ? undefined : startedMonotonicMs(startTicks) + wallOffsetMs
  return { family: { pid, startedMs } }
}

const withPid = (name: string, pid: number): string =>
  name.startsWith('stacks/') ? name.replace(/(\.\w+)$/, `-${pid}$1`) : `pid${pid}.${name}`

/** What the chart of the incident shows. */
function usageDraft(fromMs: number, toMs: number, options: Pick<EvidenceOptions, 'series' | 'clock'>): Draft {
  const { offsetMs } = options.clock
  const found = options.series(fromMs - offsetMs, toMs - offsetMs)
  const series = found.map((each) => ({ ...each, startMs: Math.round(each.startMs + offsetMs) }))
  const bytes = new TextEncoder().encode(JSON.stringify({ series }))
  return { name: 'usage.json', mediaType: mediaTypes.usage, probe: 'usage', bytes }
}

/** `stacks/2026-11-21/shop/cart-0-app-03-15-00.log` is a path that people know; all else begins with host and time. */
const nameOf = (name: string, stem: string): string => (name.startsWith('stacks/') ? name : `${stem}.${name}`)

/** Never rejects. `refusal`: a guard said no to all of it. */
async function runProbes(
  order: CaptureOrder,
  stop: AbortSignal,
  { probes, clock }: Pick<EvidenceOptions, 'probes' | 'clock'>,
): Promise<{ ran: Ran[]; refusal?: Failure }> {
  const { kind, target, forMs, trigger, deep, isOwn } = order
  // Only a person overrides a guard.
  const { force, ...rest } = order.options
  const options = { ...rest, ...(force !== undefined && trigger.kind === 'manual' ? { force } : {}) }
  try {
    const plan = await probes.plan({ kind, target, forMs, options, isAutomatic: isOwn, onlyContext: isOwn && !deep })
    return { ran: await probes.run(plan, options, stop) }
  } catch (error) {
    const ran = [unplanned(kind, error, clock.nowMs())]
    return error instanceof Failure && error.code === 'REFUSED' ? { ran, refusal: error } : { ran }
  }
}

const isOfNode = (probe: string): boolean => probe === 'ring' || probe === 'usage'

/** With the process in the name where several were looked at, or two files would have the same one. */
function draftsOf(ran: readonly Ran[]): Draft[] {
  const processes = new Set(ran.map(({ pid }) => pid).filter((pid) => pid !== undefined))
  return ran.flatMap(({ result, findings, pid }) =>
    findings.map((finding) => ({
      ...finding,
      name: processes.size > 1 && pid !== undefined ? withPid(finding.name, pid) : finding.name,
      probe: result.probe,
    })),
  )
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted || ms <= 0) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    stop.addEventListener('abort', done, { once: true })
  })
}
