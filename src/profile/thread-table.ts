// The busiest threads of a JVM: what each used between snapshots, joined with what it did and which lock it waits for.
// Threads that a dump does not know (a library's own, in native code) are among them, with the name the kernel has.
//
//   reading /proc … dump 1 … 2 s … reading /proc, dump 2
//   tid 8994 used 1990 ms    "hot" #12 nid=8994 RUNNABLE  at Probe.spin(Probe.java:7)
import type { FrameLock, JavaFrame } from './java-frame.ts'
import type { Loss } from './profile.ts'
import { roleOf, type ThreadRole } from './thread-cpu.ts'
import { type Deadlock, type JavaState, type ThreadDump, type ThreadOfDump, wholeStack } from './thread-dump.ts'

/** `native`: it runs in the process, but HotSpot did not start it. */
export type TableRole = ThreadRole | 'native'

/** What threads used between two snapshots; those that used nothing may be left out. */
export interface ThreadWindow {
  readonly wallMs: number
  /** Of the whole process, threads that ended included. */
  readonly processCpuMs: number
  readonly uses: readonly {
    /** Inside the target's PID namespace, as dumps print it. */
    readonly nid: number
    readonly comm: string
    readonly cpuMs: number
    readonly isNew: boolean
  }[]
}

export interface ThreadRef {
  readonly name: string
  readonly javaId?: number
  readonly nid?: number
}

export interface ThreadRow extends ThreadRef {
  readonly role: TableRole
  /** Used between the first and the last snapshot. */
  readonly cpuMs: number
  /** Per second of wall time: 1 = one core fully busy. */
  readonly cores: number
  /** Used in each of the windows between snapshots. */
  readonly windowsMs: readonly number[]
  /** Used since the thread began, where the dump tells (JDK 11). */
  readonly totalCpuMs?: number
  readonly isNew: boolean
  readonly isDaemon: boolean
  readonly state?: JavaState
  /** `parking`, `on object monitor` */
  readonly stateDetail?: string
  /** HotSpot's own words, and what a compiler thread compiles. */
  readonly status?: string
  readonly compiling?: string
  readonly waitsFor?: { readonly lock: string; readonly className: string; readonly owner?: ThreadRef }
  readonly holds: readonly { readonly lock: string; readonly className: string; readonly waiters: number }[]
  /** As in the last snapshot, leaf first. */
  readonly frames: readonly JavaFrame[]
  /** In how many of the snapshots it had exactly this stack: all of them = it stayed in one place. */
  readonly sameStack: number
}

/** A lock that threads wait for while another has it. */
export interface ContendedLock {
  readonly lock: string
  readonly className: string
  /** Absent when the dump does not name it: a read lock, or a monitor that was just given up. */
  readonly owner?: ThreadRef
  readonly waiters: readonly ThreadRef[]
}

export interface ThreadTable {
  readonly version: 1
  readonly vm: string
  readonly snapshots: number
  readonly wallMs: number
  /** Of the last snapshot. */
  readonly threadCount: number
  readonly states: Readonly<Partial<Record<JavaState | 'vm', number>>>
  readonly cpu: {
    readonly processMs: number
    readonly byRole: Readonly<Partial<Record<TableRole, number>>>
    /** Used by the process but by none of the threads that are left: they ended in between. */
    readonly endedMs: number
  }
  /** Busiest first. */
  readonly threads: readonly ThreadRow[]
  /** Threads that did not make it into the table. */
  readonly omitted: number
  /** Most waiters first. */
  readonly locks: readonly ContendedLock[]
  readonly deadlocks: readonly Deadlock[]
  readonly losses: readonly Loss[]
}

/**
 * @param dumps at least one, oldest first
 * @param windows between them, one less
 */
