// CPU usage of every container, and of every process that is in none, at 5 Hz for well under one percent of a core.
//
// What makes it cheap: file descriptors are kept open and read at position 0 (a tenth of the cost of open, read,
// close); between the full passes only what was busy lately is read; a full pass is made early when the machine's own
// busy time changes, because no process can start to burn without that; it asks quiet containers, not each process in
// them; and it lists /proc only when something was forked or has ended.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import type { Target } from '../model/target.ts'
import { type CgroupView, openCgroupView } from './cgroup-view.ts'
import { readCommandLine } from './command-line.ts'
import { parseProcCgroup } from './container-cgroup.ts'
import type { CpuLimits } from './container-counters.ts'
import { ContainerUsage, type UsageNow, type UsageReading } from './container-usage.ts'
import { type ProcStat, parseComm, parseMachineBusyTicks, parseProcStat } from './proc-stat.ts'
import { cgroupOf } from './process-identity.ts'
import { waitedSecondsOf } from './run-delay.ts'
import { SteadyCores } from './steady-cores.ts'
import { TaskCensus } from './task-census.ts'

export type { UsageNow, UsageReading }

interface ProcessEntry {
  readonly pid: number
  readonly key: string
  readonly startTicks: number
  readonly isOld: boolean
  /** -1 until it has lived through one more pass: most processes of a fork storm never do. */
  fd: number
  /** True once its cgroup was looked at, at the same pass. */
  isPlaced: boolean
  containerId: string | undefined
  cpuTicks: number
  readMs: number
  cores: number
  steady: SteadyCores
  pass: number
}

export interface CpuUsageOptions {
  readonly node: string
  readonly proc?: string
  /** Clock ticks per second of /proc/PID/stat; 100 on every Linux that Node runs on (USER_HZ is ABI). */
  readonly ticksPerSecond?: number
  readonly cgroups?: CgroupView
  /** Called once with the id of each container that is met: `Inventory.notice` wants to know. */
  readonly onContainer?: (id: string) => void
}

/** Full passes at least this often: an idle process needs no finer series than one value a second. */
const fullPassMs = 1000
/** Early passes may take this share of the time: on a large node whose load never rests there are fewer of them. */
const maxPassShare = 0.015
/** A change of the machine's busy time (in cores) that makes a full pass worth its cost. */
const changeCores = 0.2
/** Processes and containers at or above this are read at every tick. */
const hotCores = 0.1
/** Passes in which each quiet process is read once, where something else tells that it is quiet. */
const quietTurns = 4
/** While the whole machine uses less than this, nobody can be burning without showing in its counter. */
const calmCores = 0.25
/** What uses less than this may wait for its turn on a calm machine; the means stay exact, only longer. */
const quietCores = 0.02
/**
 * Descriptors kept for processes, and never more than half of what this process may open: containers, uploads and the
 * spool need some too. Beyond it (very large nodes) the rest is opened anew at each full pass.
 */
const maxProcessFds = 8192

export class CpuUsage {
  readonly #node: string
  readonly #proc: string
  readonly #ticksPerSecond: number
  readonly #processes = new Map<number, ProcessEntry>()
  readonly #cgroups: CgroupView
  readonly #containers: ContainerUsage
  readonly #machineFd: number
  readonly #taskCensus: TaskCensus
  readonly #mostFds: number
  /** What is read at every tick. */
  readonly #hot = new Set<ProcessEntry>()
  readonly #buffer = new Uint8Array(4096)
  readonly #stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
  #machineTicks = -1
  #machineCores = 0
  readonly #machineSteady = new SteadyCores(0, Number.NEGATIVE_INFINITY)
  #machineMs = 0
  #fullMs = Number.NEGATIVE_INFINITY
  #followUp = false
  #passCostMs = 0
  #pass = 0
  #fds = 0

