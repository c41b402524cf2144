// What V8 says of a Node process itself, of its main thread and of its workers: CPU profiles with JavaScript names, and
// where memory was allocated.
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { readIfThere } from './context-processes.ts'
import { type Inspector, openInspector } from './node-inspector.ts'
import type { OpenedInspectors } from './node-opened.ts'
import type { NodeThread, NodeThreads } from './node-threads.ts'
import type { Finding, Probe, ProbeRequest, ProbeYield } from './probe.ts'

/** V8's own choice for its profiler; longer recordings are sampled less often so that they stay some ten megabytes. */
const intervalUs = 1000
const longIntervalUs = 5000
const longMs = 60_000
/** V8's default: one sample per 32 KiB allocated on average. Its cost was not measurable at this rate. */
const heapIntervalBytes = 32_768

/** @param record of what was opened, for the next start of an agent that was killed in between */
export const nodeCpuProbe = (record?: OpenedInspectors): Probe => ({
  name: 'node-cpu',
  run: (request) => withInspector(request, record, (inspector) => recordCpu(request, inspector)),
})

/** For `heap` what was allocated while we looked and is still alive, for `allocs` also what was collected since. */
export const nodeHeapProbe = (record?: OpenedInspectors): Probe => ({
  name: 'node-heap',
  run: (request) => withInspector(request, record, (inspector) => recordHeap(request, inspector)),
})

/** Of one thread, as the protocol has them. */
interface Profiler<T> {
  start(thread: NodeThread): Promise<unknown>
  stop(thread: NodeThread): Promise<T>
}

interface OfThreads<T> {
  readonly main: T
  readonly workers: readonly { readonly name: string; readonly seen: T }[]
  /** Of workers that are not among them, and why. */
  readonly notes: readonly string[]
}

async function recordCpu({ target, durationMs, signal }: ProbeRequest, { threads }: Inspector): Promise<ProbeYield> {
  const pid = target.pid as number
  const before = readThreads(pid)
  await sleep(peggedWindowMs)
  const pegged = peggedBetween(before, readThreads(pid), pid)
  const interval = durationMs > longMs ? longIntervalUs : intervalUs
  const beganMs = performance.now()
  const { main, workers, notes } = await profile<CpuSeen>(threads, () => pause(durationMs, signal), {
    start: async (thread) => {
      await thread.call('Profiler.enable')
      await thread.call('Profiler.setSamplingInterval', { interval })
      await thread.call('Profiler.start')
      if (thread === threads.main ? pegged.main : pegged.others) await forgetOptimizedCode(thread)
    },
    stop: async (thread) => seenOf((await thread.call('Profiler.stop')).profile as V8CpuProfile | undefined),
  })
  const used = cpuByName(before, readThreads(pid))
  const ran = (name: string, { busy }: CpuSeen): number =>
    Math.min(busy * (interval / 1000), used(name) ?? Number.POSITIVE_INFINITY)
  const leastMs = leastBusyShare * (performance.now() - beganMs)
  const busy = workers.filter(({ name, seen }) => ran(name, seen) >= leastMs)
  if (main.count === 0 && busy.length === 0) return { outcome: 'empty', message: 'V8 took no sample', findings: [] }
  const share = ({ busy, count }: CpuSeen): string => `${printShare(count - busy, count)} of them idle`
  const every = `every ${interval / 1000} ms`
  // The busiest first: it is what is shown first.
  const files = [{ name: 'main', seen: main }, ...busy].sort((a, b) => ran(b.name, b.seen) - ran(a.name, a.seen))
  const message = [
    `V8 CPU profile of the main thread, ${main.count} samples ${every}, ${share(main)}${pegged.main ? `; ${namedAnew}` : ''}`,
    ...files.flatMap(({ name, seen }) => (name === 'main' ? [] : `of ${name}, ${seen.count} samples, ${share(seen)}`)),
    ...idleNote(workers.length - busy.length),
    ...notes,
  ].join('; ')
  return {
    outcome: 'ok',
    message,
    findings: files.map(({ name, seen }) => finding(name, 'cpuprofile', seen.profile)),
  }
}

const namedAnew = 'its event loop did not wait once, so V8 had to compile its functions anew to name them'

