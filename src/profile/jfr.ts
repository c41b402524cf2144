// Java flight recordings: what is in the file besides stacks — which events, how long, CPU load, busy threads,
// collections, thread dumps.
import { Failure } from '../model/errors.ts'
import { isChunk, JfrChunk } from './jfr-chunk.ts'
import type { JfrObject, JfrValue } from './jfr-fields.ts'
import type { Loss } from './profile.ts'
import type { ThreadDump } from './thread-dump.ts'
import { parseHotspotThreads } from './thread-dump-hotspot.ts'

export interface JfrEventCount {
  /** `jdk.ExecutionSample` */
  readonly name: string
  readonly count: number
  readonly sizeBytes: number
}

/** All shares are of the whole machine: 1 = every core busy. */
export interface JfrCpuLoad {
  readonly timeMs: number
  readonly jvmUser: number
  readonly jvmSystem: number
  readonly machineTotal: number
}

export interface JfrThreadLoad {
  readonly timeMs: number
  readonly thread: JfrThread
  /** Share of the whole machine. */
  readonly user: number
  readonly system: number
}

export interface JfrThread {
  readonly name: string
  /** 0 for a virtual thread. */
  readonly osThreadId: number
  /** 0 for a thread of the VM. */
  readonly javaThreadId: number
  readonly isVirtual: boolean
}

export interface JfrCollection {
  readonly timeMs: number
  readonly durationMs: number
  readonly name: string
  readonly cause: string
  readonly pausesMs: number
}

export interface JfrRecording {
  readonly startMs: number
  readonly durationMs: number
  readonly chunks: readonly {
    readonly version: string
    readonly startMs: number
    readonly durationMs: number
    readonly sizeBytes: number
    readonly isComplete: boolean
  }[]
  /** Most events first; without those of which there are none. */
  readonly eventCounts: readonly JfrEventCount[]
  /** `OpenJDK 64-Bit Server VM`, when the recording has it. */
  readonly jvm?: string
  readonly cpuLoad: readonly JfrCpuLoad[]
  readonly threadLoad: readonly JfrThreadLoad[]
  readonly collections: readonly JfrCollection[]
  readonly threadDumps: readonly { readonly timeMs: number; readonly dump: ThreadDump }[]
  readonly losses: readonly Loss[]
}

export function matchesJfr(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x46 && head[1] === 0x4c && head[2] === 0x52 && head[3] === 0
}

/**
 * The chunks of a file, also of one that was cut off or is still being written.
 * @throws Failure NOT_A_PROFILE when it does not begin with a chunk
 */
export function readChunks(bytes: Uint8Array): JfrChunk[] {
  const chunks: JfrChunk[] = []
  for (let at = 0; isChunk(bytes, at); ) {
    const chunk = new JfrChunk(bytes, at, chunks.at(-1)?.types)
    chunks.push(chunk)
    at += chunk.sizeBytes
  }
  if (chunks.length === 0) throw new Failure('NOT_A_PROFILE', 'It does not begin with the header of a JFR chunk.')
  return chunks
}

/** What could not be read of the chunks or was not recorded. Ask after the events were read. */
export function chunkLosses(bytes: Uint8Array, chunks: readonly JfrChunk[]): Loss[] {
  const sum = (of: (chunk: JfrChunk) => number): number => chunks.reduce((total, chunk) => total + of(chunk), 0)
  const read = sum((chunk) => chunk.sizeBytes)
  return [
    {
      what: 'chunks that the recorder had not closed or that were cut off',
      count: sum((chunk) => (chunk.isComplete ? 0 : 1)),
      isCut: true,
    },
    { what: 'bytes at the end of chunks that are no whole event', count: sum((chunk) => chunk.lostBytes), isCut: true },
    { what: 'bytes behind the last chunk', count: bytes.length - read, isCut: true },
    { what: 'events of types that the file does not describe', count: sum((chunk) => chunk.unknownEvents) },
    { what: 'events whose fields do not fit into their size', count: sum((chunk) => chunk.damagedEvents) },
    { what: 'tables of names that could not be read', count: sum((chunk) => chunk.fields.unreadPools) },
    {
      what: 'bytes that the JVM could not write to the recording',
      count: sum((chunk) => total(chunk, 'jdk.DataLoss', 'amount')),
    },
    {
      what: 'CPU time samples that the JVM lost',
      count: sum((chunk) => total(chunk, 'jdk.CPUTimeSamplesLost', 'lostSamples')),
    },
  ].filter((loss) => loss.count > 0)
}

function total(chunk: JfrChunk, event: string, field: string): number {
  let sum = 0
  chunk.eachRow(event, [field], (row) => {
    sum += row[0] as number
  })
  return sum
}

