// Thread dumps as text for people: deadlocks first, then threads by state, equal stacks together.
//   2026-11-21 02:35:26 · OpenJDK 64-Bit Server VM (25.0.2+10-LTS mixed mode) · 48 threads: 22 WAITING, 14 RUNNABLE
//   DEADLOCK
//     "dead-lock-1" waits for ReentrantLock$NonfairSync 0x00000000f0356090 held by "dead-lock-2"
//   4 threads · WAITING (parking) · pool-1-thread-1, pool-1-thread-2, …
//       java.util.concurrent.locks.LockSupport.park
//         parking to wait for 0x00000000f048b5a8 (java.util.concurrent.…)
import type { JavaFrame } from './java-frame.ts'
import { type ThreadDump, type ThreadDumps, type ThreadOfDump, wholeStack } from './thread-dump.ts'

/** Names shown of a group: enough to recognise a pool. */
const shownNames = 5

export function printThreadDumps({ dumps, losses }: ThreadDumps): string {
  const lost = losses.map(({ what, count }) => `lost: ${count} ${what}\n`)
  return [...dumps.map(printThreadDump), ...lost].join('\n')
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
