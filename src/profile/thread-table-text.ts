// The table of busiest threads as text: some lines about the whole, then each thread in the form that arthas prints for
// `thread -n`, which people and their scripts know, and which arthas.ts reads back.
//
//   Busiest 2 of 38 threads in 2.00 s, 2 snapshots · OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode)
//   CPU: 1.02 cores: application 2010 ms, compiler 21 ms
//
//   "hot" Id=12 cpuUsage=99.51% deltaTime=1990ms time=12345ms RUNNABLE
//       at app//Probe.spin(Probe.java:7)
import type { JavaFrame } from './java-frame.ts'
import type { ContendedLock, ThreadRef, ThreadRow, ThreadTable } from './thread-table.ts'

/** Waiters named of a lock: enough to recognise a pool. */
const shownWaiters = 5

export function printThreadTable(table: ThreadTable): string {
  const { threads, threadCount, wallMs, snapshots, vm, cpu, omitted } = table
  const span = `${(wallMs / 1000).toFixed(2)} s, ${snapshots} snapshot${snapshots === 1 ? '' : 's'}`
  const lines = [
    `Busiest ${threads.length} of ${Math.max(threadCount, threads.length + omitted)} threads in ${span} · ${vm}`,
  ]
  if (wallMs > 0) {
    const roles = Object.entries(cpu.byRole).sort(([, a], [, b]) => b - a)
    const parts = roles.map(([role, ms]) => `${role} ${ms.toFixed(0)} ms`)
    // Below two ticks of the process' clock it is nothing but rounding.
    if (cpu.endedMs >= 20) parts.push(`threads that ended in between ${cpu.endedMs.toFixed(0)} ms`)
    lines.push(`CPU: ${(cpu.processMs / wallMs).toFixed(2)} cores: ${parts.join(', ')}`)
  }
  for (const { threads: dead } of table.deadlocks) {
    lines.push(`DEADLOCK: ${[...dead, ...dead.slice(0, 1)].map(({ name }) => oneLine(name)).join(' waits for ')}`)
  }
  for (const lock of table.locks) lines.push(printLock(lock))
  for (const { what, count } of table.losses) lines.push(`lost: ${count} ${what}`)
  return `${lines.join('\n')}\n\n${threads.map((thread) => printThread(thread, wallMs)).join('\n')}`
}

/** Names are not escaped in this format; a newline would end the line. */
const oneLine = (name: string): string => name.replace(/\s+/g, ' ')

/** `java.lang.Object@f0355f78`, without blanks: `java.lang.Class for Dumpee` as `java.lang.Class:Dumpee`. */
const printObject = (className: string, lock: string): string =>
  `${className.replace(' for ', ':').replace(/\s+/g, '')}@${lock.replace(/^0x0*/, '')}`

function printLock({ lock, className, owner, waiters }: ContendedLock): string {
  const names = waiters.slice(0, shownWaiters).map(({ name }) => `'${oneLine(name)}'`)
  if (waiters.length > shownWaiters) names.push('…')
  const holder = owner ? `held by '${oneLine(owner.name)}'` : 'whose holder the dump does not tell'
  return `LOCK: ${waiters.length} wait for ${printObject(className, lock)} ${holder}: ${names.join(', ')}`
}

function printThread(thread: ThreadRow, wallMs: number): string {
  const { name, javaId, cores, cpuMs, totalCpuMs, state, waitsFor, frames, holds } = thread
  const facts = [`"${oneLine(name)}"`, javaId === undefined ? '[Internal]' : `Id=${javaId}`]
  if (wallMs > 0) facts.push(`cpuUsage=${(cores * 100).toFixed(2)}%`, `deltaTime=${Math.round(cpuMs)}ms`)
  if (totalCpuMs !== undefined) facts.push(`time=${Math.round(totalCpuMs)}ms`)
  if (state !== undefined) facts.push(state)
  if (state !== undefined && waitsFor)
    facts.push(`on ${printObject(waitsFor.className, waitsFor.lock)}`, ...ownedBy(waitsFor.owner))
  if (state === 'RUNNABLE' && frames[0]?.isNative) facts.push('(in native)')
  const lines = [facts.join(' '), ...frames.flatMap(printFrame)]
  const synchronizers = holds.filter(
    ({ lock }) => !frames.some(({ locks = [] }) => locks.some(({ object }) => object === lock)),
  )
  if (synchronizers.length > 0) {
    lines.push('', `    Number of locked synchronizers = ${synchronizers.length}`)
    for (const { className, lock } of synchronizers) lines.push(`    - ${printObject(className, lock)}`)
  }
  return `${lines.join('\n')}\n`
}

const ownedBy = (owner: ThreadRef | undefined): string[] =>
  owner?.javaId === undefined ? [] : [`owned by "${oneLine(owner.name)}" Id=${owner.javaId}`]

function printFrame({ method, module, file, line, isNative, locks = [] }: JavaFrame): string[] {
  const place = isNative
    ? 'Native Method'
    : file === undefined
      ? 'Unknown Source'
      : line === undefined
        ? file
        : `${file}:${line}`
  const lines = [`    at ${module === undefined ? '' : `${module}/`}${method}(${place})`]
  for (const { action, object, className = '' } of locks) {
    if (object === undefined) continue
    const word =
      action === 'locked' || action === 'eliminated'
        ? 'locked'
        : action === 'waiting to lock'
          ? 'blocked on'
          : 'waiting on'
    lines.push(`    -  ${word} ${printObject(className, object)}`)
  }
  return lines
}