  constructor(options: CpuUsageOptions) {
    this.#node = options.node
    this.#proc = options.proc ?? '/proc'
    this.#ticksPerSecond = options.ticksPerSecond ?? 100
    this.#cgroups = options.cgroups ?? openCgroupView({ proc: this.#proc })
    this.#containers = new ContainerUsage(this.#cgroups, options.onContainer)
    this.#machineFd = openSync(`${this.#proc}/stat`, 'r')
    this.#taskCensus = new TaskCensus(this.#proc)
    this.#mostFds = Math.min(maxProcessFds, openFilesLimit(this.#proc) / 2)
  }

  /** Number of processes and containers that are followed. */
  get size(): number {
    return this.#processes.size + this.#containers.size
  }

  /**
   * Reads what is due now.
   * @param nowMs milliseconds on any clock that only moves forward
   */
  tick(nowMs: number): UsageReading[] {
    const readings: UsageReading[] = []
    const before = this.#machineCores
    this.#readMachine(nowMs, readings)
    const isCalm = this.#machineCores < calmCores
    // A machine that has become calm has nobody left to look for; one that is busy may only have changed who burns.
    const rise = this.#machineCores - before
    const changed = rise >= changeCores || (rise <= -changeCores && !isCalm)
    // The pass after a change measures few ticks; the one at the change still averages over the quiet time.
    const isWanted = changed || (this.#followUp && !isCalm)
    const mayPass = nowMs - this.#fullMs >= Math.min(fullPassMs, this.#passCostMs / maxPassShare)
    const full = nowMs - this.#fullMs >= fullPassMs || (isWanted && mayPass)
    this.#followUp = full ? changed : isWanted
    const beganMs = performance.now()
    this.#containers.tick(nowMs, readings, full ? 0 : hotCores)
    if (full) {
      this.#passOverAll(nowMs, readings)
      // Grows slowly: a pass that was interrupted on a busy machine did not cost what it took.
      this.#passCostMs = Math.min(performance.now() - beganMs, this.#passCostMs * 1.25 + 0.1)
    } else {
      for (const entry of this.#hot) this.#readProcess(entry, nowMs, readings)
    }
    return readings
  }

  /** True while the process or container behind a key is there. */
  follows(key: string): boolean {
    if (key === 'machine') return true
    if (key.startsWith('c:')) return this.#containers.has(key.slice(2))
    return this.#processes.get(Number(key.split(':')[1]))?.key === key
  }

  /** Who stands behind a key now; undefined when it is gone. Costs a few reads: ask for the ones that matter. */
  target(key: string): Target | undefined {
    if (key === 'machine') return { kind: 'node', node: this.#node }
    if (key.startsWith('c:')) {
      const containerId = key.slice(2)
      const cgroup = this.#containers.path(containerId)
      if (cgroup === undefined) return undefined
      const busiest = this.#busiestOf(containerId)
      const target: Target = { kind: 'container', node: this.#node, containerId, cgroup }
      return busiest ? { ...this.#describe(busiest.pid, busiest.startTicks), ...target } : target
    }
    const entry = this.#processes.get(Number(key.split(':')[1]))
    return entry?.key === key ? this.#describe(entry.pid, entry.startTicks) : undefined
  }

  /** Limit and request behind a key; empty for processes, and for containers that have none. */
  limits(key: string, nowMs: number): CpuLimits {
    return key.startsWith('c:') ? this.#containers.limits(key.slice(2), nowMs) : {}
  }

  /**
   * How long what is behind a key waited for a CPU since it began, in seconds; undefined when nobody knows. Of a container
   * the time in which some task of it did, of processes the sum over threads. Costs a read per thread: ask for those
   * that matter.
   */
  waitedSeconds(key: string): number | undefined {
    if (!key.startsWith('c:'))
      return this.follows(key) ? waitedSecondsOf(Number(key.split(':')[1]), this.#proc) : undefined
    const containerId = key.slice(2)
    const waiting = this.#containers.waitingSeconds(containerId)
    if (waiting !== undefined) return waiting
    // Those that burn are those that may want more.
    const busiest = this.#busiestOf(containerId)
    return busiest && waitedSecondsOf(busiest.pid, this.#proc)
  }

  /** Every container and every process in none, in no order. */
  now(): UsageNow[] {
    const rows = this.#containers.now()
    for (const { containerId, key, steady } of this.#processes.values()) {
      if (containerId === undefined) rows.push({ key, cores: steady.cores })
    }
    return rows
  }

  get machineCores(): number {
    return this.#machineSteady.cores
  }

  /** Of one process, in a container or not; undefined when it is not followed (yet). */
  coresOf(pid: number, startTicks: number): number | undefined {
    const entry = this.#processes.get(pid)
    return entry?.startTicks === startTicks ? entry.steady.cores : undefined
  }

  /** Of one container; undefined when it is not followed (yet). */
  containerNow(id: string): UsageNow | undefined {
    return this.#containers.nowOf(id)
  }

  close(): void {
    for (const entry of this.#processes.values()) if (entry.fd >= 0) closeSync(entry.fd)
    closeSync(this.#machineFd)
    this.#taskCensus.close()
    this.#processes.clear()
    this.#hot.clear()
    this.#containers.close()
  }

  #busiestOf(containerId: string): ProcessEntry | undefined {
    const processes = [...this.#processes.values()].filter((process) => process.containerId === containerId)
    return processes.sort((a, b) => b.cores - a.cores)[0]
  }

  #readMachine(nowMs: number, readings: UsageReading[]): void {
    const length = readSync(this.#machineFd, this.#buffer, 0, this.#buffer.length, 0)
    const ticks = parseMachineBusyTicks(this.#buffer, length)
    if (this.#machineTicks >= 0 && nowMs > this.#machineMs) {
      const cores = coresOf(ticks - this.#machineTicks, this.#ticksPerSecond, nowMs - this.#machineMs)
      this.#machineCores = cores
      this.#machineSteady.note(ticks / this.#ticksPerSecond, nowMs)
      readings.push({ key: 'machine', fromMs: this.#machineMs, toMs: nowMs, cores, isOld: true })
    }
    this.#machineTicks = ticks
    this.#machineMs = nowMs
  }

  #passOverAll(nowMs: number, readings: UsageReading[]): void {
    const isFirst = this.#pass === 0
    this.#pass++
    this.#fullMs = nowMs
    const names = this.#taskCensus.hasChanged() ? this.#list() : undefined
    if (!names) {
      for (const entry of this.#processes.values()) if (!this.#canWait(entry)) this.#readProcess(entry, nowMs, readings)
      return
    }
    for (const name of names) {
      const first = name.charCodeAt(0)
      if (first < 48 || first > 57) continue
      const pid = Number(name)
      const entry = this.#processes.get(pid)
      if (!entry) this.#meet(pid, nowMs, isFirst)
      else if (this.#canWait(entry) || this.#readProcess(entry, nowMs, readings)) entry.pass = this.#pass
    }
    for (const entry of this.#processes.values()) if (entry.pass !== this.#pass) this.#forget(entry)
  }

  #list(): string[] | undefined {
    try {
      return readdirSync(this.#proc)
    } catch {
      this.#taskCensus.forget() // EMFILE: those that are known are read, and the next pass tries again
      return undefined
    }
  }

  /**
   * The counter of a quiet container, or of a calm machine, speaks for its processes; they take turns, so that a
   * recycled PID is noticed.
   */
  #canWait(entry: ProcessEntry): boolean {
    if ((entry.pid + this.#pass) % quietTurns === 0) return false
    if (entry.containerId !== undefined) return this.#containers.isQuiet(entry.containerId, hotCores)
    return this.#machineCores < calmCores && entry.fd >= 0 && entry.cores < quietCores
  }

  #meet(pid: number, nowMs: number, isOld: boolean): void {
    let length: number
    try {
      const bytes = readFileSync(`${this.#proc}/${pid}/stat`)
      length = Math.min(bytes.length, this.#buffer.length)
      this.#buffer.set(bytes.subarray(0, length))
    } catch {
      return // it ended between the listing and the read: nothing was lost that a reading could have shown
    }
    const stat = this.#stat
    if (!parseProcStat(this.#buffer, length, stat)) return
    this.#processes.set(pid, {
      pid,
      key: `p:${pid}:${stat.startTicks}`,
      startTicks: stat.startTicks,
      isOld,
      fd: -1,
      isPlaced: false,
      containerId: undefined,
      cpuTicks: stat.cpuTicks,
      readMs: nowMs,
      cores: 0,
      steady: new SteadyCores(stat.cpuTicks / this.#ticksPerSecond, nowMs),
      pass: this.#pass,
    })
  }

  #readProcess(entry: ProcessEntry, nowMs: number, readings: UsageReading[]): boolean {
    let length: number
    try {
      if (entry.fd >= 0) length = readSync(entry.fd, this.#buffer, 0, this.#buffer.length, 0)
      else {
        const fd = openSync(`${this.#proc}/${entry.pid}/stat`, 'r')
        length = readSync(fd, this.#buffer, 0, this.#buffer.length, 0)
        if (this.#fds < this.#mostFds) {
          entry.fd = fd
          this.#fds++
        } else closeSync(fd)
        if (!entry.isPlaced) this.#placeInContainer(entry, nowMs)
      }
    } catch {
      this.#forget(entry) // ESRCH or ENOENT: the process ended
      return false
    }
    if (!parseProcStat(this.#buffer, length, this.#stat)) return false
    if (this.#stat.startTicks !== entry.startTicks) {
      this.#forget(entry) // another process has the PID now; the next pass meets it
      return false
    }
    if (nowMs > entry.readMs) {
      const cores = coresOf(this.#stat.cpuTicks - entry.cpuTicks, this.#ticksPerSecond, nowMs - entry.readMs)
      entry.cores = cores
      if (cores >= hotCores) this.#hot.add(entry)
      else this.#hot.delete(entry)
      entry.steady.note(this.#stat.cpuTicks / this.#ticksPerSecond, nowMs)
      if (entry.containerId === undefined) {
        readings.push({ key: entry.key, fromMs: entry.readMs, toMs: nowMs, cores, isOld: entry.isOld })
      }
    }
    entry.cpuTicks = this.#stat.cpuTicks
    entry.readMs = nowMs
    return true
  }

  #placeInContainer(entry: ProcessEntry, nowMs: number): void {
    const paths = parseProcCgroup(readFileSync(`${this.#proc}/${entry.pid}/cgroup`, 'utf8'))
    entry.isPlaced = true
    // Without a readable cgroup the process is followed by itself.
    entry.containerId = this.#containers.meet(paths, nowMs, entry.isOld)
  }

  #forget(entry: ProcessEntry): void {
    if (entry.fd >= 0) {
      closeSync(entry.fd)
      this.#fds--
    }
    this.#hot.delete(entry)
    if (this.#processes.get(entry.pid) === entry) this.#processes.delete(entry.pid)
  }

  #describe(pid: number, startTicks: number): Target {
    const target: Target = { kind: 'process', node: this.#node, pid, startTicks }
    try {
      const stat = readFileSync(`${this.#proc}/${pid}/stat`)
      target.comm = parseComm(stat, stat.length)
      target.cmdline = readCommandLine(pid, this.#proc)
      target.cgroup = cgroupOf(readFileSync(`${this.#proc}/${pid}/cgroup`, 'utf8'), this.#cgroups.absolute)
      target.exe = readlinkSync(`${this.#proc}/${pid}/exe`)
    } catch {
      // it ended meanwhile, or is a kernel thread without exe: what could be read is what is known
    }
    return target
  }
}

/** `Max open files            1024                 524288               files` (proc_pid_limits(5)): the first one holds. */
function openFilesLimit(proc: string): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync(`${proc}/self/limits`, 'latin1'))?.[1]
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY // another /proc than ours: its limits are not known
  }
}

function coresOf(ticks: number, ticksPerSecond: number, elapsedMs: number): number {
  // Counters may step back by a tick when the kernel scales utime and stime (kernel/sched/cputime.c).
  return Math.max(0, (ticks * 1000) / ticksPerSecond / elapsedMs)
}
