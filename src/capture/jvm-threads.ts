// The probe `jvm-threads`: what every thread of a JVM does and which of them burn CPU. Dumps at both ends of a window,
// the kernel's clocks of all threads right inside of them:
//
//   dump · clocks ─────────── 2 s ─────────── clocks · dump
//
// so that the figures hold nothing of what the dumps themselves cost.
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import { parseHotspotThreads } from '../profile/thread-dump-hotspot.ts'
import { type ThreadTable, type ThreadWindow, tableThreads } from '../profile/thread-table.ts'
import { profileThreads } from '../profile/thread-table-profile.ts'
import { printThreadTable } from '../profile/thread-table-text.ts'
import { readThreadClocks, readThreadNames, type ThreadClocks, threadsBetween } from '../target/jvm-thread-cpu.ts'
import { type AttachedJvm, attachJvm } from './jvm-attach.ts'
import { removeForgotten } from './jvm-files.ts'
import { stackFileName } from './jvm-stack-file.ts'
import { whileCounting } from './jvm-turns.ts'
import type { Finding, Probe, ProbeRequest, ProbeYield } from './probe.ts'

/** As the daemon that this replaces: `thread -n 50`. */
const defaultBusiest = 50
const defaultSnapshots = 2
/** Clocks may be ticks of 10 ms: below this a share has no meaning. */
const minWindowMs = 250

/**
 * Kind `threads`, and part of `bundle`. The window is `durationMs`; options `busiestThreads`, `threadSnapshots`.
 * Findings: `threads.txt` (the dumps as HotSpot printed them), `threads.json` (`ThreadTable`), `threads.pb.gz` (for the
 * flame graph: samples weighted with CPU) and `stacks/DATE/NAMESPACE/POD-CONTAINER-TIME.log` (the table as text; this
 * name is a path, to be kept as it is). Ended early, it keeps the dumps that it has and is `partial`.
 */
export const jvmThreads: Probe = { name: 'jvm-threads', run: runJvmThreads }

async function runJvmThreads(request: ProbeRequest): Promise<ProbeYield> {
  const jvm = attachJvm(request)
  try {
    // The one that looks most often: what was left in there is not left for long.
    removeForgotten(jvm)
    const startedMs = Date.now()
    const recording = await whileCounting(jvm.process, () => recordThreads(jvm, request))
    return makeFindings(recording, { request, jvm, startedMs })
  } finally {
    jvm.close()
  }
}

interface Recording {
  readonly texts: readonly Uint8Array[]
  readonly windows: readonly ThreadWindow[]
  /** Why there are fewer than were asked for. */
  readonly cutShort?: string
}

async function recordThreads(jvm: AttachedJvm, { durationMs, options, signal }: ProbeRequest): Promise<Recording> {
  const { pid } = jvm.process
  const snapshots = options.threadSnapshots ?? defaultSnapshots
  const windowMs = Math.max(minWindowMs, durationMs / Math.max(1, snapshots - 1))
  const texts = [await printThreads(jvm)]
  const windows: ThreadWindow[] = []
  let before = await readThreadClocks(pid)
  while (texts.length < snapshots) {
    try {
      await sleep(windowMs, undefined, { signal })
      const after = await readThreadClocks(pid)
      const window = windowOf(pid, before, after)
      texts.push(await printThreads(jvm))
      windows.push(window)
      before = after
    } catch (error) {
      // The first dump is there and whole; what ended the rest is said with it.
      return { texts, windows, cutShort: reasonOf(error, signal) }
    }
  }
  return { texts, windows }
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it was ended early'
  return error instanceof Error ? error.message : String(error)
}

/** `-e` came with JDK 11. */
async function printThreads(jvm: AttachedJvm): Promise<Uint8Array> {
  try {
    return await jvm.jcmd('Thread.print -e -l')
  } catch (error) {
    if (error instanceof Failure && /Unknown argument '-e'/.test(error.message)) return jvm.jcmd('Thread.print -l')
    throw error
  }
}

function windowOf(pid: number, before: ThreadClocks, after: ThreadClocks): ThreadWindow {
  const uses = threadsBetween(before, after).flatMap(({ tid, cpuMs, isNew }) => {
    const names = readThreadNames(pid, tid)
    return names ? [{ nid: names.innerTid, comm: names.comm, cpuMs, isNew }] : []
  })
  return { wallMs: after.atMs - before.atMs, processCpuMs: after.processCpuMs - before.processCpuMs, uses }
}

async function makeFindings(
  { texts, windows, cutShort }: Recording,
  { request, jvm, startedMs }: { request: ProbeRequest; jvm: AttachedJvm; startedMs: number },
): Promise<ProbeYield> {
  // Read in one go: a frame is read once, however many threads in however many dumps are in it.
  const text = Buffer.concat(texts)
  const { dumps, losses } = parseHotspotThreads(text)
  if (dumps.length !== texts.length) {
    const message = `the JVM was asked for ${texts.length} dumps, and what it answered holds ${dumps.length}`
    throw new Failure('MALFORMED', message, { details: { begins: text.toString('utf8', 0, 100) } })
  }
  const limit = request.options.busiestThreads ?? defaultBusiest
  const table = tableThreads(dumps, windows, { limit, losses })
  const profile = profileThreads(dumps, windows, startedMs)
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
  const findings: Finding[] = [
    { name: 'threads.txt', mediaType: mediaTypes.text, bytes: text },
    { name: 'threads.json', mediaType: mediaTypes.threads, bytes: encode(JSON.stringify(table)) },
    { name: 'threads.pb.gz', mediaType: mediaTypes.pprof, bytes: await promisify(gzip)(encodePprof(profile)) },
    {
      name: stackFileName(request.target, new Date(startedMs)),
      mediaType: mediaTypes.text,
      bytes: encode(`pid ${jvm.process.pid}: ${printThreadTable(table)}`),
    },
  ]
  if (!cutShort) return { outcome: 'ok', message: summary(table), findings }
  return { outcome: 'partial', message: `${texts.length} of the dumps: ${cutShort}. ${summary(table)}`, findings }
}

/** `busiest of 538 threads: hot 0.99 cores; 3 threads wait for locks` */
function summary({ threads, threadCount, locks, deadlocks }: ThreadTable): string {
  const [first] = threads
  const waiting = locks.reduce((sum, { waiters }) => sum + waiters.length, 0)
  const facts = [
    first && first.cpuMs > 0
      ? `busiest of ${threadCount} threads: ${first.name} ${first.cores.toFixed(2)} cores`
      : `${threadCount} threads, none busy`,
  ]
  if (waiting > 0) facts.push(`${waiting} wait for locks that others hold`)
  if (deadlocks.length > 0) facts.push(`${deadlocks.length} deadlock${deadlocks.length === 1 ? '' : 's'}`)
  return facts.join('; ')
}