const idleNote = (count: number): string[] =>
  count === 0 ? [] : [`${count} worker${count === 1 ? '' : 's'} did next to nothing`]

async function recordHeap({ kind, durationMs, signal }: ProbeRequest, { threads }: Inspector): Promise<ProbeYield> {
  const isAllocs = kind === 'allocs'
  const { main, workers, notes } = await profile<V8HeapProfile | undefined>(threads, () => pause(durationMs, signal), {
    start: async (thread) => {
      await thread.call('HeapProfiler.enable')
      await thread.call('HeapProfiler.startSampling', {
        samplingInterval: heapIntervalBytes,
        includeObjectsCollectedByMajorGC: isAllocs,
        includeObjectsCollectedByMinorGC: isAllocs,
      })
    },
    stop: async (thread) => (await thread.call('HeapProfiler.stopSampling')).profile as V8HeapProfile | undefined,
  })
  const usage = await threads.main.call('Runtime.getHeapUsage')
  const heap = `the heap of the main thread holds ${printBytes(Number(usage.usedSize))} of ${printBytes(Number(usage.totalSize))}`
  const over = printDurationMs(durationMs)
  const full = [{ name: 'main', seen: main }, ...workers].filter(({ seen }) => seen?.samples?.length)
  const others = [...idleNote(workers.filter(({ seen }) => !seen?.samples?.length).length), ...notes]
  if (full.length === 0) {
    const what = isAllocs ? 'allocated' : 'allocated and kept'
    const message = [`next to nothing was ${what} within ${over}`, heap, ...others].join('; ')
    return { outcome: 'empty', message, findings: [] }
  }
  const what = isAllocs ? 'what was allocated' : 'what was allocated and is still alive'
  const whose = full.map(({ name }) => (name === 'main' ? 'the main thread' : name)).join(', ')
  return {
    outcome: 'ok',
    message: [`V8 allocation samples of ${whose}: ${what} within ${over}`, heap, ...others].join('; '),
    findings: full.map(({ name, seen }) => finding(name, 'heapprofile', seen)),
  }
}

/** All threads over the time that begins when the main one has started. A worker that does not answer, or ends, takes nothing away from the others. */
async function profile<T>(
  { main, workers, left }: NodeThreads,
  wait: () => Promise<unknown>,
  { start, stop }: Profiler<T>,
): Promise<OfThreads<T>> {
  const notes: string[] = []
  const over = start(main).then(wait)
  const ofWorker = async (thread: NodeThread): Promise<{ name: string; seen: T } | undefined> => {
    try {
      const isStarted = await Promise.race([start(thread).then(() => true), over.then(() => false)])
      if (!isStarted) {
        notes.push(`${thread.name} did not answer: it sleeps`)
        return undefined
      }
      await over
      return { name: thread.name, seen: await stop(thread) }
    } catch (error) {
      notes.push(`${thread.name} is missing: ${(error as Error).message}`)
      return undefined
    }
  }
  const [seen, ...others] = await Promise.all([over.then(() => stop(main)), ...workers.map(ofWorker)])
  if (left > 0) notes.push(`${left} more workers were not looked at`)
  return { main: seen as T, workers: others.filter((each) => each !== undefined) as OfThreads<T>['workers'], notes }
}

/** Long enough for a server under load to wait for its next event once; a loop that hangs never does. */
const peggedWindowMs = 300
/** Of CPU in that time: below it a thread was not busy but asleep, also where a limit leaves the container little. */
const peggedLeastMs = 5

/** Of the time: to be sampled costs a worker 1 to 2 % by itself, and who used less than this is not why anybody looks. */
const leastBusyShare = 0.05

interface ThreadState {
  /** At most 15 bytes: of a worker its name, from Node 22 on. */
  readonly comm: string
  /** How often it gave up its CPU by itself. */
  readonly waits: string | undefined
  readonly cpuMs: number
}

function readThreads(pid: number): Map<string, ThreadState> {
  return new Map(
    threadIds(pid).map((tid) => {
      const folder = `/proc/${pid}/task/${tid}`
      const status = readIfThere(`${folder}/status`)
      const comm = /^Name:\t(.*)$/m.exec(status)?.[1] ?? ''
      const waits = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]
      return [tid, { comm, waits, cpuMs: Number.parseInt(readIfThere(`${folder}/schedstat`), 10) / 1e6 }]
    }),
  )
}

