// CPU time of every thread of one process, read twice to learn who was busy in between.
//
//   /proc/PID/task/TID/schedstat   1990123456 81234 402        ns on the CPU, ns waiting for one, times it ran
//   /proc/PID/task/TID/stat        4242 (hot) R 1 … 199 3 …    the same in hundredths of a second, where that is absent
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { type ProcStat, parseProcStat } from './proc-stat.ts'

export interface ThreadClocks {
  /** `performance.now()` in the middle of the reading. */
  readonly atMs: number
  /** CPU used since it began, by thread id as this machine counts. */
  readonly cpuMs: ReadonlyMap<number, number>
  /** Of all threads, those that have ended included. */
  readonly processCpuMs: number
}

/** USER_HZ is part of the kernel's ABI: 100 wherever Node runs. */
const tickMs = 10
/** Work between two turns of the event loop: a process may have ten thousand threads, at 15 µs each. */
const sliceMs = 25

/** @throws Error ENOENT when the process is gone */
export async function readThreadClocks(pid: number): Promise<ThreadClocks> {
  const tasks = `/proc/${pid}/task`
  const beganMs = performance.now()
  const ids = readdirSync(tasks)
  const readCpuMs = existsSync(`${tasks}/${pid}/schedstat`) ? fromSchedstat : fromStat
  const cpuMs = new Map<number, number>()
  let sliceBeganMs = beganMs
  for (const id of ids) {
    const used = readCpuMs(`${tasks}/${id}`)
    if (used !== undefined) cpuMs.set(Number(id), used)
    if (performance.now() - sliceBeganMs < sliceMs) continue
    await setImmediate()
    sliceBeganMs = performance.now()
  }
  const processCpuMs = fromStat(`/proc/${pid}`) ?? 0
  return { atMs: (beganMs + performance.now()) / 2, cpuMs, processCpuMs }
}

/** As one string, which for files this small costs least of all ways that Node has to read one. */
function fromSchedstat(folder: string): number | undefined {
  const text = unlessGone(() => readFileSync(`${folder}/schedstat`, 'utf8'))
  return text === undefined ? undefined : Number.parseInt(text, 10) / 1e6
}

function fromStat(folder: string): number | undefined {
  const bytes = unlessGone(() => readFileSync(`${folder}/stat`))
  const stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
  return bytes && parseProcStat(bytes, bytes.length, stat) ? stat.cpuTicks * tickMs : undefined
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined // ENOENT or ESRCH: it has ended
  }
}

export interface ThreadUse {
  /** As this machine counts. */
  readonly tid: number
  readonly cpuMs: number
  /** It did not exist at the first reading. */
  readonly isNew: boolean
}

/** Threads that used CPU between two readings, most first. A thread that ended in between is not among them. */
export function threadsBetween(before: ThreadClocks, after: ThreadClocks): ThreadUse[] {
  const uses: ThreadUse[] = []
  for (const [tid, now] of after.cpuMs) {
    const then = before.cpuMs.get(tid)
    // A clock that went back is that of another thread, to which the id was given anew.
    const isNew = then === undefined || then > now
    const cpuMs = isNew ? now : now - then
    if (cpuMs > 0) uses.push({ tid, cpuMs, isNew })
  }
  return uses.sort((a, b) => b.cpuMs - a.cpuMs)
}

export interface ThreadNames {
  /** Id inside the innermost PID namespace: what the program's own dumps print. */
  readonly innerTid: number
  /** At most 15 bytes. */
  readonly comm: string
}

/** @returns undefined when the thread has ended */
export function readThreadNames(pid: number, tid: number): ThreadNames | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8')
    const innerTid = Number(/^NSpid:.*?(\d+)\s*$/m.exec(status)?.[1] ?? tid)
    return { innerTid, comm: /^Name:\t(.*)$/m.exec(status)?.[1] ?? '' }
  } catch {
    return undefined
  }
}
