// One capture carried out: freeze what the ring holds from before, record deeper for a while, put it all into the spool.
import { createHash } from 'node:crypto'
import { newId } from '../lib/ids.ts'
import { type Artifact, type Capture, captureVersion, mediaTypes } from '../model/capture.ts'
import { asFailure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import type { Trigger } from '../model/trigger.ts'
import type { UsageSeries } from '../model/usage.ts'
import type { Frozen, Recorder } from '../ring/recorder.ts'
import type { WallClock } from './clock.ts'
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
}

export interface EvidenceOptions {
  readonly node: string
  readonly version: string
  readonly ringHz: number
  readonly recorder: Recorder
  readonly spool: Spool
  readonly clock: WallClock
  /** Usage of the target and of the machine over a span. */
  series(fromMs: number, toMs: number): UsageSeries[]
}

/**
 * Runs until `forMs` are over or `stop` is aborted, which keeps what was recorded so far.
 * @returns the capture as it was put into the spool at last, and the sequence number of that item; whatever goes
 * wrong is in its state and message, nothing is thrown
 */
export async function captureEvidence(
  order: CaptureOrder,
  stop: AbortSignal,
  options: EvidenceOptions,
): Promise<{ capture: Capture; seq: number }> {
  const { recorder, spool, clock } = options
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
    ringHz: options.ringHz,
    probes: [],
  }
  const put = (after: number[] = []): Promise<number> =>
    spool.put(`capture:${capture.id}`, { type: 'capture', capture }, { after })
  await put()
  const notes: string[] = []
  let frozen: Frozen
  try {
    const deep = order.deep && order.forMs > 0
    if (!order.deep) notes.push('two deep captures run on this node already: recorded at the always-on rate')
    if (deep) await recorder.beginDeep()
    await pause(order.forMs, stop)
    // Frozen before the deep recording ends: its samples are drained with the ring's, then it may go.
    frozen = await recorder
      .freeze({
        fromMs: capture.fromMs,
        toMs: clock.nowMs(),
        wallOffsetMs: clock.offsetMs,
        comments: [`spikecam ${options.version}`, `host ${options.node}`, `trigger ${order.trigger.reason}`],
      })
      .finally(() => (deep ? recorder.endDeep() : undefined))
  } catch (error) {
    const failure = asFailure(error)
    const endedMs = clock.nowMs()
    capture = {
      ...capture,
      state: 'failed',
      toMs: endedMs,
      message: failure.message,
      probes: [
        {
          probe: 'ring',
          outcome: 'failed',
          code: failure.code,
          message: failure.message,
          startedMs: requestedMs,
          endedMs,
        },
      ],
    }
    return { capture, seq: await put() }
  }
  const endedMs = clock.nowMs()
  const empty = frozen.samples === 0
  const partial = frozen.partial
  const outcome = empty ? 'empty' : partial ? 'partial' : 'ok'
  const message = empty ? 'no samples: the machine was idle, or nothing was being recorded' : partial
  capture = {
    ...capture,
    state: 'uploading',
    fromMs: frozen.fromMs,
    toMs: frozen.toMs,
    ...(frozen.boundaryMs === undefined ? {} : { boundaryMs: frozen.boundaryMs }),
    ...(frozen.deepHz === undefined ? {} : { deepHz: frozen.deepHz }),
    quality: { ...frozen.quality, notes: [...frozen.quality.notes, ...notes] },
    probes: [{ probe: 'ring', outcome, ...(message ? { message } : {}), startedMs: requestedMs, endedMs }],
  }
  const usage = new TextEncoder().encode(JSON.stringify({ series: options.series(frozen.fromMs, frozen.toMs) }))
  const stem = fileStem(options.node, requestedMs)
  const files: { name: string; mediaType: string; probe: string; bytes: Uint8Array }[] = [
    { name: `${stem}.usage.json`, mediaType: mediaTypes.usage, probe: 'usage', bytes: usage },
    { name: `${stem}.pb.gz`, mediaType: mediaTypes.pprof, probe: 'ring', bytes: frozen.pprof },
    ...frozen.perfData.map(({ hz, fromMs, bytes }) => ({
      name: `${fileStem(options.node, fromMs)}.${hz}hz.perf.data`,
      mediaType: mediaTypes.perfData,
      probe: 'ring',
      bytes,
    })),
  ]
  await put()
  const after: number[] = []
  for (const file of files) {
    if (file.bytes.length === 0) continue
    const artifact: Artifact = {
      id: newId('art-'),
      captureId: capture.id,
      name: file.name,
      mediaType: file.mediaType,
      sizeBytes: file.bytes.length,
      sha256: createHash('sha256').update(file.bytes).digest('hex'),
      probe: file.probe,
      createdMs: clock.nowMs(),
    }
    after.push(await spool.put(`artifact:${artifact.id}`, { type: 'artifact', artifact }, { bytes: file.bytes }))
  }
  capture = { ...capture, state: empty ? 'failed' : partial ? 'partial' : 'complete', ...(message ? { message } : {}) }
  return { capture, seq: await put(after) }
}

/** `vm1.20261121_031500_UTC.node`: host, time and scope, as people who sort files by name expect. */
export function fileStem(node: string, ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T')
  return `${node.replace(/[^\w.-]/g, '_')}.${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_UTC.node`
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