function threadIds(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended, which its inspector tells
  }
}

/** Threads that ran without giving up their CPU by themselves; also told right where others take the CPU. */
function peggedBetween(
  before: ReadonlyMap<string, ThreadState>,
  after: ReadonlyMap<string, ThreadState>,
  pid: number,
): { main: boolean; others: boolean } {
  const pegged = [...after].flatMap(([tid, { waits, cpuMs }]) => {
    const then = before.get(tid)
    const isPegged = then !== undefined && waits !== undefined && waits === then.waits
    return isPegged && cpuMs - then.cpuMs >= peggedLeastMs ? [tid] : []
  })
  return { main: pegged.includes(String(pid)), others: pegged.some((tid) => tid !== String(pid)) }
}

/**
 * CPU of the threads that are called like a worker, ms; undefined where no thread is. V8 takes its samples of a worker that
 * sleeps in Atomics.wait, as those of idle pools do, as of any other code: that it did not run only the kernel knows.
 */
function cpuByName(
  before: ReadonlyMap<string, ThreadState>,
  after: ReadonlyMap<string, ThreadState>,
): (worker: string) => number | undefined {
  const used = new Map<string, number>()
  for (const [tid, { comm, cpuMs }] of after) {
    used.set(comm, (used.get(comm) ?? 0) + cpuMs - (before.get(tid)?.cpuMs ?? 0))
  }
  return (worker) => used.get(Buffer.from(worker.replace(/^\[worker \d+\] /, '')).toString('utf8', 0, maxCommBytes))
}

/** TASK_COMM_LEN of the kernel without the byte that ends it. */
const maxCommBytes = 15

/**
 * V8's profiler does not know code that was optimized while it ran in a loop (on-stack replacement), and blames its
 * caller. To begin counting calls makes V8 drop all optimized code, and what it makes anew is known: a loop that never
 * returns gets its name, for some tenths of a second of slower code.
 */
async function forgetOptimizedCode(thread: NodeThread): Promise<void> {
  await thread.call('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await thread.call('Profiler.stopPreciseCoverage')
}

interface V8CpuProfile {
  readonly nodes?: readonly { readonly id: number; readonly callFrame?: { readonly functionName?: string } }[]
  readonly samples?: readonly number[]
}

interface CpuSeen {
  readonly profile: V8CpuProfile | undefined
  /** Samples, and those of them that are not of a thread that waits. */
  readonly count: number
  readonly busy: number
}

/** @throws Failure MALFORMED */
function seenOf(profile: V8CpuProfile | undefined): CpuSeen {
  const { samples = [], nodes = [] } = profile ?? {}
  if (!Array.isArray(samples) || !Array.isArray(nodes) || nodes.some((each) => typeof each !== 'object' || !each)) {
    throw new Failure('MALFORMED', 'V8 answered Profiler.stop with something that is no CPU profile')
  }
  const idle = new Set(nodes.filter(({ callFrame }) => callFrame?.functionName === '(idle)').map(({ id }) => id))
  return { profile, count: samples.length, busy: samples.filter((id) => !idle.has(id)).length }
}

interface V8HeapProfile {
  readonly samples?: readonly unknown[]
}

/** `cpuprofile` of the main thread, `worker-1-cruncher.cpuprofile` of a worker. */
function finding(thread: string, form: 'cpuprofile' | 'heapprofile', profile: unknown): Finding {
  const whose = thread.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '')
  return {
    name: thread === 'main' ? form : `${whose}.${form}`,
    mediaType: mediaTypes[form],
    bytes: new TextEncoder().encode(JSON.stringify(profile)),
  }
}

/** Opens, looks, and closes in every case. */
async function withInspector(
  { target, signal }: ProbeRequest,
  record: OpenedInspectors | undefined,
  look: (inspector: Inspector) => Promise<ProbeYield>,
): Promise<ProbeYield> {
  const inspector = await openInspector(target, signal, record)
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
