// Whose processes belong to a target, and how much CPU they and their threads use: two looks at /proc and what lies
// between them.
//
//   /proc/4242/task/4250/stat   4250 (http-nio-8080 (x) R 1 4242 4242 0 -1 4194560 12 0 0 0 812 96 … 20 0 11 0 123456
//   the name may hold blanks and `)`, so fields count from the LAST `)`: 3 state, 4 ppid, 14 utime, 15 stime, 20
//   num_threads, 22 starttime (proc_pid_stat(5))
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ContextProcess, ContextThread, TargetContext } from '../model/context.ts'
import type { Target } from '../model/target.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import { containerOfPath } from '../target/container-cgroup.ts'
import { listProcesses, pidsInCgroup, readProcess } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'

/** USER_HZ is part of the kernel's ABI: 100 wherever Node runs. */
const ticksPerSecond = 100
/** A JVM has hundreds of threads; a look at this many takes some 50 ms, and twice that is not cheap any more. */
const maxThreads = 5000
/** More rows than anybody reads, and few enough that a fork bomb does not become a document of megabytes. */
const maxShownProcesses = 100
const maxShownThreads = 100

interface TaskReading {
  readonly pid: number
  readonly tid: number
  readonly name: string
  readonly state: string
  readonly userTicks: number
  readonly systemTicks: number
  readonly startTicks: number
  readonly parent: number
  readonly threads: number
}

export interface Look {
  readonly atMs: number
  readonly processes: ReadonlyMap<number, TaskReading>
  /** By tid; empty where there are too many. */
  readonly threads: ReadonlyMap<number, TaskReading>
}

export type Scope = TargetContext['scope']

/** The processes that a target means: of its container, itself with its children, or all of the node. */
export function processesOf(
  target: Target,
  cgroups: CgroupView,
  proc = '/proc',
): { readonly scope: Scope; readonly pids: readonly number[] } {
  if (target.kind === 'node') return { scope: 'node', pids: listProcesses(proc) }
  const own = target.pid === undefined ? undefined : readProcess(target.pid, { proc, absolute: cgroups.absolute })
  // A container target may be a whole pod, then its path is the pod's.
  const path = target.kind === 'container' ? target.cgroup : containerOfPath(own?.cgroup ?? '')?.path
  if (path !== undefined && path !== '/') {
    const { unified, cpuacct } = cgroups.mounts
    const pids = [unified, cpuacct].flatMap((mount) => (mount ? pidsInCgroup(join(mount, path)) : []))
    if (pids.length > 0) return { scope: 'container', pids: [...new Set(pids)] }
  }
  const id = target.containerId ?? own?.containerId
  if (id !== undefined) {
    const isOurs = (pid: number): boolean => readProcess(pid, { proc, absolute: cgroups.absolute })?.containerId === id
    return { scope: 'container', pids: listProcesses(proc).filter(isOurs) }
  }
  return { scope: 'process', pids: own ? withChildren(own.pid, proc) : [] }
}

function withChildren(pid: number, proc: string): number[] {
  const children = new Map<number, number[]>()
  for (const each of listProcesses(proc)) {
    const parent = readTask(`${proc}/${each}/stat`, each)?.parent
    if (parent === undefined) continue
    const known = children.get(parent)
    if (known) known.push(each)
    else children.set(parent, [each])
  }
  const found = [pid]
  for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i] as number) ?? []))
  return found
}

function readTask(path: string, pid: number): TaskReading | undefined {
  try {
    return parseTask(readFileSync(path, 'utf8'), pid)
  } catch {
    return undefined // it ended
  }
}

export function parseTask(text: string, pid: number): TaskReading | undefined {
  const end = text.lastIndexOf(')')
  const fields = text.slice(end + 2).split(' ')
  if (end < 0 || fields.length < 20) return undefined
  const at = (field: number): number => Number(fields[field - 3])
  return {
    pid,
    tid: Number.parseInt(text, 10),
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] as string,
    userTicks: at(14),
    systemTicks: at(15),
    startTicks: at(22),
    parent: at(4),
    threads: at(20),
  }
}

/** One look at these processes. @param nowMs on a clock that does not jump */
export function look(pids: readonly number[], withThreads: boolean, nowMs: number, proc = '/proc'): Look {
  const processes = new Map<number, TaskReading>()
  for (const pid of pids) {
    const reading = readTask(`${proc}/${pid}/stat`, pid)
    if (reading) processes.set(pid, reading)
  }
  const threads = new Map<number, TaskReading>()
  const total = [...processes.values()].reduce((sum, each) => sum + each.threads, 0)
  if (withThreads && total <= maxThreads) {
    for (const pid of processes.keys()) {
      for (const tid of listTasks(pid, proc)) {
        const reading = readTask(`${proc}/${pid}/task/${tid}/stat`, pid)
        if (reading) threads.set(reading.tid, reading)
      }
    }
  }
  return { atMs: nowMs, processes, threads }
}

