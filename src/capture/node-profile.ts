// What V8 says of a Node process itself: a CPU profile with JavaScript names, and where memory was allocated.
import { setTimeout as sleep } from 'node:timers/promises'
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { readIfThere } from './context-processes.ts'
import { type Inspector, openInspector } from './node-inspector.ts'
import type { Probe, ProbeRequest, ProbeYield } from './probe.ts'

/** V8's own choice for its profiler; longer recordings are sampled less often so that they stay some ten megabytes. */
const intervalUs = 1000
const longIntervalUs = 5000
const longMs = 60_000
/** V8's default: one sample per 32 KiB allocated on average. Its cost was not measurable at this rate. */
const heapIntervalBytes = 32_768

export const nodeCpu: Probe = {
  name: 'node-cpu',
  run: (request) =>
    withInspector(request, async (inspector) => {
      const { durationMs, signal } = request
      const isPegged = await neverWaits(request.target.pid as number)
      const interval = durationMs > longMs ? longIntervalUs : intervalUs
      await inspector.call('Profiler.enable')
      await inspector.call('Profiler.setSamplingInterval', { interval })
      await inspector.call('Profiler.start')
      if (isPegged) await forgetOptimizedCode(inspector)
      await pause(durationMs, signal)
      const { profile } = (await inspector.call('Profiler.stop')) as { profile?: V8CpuProfile }
      const { samples = [], nodes = [] } = profile ?? {}
      if (samples.length === 0) return { outcome: 'empty', message: 'V8 took no sample', findings: [] }
      const idle = new Set(nodes.filter(({ callFrame }) => callFrame?.functionName === '(idle)').map(({ id }) => id))
      const idleCount = samples.filter((id) => idle.has(id)).length
      return {
        outcome: 'ok',
        message: `V8 CPU profile of the main thread, ${samples.length} samples every ${interval / 1000} ms, ${printShare(idleCount, samples.length)} of them idle${isPegged ? '; its event loop did not wait once, so V8 had to compile its functions anew to name them' : ''}`,
        findings: [finding('cpuprofile', mediaTypes.cpuprofile, profile)],
      }
    }),
}

/** For `heap` what was allocated while we looked and is still alive, for `allocs` also what was collected since. */
export const nodeHeap: Probe = {
  name: 'node-heap',
  run: (request) =>
    withInspector(request, async (inspector) => {
      const { kind, durationMs, signal } = request
      const isAllocs = kind === 'allocs'
      await inspector.call('HeapProfiler.enable')
      await inspector.call('HeapProfiler.startSampling', {
        samplingInterval: heapIntervalBytes,
        includeObjectsCollectedByMajorGC: isAllocs,
        includeObjectsCollectedByMinorGC: isAllocs,
      })
      await pause(durationMs, signal)
      const { profile } = (await inspector.call('HeapProfiler.stopSampling')) as { profile?: V8HeapProfile }
      const usage = await inspector.call('Runtime.getHeapUsage')
      const heap = `the heap holds ${printBytes(Number(usage.usedSize))} of ${printBytes(Number(usage.totalSize))}`
      const over = printDurationMs(durationMs)
      if (!profile?.samples?.length) {
        const what = isAllocs ? 'allocated' : 'allocated and kept'
        return { outcome: 'empty', message: `next to nothing was ${what} within ${over}; ${heap}`, findings: [] }
      }
      const what = isAllocs ? 'what was allocated' : 'what was allocated and is still alive'
      return {
        outcome: 'ok',
        message: `V8 allocation samples: ${what} within ${over}; ${heap}`,
        findings: [finding('heapprofile', mediaTypes.heapprofile, profile)],
      }
    }),
}

/** Long enough for a server under load to wait for its next event once; a loop that hangs never does. */
const peggedWindowMs = 300

/** True when the main thread ran without giving up its CPU by itself; also told right where others take the CPU. */
async function neverWaits(pid: number): Promise<boolean> {
  const waits = (): string | undefined =>
    /^voluntary_ctxt_switches:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/task/${pid}/status`))?.[1]
  const before = waits()
  await sleep(peggedWindowMs)
  return before !== undefined && waits() === before
}

/**
 * V8's profiler does not know code that was optimized while it ran in a loop (on-stack replacement), and blames its
 * caller. To begin counting calls makes V8 drop all optimized code, and what it makes anew is known: a loop that never
 * returns gets its name, for some tenths of a second of slower code.
 */
async function forgetOptimizedCode(inspector: Inspector): Promise<void> {
  await inspector.call('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await inspector.call('Profiler.stopPreciseCoverage')
}

interface V8CpuProfile {
  readonly nodes?: readonly { readonly id: number; readonly callFrame?: { readonly functionName?: string } }[]
  readonly samples?: readonly number[]
}

interface V8HeapProfile {
  readonly samples?: readonly unknown[]
}

const finding = (end: string, mediaType: string, profile: unknown) => ({
  name: end,
  mediaType,
  bytes: new TextEncoder().encode(JSON.stringify(profile)),
})

/** Opens, looks, and closes in every case. */
async function withInspector(
  { target, signal }: ProbeRequest,
  look: (inspector: Inspector) => Promise<ProbeYield>,
): Promise<ProbeYield> {
  const inspector = await openInspector(target, signal)
  let seen: ProbeYield | undefined
  let open: string | undefined
  try {
    seen = await look(inspector)
  } finally {
    open = await inspector.close()
  }
  const by = inspector.wasOpen
    ? `its inspector on ${inspector.address} was open already and stays so`
    : `by its inspector, which was opened for it${open ? '' : ' and closed again'}`
  const message = [seen.message, by, open].filter(Boolean).join('; ')
  return { ...seen, message, outcome: open && seen.outcome === 'ok' ? 'partial' : seen.outcome }
}

/** Stopped early, what was seen so far is kept. */
const pause = (ms: number, signal: AbortSignal): Promise<unknown> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)