/** How many events of each kind there are, most first. Checkpoints and metadata count as events, as in `jfr summary`. */
function countEvents(chunks: readonly JfrChunk[]): JfrEventCount[] {
  const counts = new Map<string, { count: number; sizeBytes: number }>()
  for (const chunk of chunks) {
    for (const [id, { count, sizeBytes }] of chunk.counts) {
      const name = id === 0 ? 'jdk.Metadata' : id === 1 ? 'jdk.Checkpoint' : (chunk.types.get(id)?.name ?? `type ${id}`)
      const known = counts.get(name)
      counts.set(name, { count: (known?.count ?? 0) + count, sizeBytes: (known?.sizeBytes ?? 0) + sizeBytes })
    }
  }
  return [...counts].map(([name, figures]) => ({ name, ...figures })).sort((a, b) => b.count - a.count)
}

/** Everything but the stacks. @throws Failure NOT_A_PROFILE when it is no recording */
export function parseJfr(bytes: Uint8Array): JfrRecording {
  const chunks = readChunks(bytes)
  const threadLoad = eventsOf(chunks, 'jdk.ThreadCPULoad', (event, timeMs) => ({
    timeMs,
    thread: threadOf(event.eventThread),
    user: number(event.user),
    system: number(event.system),
  }))
  const cpuLoad = eventsOf(chunks, 'jdk.CPULoad', (event, timeMs) => ({
    timeMs,
    jvmUser: number(event.jvmUser),
    jvmSystem: number(event.jvmSystem),
    machineTotal: number(event.machineTotal),
  }))
  const collections = eventsOf(chunks, 'jdk.GarbageCollection', (event, timeMs, chunk) => ({
    timeMs,
    durationMs: chunk.durationOf(number(event.duration)),
    name: innerText(event.name),
    cause: innerText(event.cause),
    pausesMs: chunk.durationOf(number(event.sumOfPauses)),
  }))
  const threadDumps = eventsOf(chunks, 'jdk.ThreadDump', (event, timeMs) => {
    const text = typeof event.result === 'string' ? event.result : ''
    return text.includes('Full thread dump ')
      ? parseHotspotThreads(new TextEncoder().encode(text)).dumps.map((dump) => ({ timeMs, dump }))
      : []
  }).flat()
  const [jvm] = eventsOf(chunks, 'jdk.JVMInformation', (event) => event.jvmVersion ?? event.jvmName)
  const { startMs, durationMs } = spanOf(chunks)
  return {
    startMs,
    durationMs,
    chunks: chunks.map((chunk) => ({
      version: chunk.version,
      startMs: chunk.startMs,
      durationMs: chunk.durationMs,
      sizeBytes: chunk.sizeBytes,
      isComplete: chunk.isComplete,
    })),
    eventCounts: countEvents(chunks),
    ...(typeof jvm === 'string' && { jvm }),
    cpuLoad,
    threadLoad,
    collections,
    threadDumps,
    losses: chunkLosses(bytes, chunks),
  }
}

/** From the first chunk's start to the last one's end. */
export function spanOf(chunks: readonly JfrChunk[]): { startMs: number; durationMs: number } {
  const startMs = chunks.reduce((first, chunk) => Math.min(first, chunk.startMs), Number.POSITIVE_INFINITY)
  const endMs = chunks.reduce((last, chunk) => Math.max(last, chunk.startMs + chunk.durationMs), startMs)
  return { startMs, durationMs: endMs - startMs }
}

function eventsOf<Item>(
  chunks: readonly JfrChunk[],
  name: string,
  read: (event: JfrObject, timeMs: number, chunk: JfrChunk) => Item,
): Item[] {
  const items: Item[] = []
  for (const chunk of chunks) {
    for (const event of chunk.events(name)) items.push(read(event, chunk.timeMs(number(event.startTime)), chunk))
  }
  return items
}

const number = (value: JfrValue): number => (typeof value === 'number' ? value : 0)
const isObject = (value: JfrValue): value is JfrObject => typeof value === 'object' && !Array.isArray(value)

/** The text of a constant that holds only one, such as `{name: 'G1New'}` or `{string: 'run'}`. */
export function innerText(value: JfrValue): string {
  if (!isObject(value)) return typeof value === 'string' ? value : ''
  return innerText(Object.values(value)[0])
}

/** A constant of java.lang.Thread. */
export function threadOf(value: JfrValue): JfrThread {
  const thread = isObject(value) ? value : {}
  return {
    // A virtual thread without a name has an empty one; threads of the VM have only the system's.
    name: String((thread.javaName || thread.osName) ?? ''),
    osThreadId: number(thread.osThreadId),
    javaThreadId: number(thread.javaThreadId),
    isVirtual: thread.virtual === true,
  }
}
