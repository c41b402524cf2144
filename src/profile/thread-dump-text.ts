// Thread dumps as text for people: deadlocks first, then threads by state, equal stacks together.
//   2026-11-21 02:35:26 · OpenJDK 64-Bit Server VM (25.0.2+10-LTS mixed mode) · 48 threads: 22 WAITING, 14 RUNNABLE
//   DEADLOCK
//     "dead-lock-1" waits for ReentrantLock$NonfairSync 0x00000000f0356090 held by "dead-lock-2"
//   4 threads · WAITING (parking) · pool-1-thread-1, pool-1-thread-2, …
//       java.util.concurrent.locks.LockSupport.park
//         parking to wait for 0x00000000f048b5a8 (java.util.concurrent.…)
import type { ArthasThread, ArthasThreads } from './arthas.ts'
import type { JavaFrame } from './java-frame.ts'
import type { BusyThreads } from './thread-cpu.ts'
import { type ThreadDump, type ThreadDumps, type ThreadOfDump, wholeStack } from './thread-dump.ts'

/** Names shown of a group: enough to recognise a pool. */
const shownNames = 5
/** Frames shown of a busy thread: where it is, and what called it. */
const shownFrames = 8
/** Busy threads shown: `top` shows as many on one screen. */
const shownThreads = 20

export function printThreadDumps({ dumps, losses }: ThreadDumps): string {
  const lost = losses.map(({ what, count }) => `lost: ${count} ${what}\n`)
  return [...dumps.map(printThreadDump), ...lost].join('\n')
}

/** Threads in the order of arthas, busiest first. */
export function printArthasThreads({ threads, losses }: ArthasThreads): string {
  const lines = threads.map((thread) => {
    const frames = thread.frames.flatMap(printFrame).map((frame) => `    ${frame}`)
    return [arthasTitle(thread), ...frames, ''].join('\n')
  })
  return [...lines, ...losses.map(({ what, count }) => `lost: ${count} ${what}\n`)].join('\n')
}

function arthasTitle({ name, javaId, cpuPercent, deltaMs, state, waitsFor, ownedBy }: ArthasThread): string {
  const facts = [
    cpuPercent !== undefined && `${cpuPercent} % of a core`,
    deltaMs !== undefined && `${deltaMs} ms`,
    quote(name),
    javaId === undefined ? 'of the VM' : `#${javaId}`,
    state,
    waitsFor && `waits for ${waitsFor}`,
    ownedBy && `held by ${quote(ownedBy.name)}`,
  ]
  return facts.filter(Boolean).join(' · ')
}

/**
 * The threads that used most CPU between two dumps.
 *   CPU of 48 threads in 2.29 s, most first
 *    2190.3 ms   96 %  "ForkJoinPool-1-worker-2"  application  nid 8994
 *        Dumpee.lambda$main$16 (Dumpee.java:48)
 */
export function printBusyThreads({ threads, wallMs, source, ended, unknown }: BusyThreads): string {
  if (source === 'none') return 'The dumps do not tell CPU times (JDK 11 and later do).\n'
  const span = wallMs === undefined ? '' : ` in ${(wallMs / 1000).toFixed(2)} s`
  const lines = [`CPU of ${threads.length} threads${span}, most first`]
  for (const { name, role, nid, cpuMs, cores, isNew, frames } of threads.slice(0, shownThreads)) {
    if (cpuMs === 0) break
    const share = cores === undefined ? '' : `  ${(cores * 100).toFixed(0).padStart(3)} %`
    const facts = [role, nid !== undefined && `nid ${nid}`, isNew && 'new'].filter(Boolean).join('  ')
    lines.push(`${cpuMs.toFixed(1).padStart(9)} ms${share}  ${quote(name)}  ${facts}`)
    for (const frame of frames.slice(0, shownFrames)) lines.push(`        ${printFrame(frame)[0]}`)
    if (frames.length > shownFrames) lines.push(`        … ${frames.length - shownFrames} more`)
  }
  if (ended > 0) lines.push(`${ended} threads ended in between; what they used is not known`)
  if (unknown > 0) lines.push(`${unknown} threads without a figure`)
  return `${lines.join('\n')}\n`
}

function printThreadDump(dump: ThreadDump): string {
  const states = countBy(dump.threads, (thread) => thread.state ?? (thread.kind === 'vm' ? 'of the VM' : 'unknown'))
  const counts = states.map(([state, threads]) => `${threads.length} ${state}`).join(', ')
  const lines = [[dump.time, dump.vm, `${dump.threads.length} threads: ${counts}`].filter(Boolean).join(' · ')]
  for (const { threads } of dump.deadlocks) {
    lines.push('', 'DEADLOCK')
    for (const { name, className, object, waitsFor, heldBy } of threads) {
      const what = [className ?? waitsFor, object].filter(Boolean).join(' ')
      lines.push(`  ${quote(name)} waits for ${what} held by ${heldBy === undefined ? 'nobody known' : quote(heldBy)}`)
    }
  }
  const groups = countBy(dump.threads, (thread) =>
    [stateOf(thread), ...wholeStack(thread).flatMap(printFrame)].join('\n'),
  )
  for (const [key, threads] of groups) {
    const [state = '', ...frames] = key.split('\n')
    const names = threads.slice(0, shownNames).map(({ name }) => quote(name))
    if (threads.length > shownNames) names.push('…')
    const cpuMs = threads.reduce((sum, thread) => sum + (thread.cpuMs ?? 0), 0)
    const cpu = threads.some((thread) => thread.cpuMs !== undefined) ? [`cpu ${cpuMs.toFixed(0)} ms`] : []
    const count = `${threads.length} thread${threads.length === 1 ? '' : 's'}`
    lines.push('', [count, state, ...cpu, names.join(', ')].filter(Boolean).join(' · '))
    lines.push(...frames.map((frame) => `    ${frame}`))
  }
  if (dump.heap !== undefined) lines.push('', 'Heap', dump.heap)
  return `${lines.join('\n')}\n`
}

const quote = (name: string): string => JSON.stringify(name)

const stateOf = ({ state, stateDetail, status, carries }: ThreadOfDump): string => {
  if (carries) return `carries virtual thread #${carries.javaId}`
  return state === undefined ? (status ?? '') : stateDetail ? `${state} (${stateDetail})` : state
}

function printFrame({ method, file, line, isNative, locks = [] }: JavaFrame): string[] {
  const place = isNative ? ' (native)' : file === undefined ? '' : ` (${line === undefined ? file : `${file}:${line}`})`
  const held = locks.map(({ action, object, className }) => {
    return `  ${[action, object, className && `(${className})`].filter(Boolean).join(' ')}`
  })
  return [`${method}${place}`, ...held]
}

/** Largest group first; groups of one size in order of first appearance. */
function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return [...groups].sort(([, a], [, b]) => b.length - a.length)
}
