// What /proc says of one process: who it is for good (PID and start time), its PIDs in the namespaces it lives in, and
// the container its cgroup lies in.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCommandLine } from './command-line.ts'
import { containerOfPath, parseProcCgroup } from './container-cgroup.ts'
import { type ProcStat, parseComm, parseProcStat } from './proc-stat.ts'

export interface ProcessIdentity {
  /** As this machine counts it. */
  readonly pid: number
  /** Ticks since boot; with the PID it names the process for good. */
  readonly startTicks: number
  readonly parent: number
  /** As the process itself and its container see it: what its own logs and dumps call it. */
  readonly containerPid: number
  readonly comm: string
  /** Secrets are redacted. */
  readonly cmdline: string
  readonly threads: number
  /** CPU used so far, seconds. */
  readonly cpuSeconds: number
  /** Below the hierarchy's root. */
  readonly cgroup: string
  readonly containerId?: string
}

/** USER_HZ is part of the kernel's ABI: 100 wherever Node runs. */
const ticksPerSecond = 100

/** Start time of a process that is there, undefined when it is gone: asked again before anything is done to a PID. */
export function startTicksOf(pid: number, proc = '/proc'): number | undefined {
  return readStat(pid, proc)?.stat.startTicks
}

/** Reads of /proc/uptime until one is not interrupted; on a busy machine one of a few is not. */
const mostClockReads = 20

/**
 * When a process with this start time began, ms on CLOCK_MONOTONIC; 10 ms off at most, for that is how finely /proc
 * tells it. Start times count the time that a machine was suspended, which CLOCK_MONOTONIC does not.
 */
export function startedMonotonicMs(startTicks: number, proc = '/proc'): number {
  let best = { spanMs: Number.POSITIVE_INFINITY, offsetMs: 0 }
  for (let i = 0; i < mostClockReads && best.spanMs > 1; i++) {
    const beforeMs = monotonicMs()
    const uptimeMs = Number.parseFloat(readFileSync(`${proc}/uptime`, 'utf8')) * 1000
    const spanMs = monotonicMs() - beforeMs
    if (spanMs < best.spanMs) best = { spanMs, offsetMs: beforeMs + spanMs / 2 - uptimeMs }
  }
  return (startTicks * 1000) / ticksPerSecond + best.offsetMs
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

function readStat(pid: number, proc: string): { stat: ProcStat; comm: string } | undefined {
  try {
    const bytes = readFileSync(`${proc}/${pid}/stat`)
    const stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
    return parseProcStat(bytes, bytes.length, stat) ? { stat, comm: parseComm(bytes, bytes.length) } : undefined
  } catch {
    return undefined // ENOENT or ESRCH: it is gone, which is the answer
  }
}

export interface ReadProcessOptions {
  readonly proc?: string
  /** `CgroupView.absolute`, for who sees the cgroup tree from a namespace of its own. */
  readonly absolute?: (path: string) => string
}

/** Everything about one process, or undefined when there is none with this PID, or when it ended while it was read. */
export function readProcess(
  pid: number,
  { proc = '/proc', absolute = (path) => path }: ReadProcessOptions = {},
): ProcessIdentity | undefined {
  const before = readStat(pid, proc)
  if (!before) return undefined
  try {
    const cmdline = readCommandLine(pid, proc)
    const cgroup = cgroupOf(readFileSync(`${proc}/${pid}/cgroup`, 'utf8'), absolute)
    // `NSpid: 4242 17 1`, outermost namespace first (proc_pid_status(5)).
    const nsPids = /^NSpid:\s+(.+)$/m.exec(readFileSync(`${proc}/${pid}/status`, 'utf8'))?.[1]?.split(/\s+/)
    if (startTicksOf(pid, proc) !== before.stat.startTicks) return undefined // another process has the PID now
    const container = containerOfPath(cgroup)
    return {
      pid,
      startTicks: before.stat.startTicks,
      parent: before.stat.parent,
      containerPid: Number(nsPids?.at(-1) ?? pid),
      comm: before.comm,
      cmdline,
      threads: before.stat.threads,
      cpuSeconds: before.stat.cpuTicks / ticksPerSecond,
      cgroup,
      ...(container ? { containerId: container.id } : {}),
    }
  } catch {
    return undefined // it ended between two reads
  }
}

/** The path that names the container: that of cpuacct on v1, of the unified tree on v2, whichever lies in one. */
export function cgroupOf(procCgroup: string, absolute: (path: string) => string): string {
  const paths = parseProcCgroup(procCgroup)
  const candidates = [paths.get('cpuacct'), paths.get('')].filter((path) => path !== undefined).map(absolute)
  return candidates.find((path) => containerOfPath(path)) ?? candidates[0] ?? '/'
}

/** PIDs of all processes that are there now. */
export function listProcesses(proc = '/proc'): number[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Processes in a cgroup folder and in those below it: a container may make cgroups of its own. */
export function pidsInCgroup(folder: string): number[] {
  const pids: number[] = []
  try {
    for (const line of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) if (line) pids.push(Number(line))
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) pids.push(...pidsInCgroup(join(folder, entry.name)))
    }
  } catch {
    // removed while it was read: nobody is in it any more
  }
  return pids.filter((pid) => pid > 0) // 0 stands for a process outside our PID namespace
}