export function tableThreads(
  dumps: readonly ThreadDump[],
  windows: readonly ThreadWindow[],
  { limit, losses = [] }: { readonly limit: number; readonly losses?: readonly Loss[] },
): ThreadTable {
  const last = dumps.at(-1) as ThreadDump
  const wallMs = windows.reduce((sum, window) => sum + window.wallMs, 0)
  const entries = joinUses(last, windows)
  const earlier = dumps.slice(0, -1).map(indexThreads)
  const locks = new LockGraph(last)
  const processMs = windows.reduce((sum, window) => sum + window.processCpuMs, 0)
  const ofThreads = entries.reduce((sum, { cpuMs }) => sum + cpuMs, 0)
  return {
    version: 1,
    vm: last.vm,
    snapshots: dumps.length,
    wallMs: round(wallMs),
    threadCount: last.threads.length,
    states: countStates(last.threads),
    cpu: {
      processMs: round(processMs),
      byRole: sumByRole(entries),
      endedMs: round(Math.max(0, processMs - ofThreads)),
    },
    threads: entries.slice(0, limit).map((entry) => rowOf(entry, { wallMs, locks, earlier })),
    omitted: Math.max(0, entries.length - limit),
    locks: locks.contended(),
    deadlocks: last.deadlocks,
    losses,
  }
}

/** A thread with what it used; without `thread` when the dump does not have it. */
interface Entry extends Pick<ThreadRow, 'name' | 'role' | 'cpuMs' | 'windowsMs' | 'isNew'> {
  readonly nid?: number
  readonly thread?: ThreadOfDump
}

/** Busiest first; of those that did nothing, the ones that did most in their lives. */
function joinUses({ threads }: ThreadDump, windows: readonly ThreadWindow[]): Entry[] {
  const used = new Map<number, { windowsMs: number[]; comm: string; isNew: boolean }>()
  for (const [i, { uses }] of windows.entries()) {
    for (const { nid, comm, cpuMs, isNew } of uses) {
      const known = used.get(nid) ?? { windowsMs: windows.map(() => 0), comm, isNew }
      known.windowsMs[i] = cpuMs
      used.set(nid, known)
    }
  }
  const idle = windows.map(() => 0)
  const sum = (values: readonly number[]): number => values.reduce((total, ms) => total + ms, 0)
  const entries = threads.map((thread): Entry => {
    const { windowsMs = idle, isNew = false } = used.get(thread.nid ?? -1) ?? {}
    used.delete(thread.nid ?? -1)
    const role = roleOf(thread)
    return { name: thread.name, role, cpuMs: sum(windowsMs), windowsMs, isNew, thread }
  })
  for (const [nid, { windowsMs, comm, isNew }] of used) {
    entries.push({ name: comm, role: 'native', cpuMs: sum(windowsMs), windowsMs, isNew, nid })
  }
  return entries.sort((a, b) => b.cpuMs - a.cpuMs || (b.thread?.cpuMs ?? 0) - (a.thread?.cpuMs ?? 0))
}

function rowOf(
  { name, role, thread, nid = thread?.nid, cpuMs, windowsMs, isNew }: Entry,
  {
    wallMs,
    locks,
    earlier,
  }: {
    readonly wallMs: number
    readonly locks: LockGraph
    readonly earlier: readonly ReadonlyMap<string, ThreadOfDump>[]
  },
): ThreadRow {
  const cores = wallMs > 0 ? Math.round((cpuMs / wallMs) * 10_000) / 10_000 : 0
  const cpu = { role, cpuMs: round(cpuMs), cores, windowsMs: windowsMs.map(round), isNew }
  if (!thread)
    return { name, ...(nid !== undefined && { nid }), ...cpu, isDaemon: false, holds: [], frames: [], sameStack: 0 }
  const { cpuMs: totalCpuMs, isDaemon, state, stateDetail, status, compiling } = thread
  const waitsFor = locks.awaitedBy(thread)
  return {
    ...refOf(thread),
    ...cpu,
    ...(totalCpuMs !== undefined && { totalCpuMs }),
    isDaemon,
    ...(state && { state }),
    ...(stateDetail && { stateDetail }),
    ...(status && { status }),
    ...(compiling && { compiling }),
    ...(waitsFor && { waitsFor }),
    holds: locks.heldBy(thread),
    frames: wholeStack(thread),
    sameStack: 1 + earlier.filter((dump) => hasSameStack(dump.get(identity(thread)), thread)).length,
  }
}

const identity = ({ nid, javaId, name }: ThreadOfDump): string => `${nid ?? ''} ${javaId ?? ''} ${name}`

const indexThreads = ({ threads }: ThreadDump): Map<string, ThreadOfDump> =>
  new Map(threads.map((thread) => [identity(thread), thread]))