function listTasks(pid: number, proc: string): string[] {
  try {
    return readdirSync(`${proc}/${pid}/task`)
  } catch {
    return [] // it ended
  }
}

/** CPU of one task between two looks, in cores; what is new counts from its beginning. */
function coresBetween(
  before: TaskReading | undefined,
  after: TaskReading,
  windowMs: number,
): { cores: number; systemCores: number } {
  const isSame = before?.startTicks === after.startTicks
  const system = after.systemTicks - (isSame ? before.systemTicks : 0)
  const user = after.userTicks - (isSame ? before.userTicks : 0)
  const perTick = windowMs > 0 ? 1000 / ticksPerSecond / windowMs : 0
  return { cores: round((user + system) * perTick), systemCores: round(system * perTick) }
}

/** A tick is a hundredth of a second: more digits than three would be invented. */
const round = (value: number): number => Math.round(value * 1000) / 1000

export function threadRows(before: Look, after: Look): ContextThread[] {
  const windowMs = after.atMs - before.atMs
  return [...after.threads.values()]
    .map((each) => ({
      pid: each.pid,
      tid: each.tid,
      name: each.name,
      state: each.state,
      ...coresBetween(before.threads.get(each.tid), each, windowMs),
    }))
    .sort((a, b) => b.cores - a.cores || a.tid - b.tid)
    .slice(0, maxShownThreads)
}

export interface ProcessRowOptions {
  readonly proc: string
  readonly absolute: (path: string) => string
  /** Seconds since boot. */
  readonly uptimeSeconds: number
}

/** The busiest processes with what is known of each. */
export function processRows(before: Look, after: Look, options: ProcessRowOptions): ContextProcess[] {
  const windowMs = after.atMs - before.atMs
  return (
    [...after.processes.values()]
      .map((reading) => ({ reading, ...coresBetween(before.processes.get(reading.pid), reading, windowMs) }))
      // Kernel threads, which are children of kthreadd, PID 2: only those that do something.
      .filter(({ reading, cores }) => cores > 0 || (reading.parent !== 2 && reading.pid !== 2))
      .sort((a, b) => b.cores - a.cores || a.reading.pid - b.reading.pid)
      .slice(0, maxShownProcesses)
      .flatMap(({ reading, cores }) => describe(reading, cores, options) ?? [])
  )
}

function describe(
  reading: TaskReading,
  cores: number,
  { proc, absolute, uptimeSeconds }: ProcessRowOptions,
): ContextProcess | undefined {
  const { pid, startTicks } = reading
  const process = readProcess(pid, { proc, absolute })
  if (process?.startTicks !== startTicks) return undefined
  const status = readIfThere(`${proc}/${pid}/status`)
  const { runtime, version } = detectRuntime(pid, proc)
  const openFiles = countOpenFiles(`${proc}/${pid}/fd`)
  const openFilesLimit = Number(parseLimits(readIfThere(`${proc}/${pid}/limits`))['open files']?.soft)
  return {
    pid,
    containerPid: process.containerPid,
    parent: process.parent,
    comm: process.comm,
    cmdline: process.cmdline,
    runtime,
    ...(version ? { version } : {}),
    state: reading.state,
    threads: reading.threads,
    cores,
    cpuSeconds: process.cpuSeconds,
    rssBytes: kilobytes(status, 'VmRSS'),
    swapBytes: kilobytes(status, 'VmSwap'),
    ageSeconds: Math.max(0, round(uptimeSeconds - startTicks / ticksPerSecond)),
    ...(openFiles === undefined ? {} : { openFiles, ...(openFilesLimit > 0 ? { openFilesLimit } : {}) }),
  }
}

/** `VmRSS:\t   51234 kB`; kernel threads have no such line. */
const kilobytes = (status: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024

/** Since Linux 6.2 the size of the folder is the number of its entries; older kernels say 0. */
function countOpenFiles(folder: string): number | undefined {
  try {
    return statSync(folder).size || readdirSync(folder).length
  } catch {
    return undefined // not ours to see, or gone
  }
}

/**
 * `/proc/PID/limits`, columns padded with blanks:
 *
 *     Limit                     Soft Limit           Hard Limit           Units
 *     Max open files            1024                 1048576              files
 */
export function parseLimits(text: string): Record<string, { soft: string; hard: string }> {
  const limits: Record<string, { soft: string; hard: string }> = {}
  for (const line of text.split('\n')) {
    const match = /^Max (.+?)\s{2,}(\S+)\s+(\S+)/.exec(line)
    if (match) limits[match[1] as string] = { soft: match[2] as string, hard: match[3] as string }
  }
  return limits
}

export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // gone, or not in this kernel: what it would say is left out
  }
}
