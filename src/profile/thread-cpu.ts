// Which threads were busy between two dumps of one process: CPU used per thread, most first. Collector and compiler
// threads are among them, so "it is the garbage collector" or "it is the JIT" can be read off.
import type { JavaFrame } from './java-frame.ts'
import { type JavaState, type ThreadDump, type ThreadOfDump, wholeStack } from './thread-dump.ts'

export type ThreadRole = 'application' | 'collector' | 'compiler' | 'vm'

export interface BusyThread {
  readonly name: string
  readonly role: ThreadRole
  readonly nid?: number
  readonly javaId?: number
  /** CPU used between the dumps. */
  readonly cpuMs: number
  /** The same per second of wall time: 1 = one core fully busy; absent when the time between the dumps is not known. */
  readonly cores?: number
  /** True when it did not exist yet in the first dump: all its CPU counts. */
  readonly isNew: boolean
  /** As in the second dump. */
  readonly state?: JavaState
  readonly frames: readonly JavaFrame[]
  /** Frames in the first dump, to see whether it stayed at one place; empty for a new thread. */
  readonly framesBefore: readonly JavaFrame[]
}

export interface BusyThreads {
  /** Most CPU first. */
  readonly threads: readonly BusyThread[]
  readonly wallMs?: number
  /** Where the CPU figures come from. */
  readonly source: 'dump' | 'proc' | 'none'
  /** Threads of the first dump that had ended; what they used in between is not known. */
  readonly ended: number
  /** Threads for which there was no figure. */
  readonly unknown: number
}

/** Readings of utime + stime per thread, by the thread id that the dump prints (of the target's PID namespace). */
export interface ProcCpu {
  readonly beforeMs: ReadonlyMap<number, number>
  readonly afterMs: ReadonlyMap<number, number>
  /** Time between the two readings. */
  readonly wallMs: number
}

/**
 * CPU per thread between two dumps: from `proc` where given, else from `cpu=` of the dumps (JDK 11 and later).
 * A thread is the same in both when nid and name agree and its CPU did not fall, for ids of ended threads are reused.
 */
export function joinThreadDumps(before: ThreadDump, after: ThreadDump, proc?: ProcCpu): BusyThreads {
  const earlier = new Map(before.threads.map((thread) => [identity(thread), thread]))
  const wallMs = proc?.wallMs ?? wallBetween(earlier, after)
  const rows: BusyThread[] = []
  let unknown = 0
  for (const thread of after.threads) {
    const key = identity(thread)
    const known = earlier.get(key)
    const cpuNow = proc ? proc.afterMs.get(thread.nid ?? -1) : thread.cpuMs
    const cpuThen = proc ? proc.beforeMs.get(thread.nid ?? -1) : known?.cpuMs
    if (cpuNow === undefined) {
      unknown++
      continue
    }
    const isSame = known !== undefined && cpuThen !== undefined && cpuThen <= cpuNow
    earlier.delete(key)
    // Two decimals, as HotSpot prints them: a difference of such numbers has no more.
    const cpuMs = Math.round((isSame ? cpuNow - cpuThen : cpuNow) * 100) / 100
    rows.push({
      name: thread.name,
      role: roleOf(thread),
      ...(thread.nid !== undefined && { nid: thread.nid }),
      ...(thread.javaId !== undefined && { javaId: thread.javaId }),
      cpuMs,
      ...(wallMs && { cores: cpuMs / wallMs }),
      isNew: !isSame,
      ...(thread.state && { state: thread.state }),
      frames: wholeStack(thread),
      framesBefore: isSame ? wholeStack(known) : [],
    })
  }
  return {
    threads: rows.sort((a, b) => b.cpuMs - a.cpuMs),
    ...(wallMs !== undefined && { wallMs }),
    source: proc ? 'proc' : rows.length > 0 ? 'dump' : 'none',
    ended: earlier.size,
    unknown,
  }
}

const identity = ({ nid, javaId, name }: ThreadOfDump): string => `${nid ?? ''} ${javaId ?? ''} ${name}`

/** Median growth of `elapsed=`: it has two decimals of a second, the dump's own time none. */
function wallBetween(earlier: ReadonlyMap<string, ThreadOfDump>, after: ThreadDump): number | undefined {
  const growths: number[] = []
  for (const thread of after.threads) {
    const then = earlier.get(identity(thread))?.elapsedMs
    if (then !== undefined && thread.elapsedMs !== undefined && thread.elapsedMs > then) {
      growths.push(thread.elapsedMs - then)
    }
  }
  return growths.sort((a, b) => a - b)[growths.length >> 1]
}

/** Names of HotSpot's own threads: src/hotspot/share/gc, compiler and runtime; old JDKs say `GC task thread#0 (ParallelGC)`. */
const roles: readonly [ThreadRole, RegExp][] = [
  [
    'collector',
    /^(?:GC (?:task )?[Tt]hread|G1 |Gang worker|Concurrent Mark|CMS|Shenandoah|Z[A-Z][a-z]|XWorker|XDirector|ParGC|Parallel )/,
  ],
  ['compiler', /^C[12] CompilerThread|^JVMCI|^Sweeper thread/],
]

/** Which part of the process a thread belongs to, by its name. */
export function roleOf({ kind, name }: Pick<ThreadOfDump, 'kind' | 'name'>): ThreadRole {
  const known = roles.find(([, pattern]) => pattern.test(name))?.[0]
  // A compiler thread counts as a Java thread in the dump; a collector thread never does.
  if (known === 'compiler' || (known && kind === 'vm')) return known
  if (
    kind === 'vm' ||
    /^(?:Signal Dispatcher|Service Thread|Monitor Deflation Thread|Notification Thread|Attach Listener)$/.test(name)
  )
    return 'vm'
  return 'application'
}