function hasSameStack(before: ThreadOfDump | undefined, now: ThreadOfDump): boolean {
  const [then, frames] = [before ? wholeStack(before) : [], wholeStack(now)]
  if (!before || then.length !== frames.length) return false
  return frames.every(
    (frame, i) => then[i] === frame || (then[i]?.method === frame.method && then[i]?.line === frame.line),
  )
}

/** Two decimals: the clocks have no more. */
const round = (ms: number): number => Math.round(ms * 100) / 100

function countStates(threads: readonly ThreadOfDump[]): ThreadTable['states'] {
  const counts: Partial<Record<JavaState | 'vm', number>> = {}
  for (const { state = 'vm' } of threads) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

function sumByRole(rows: readonly Entry[]): ThreadTable['cpu']['byRole'] {
  const sums: Partial<Record<TableRole, number>> = {}
  for (const { role, cpuMs } of rows) if (cpuMs > 0) sums[role] = round((sums[role] ?? 0) + cpuMs)
  return sums
}

const refOf = ({ name, javaId, nid }: ThreadOfDump): ThreadRef => ({
  name,
  ...(javaId !== undefined && { javaId }),
  ...(nid !== undefined && { nid }),
})

/** Who has which lock and who waits for it, in one dump: addresses of objects change between two. */
class LockGraph {
  private readonly owners = new Map<string, ThreadOfDump>()
  private readonly held = new Map<ThreadOfDump, Map<string, string>>()
  private readonly waiters = new Map<string, { className: string; threads: ThreadOfDump[]; isBlocking: boolean }>()

  constructor({ threads }: ThreadDump) {
    for (const thread of threads) {
      const awaited = awaitedLock(thread)
      if (awaited?.object) {
        const { object, className = '', action } = awaited
        const known = this.waiters.get(object) ?? { className, threads: [], isBlocking: false }
        known.threads.push(thread)
        // To wait for a notification is not to wait for an owner.
        known.isBlocking ||= action === 'waiting to lock' || action === 'blocked on'
        this.waiters.set(object, known)
      }
      for (const { object, className = '' } of ownedLocks(thread, awaited)) {
        this.owners.set(object, thread)
        const held = this.held.get(thread) ?? new Map<string, string>()
        held.set(object, className)
        this.held.set(thread, held)
      }
    }
  }

  awaitedBy(thread: ThreadOfDump): ThreadRow['waitsFor'] {
    const awaited = awaitedLock(thread)
    if (!awaited?.object) return undefined
    const owner = this.owners.get(awaited.object)
    return {
      lock: awaited.object,
      className: awaited.className ?? '',
      ...(owner && owner !== thread && { owner: refOf(owner) }),
    }
  }

  heldBy(thread: ThreadOfDump): ThreadRow['holds'] {
    return [...(this.held.get(thread) ?? [])].map(([lock, className]) => ({
      lock,
      className,
      waiters: this.waiters.get(lock)?.threads.length ?? 0,
    }))
  }

  contended(): ContendedLock[] {
    return [...this.waiters]
      .filter(([lock, { isBlocking }]) => isBlocking || this.owners.has(lock))
      .map(([lock, { className, threads }]) => {
        const owner = this.owners.get(lock)
        return { lock, className, ...(owner && { owner: refOf(owner) }), waiters: threads.map(refOf) }
      })
      .sort((a, b) => b.waiters.length - a.waiters.length)
  }
}

/** A thread waits for one lock at a time, and the frame on top says which. */
function awaitedLock(thread: ThreadOfDump): FrameLock | undefined {
  for (const { locks = [] } of wholeStack(thread).slice(0, 3)) {
    const found = locks.find(({ action }) => action !== 'locked' && action !== 'eliminated')
    if (found) return found
  }
  return undefined
}

function* ownedLocks(
  thread: ThreadOfDump,
  awaited: FrameLock | undefined,
): Generator<{ readonly object: string; readonly className?: string }> {
  for (const { locks = [] } of wholeStack(thread)) {
    for (const { action, object, className } of locks) {
      // Object.wait() gives the monitor up, but the frame that entered it still says `locked`.
      if (action !== 'locked' || object === undefined || object === awaited?.object) continue
      yield { object, ...(className !== undefined && { className }) }
    }
  }
  for (const { address, className } of thread.ownedSynchronizers) yield { object: address, className }
}
