// CPU usage of every container, and of every process that is in none, at 5 Hz for well under one percent of a core.
//
// What makes it cheap: file descriptors are kept open and read at position 0 (a tenth of the cost of open, read,
// close); between the full passes only the processes that were busy lately are read; and a full pass is made early
// when the machine's own busy time changes, because no process can start to burn without that.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import type { Target } from '../model/target.ts'
import { type CgroupMounts, containerOfPath, parseCgroupMounts, parseProcCgroup } from './container-cgroup.ts'
import { type ProcStat, parseComm, parseMachineBusyTicks, parseProcStat } from './proc-stat.ts'

/** One measurement: mean CPU in cores between two reads. */
export interface UsageReading {
  /** `machine`, `c:CONTAINER_ID` or `p:PID:START_TICKS`. */
  readonly key: string
  readonly fromMs: number
  readonly toMs: number
  readonly cores: number
  /** True for what was already there at the first pass, so that its past is unknown. */
  readonly isOld: boolean
}

interface ProcessEntry {
  readonly pid: number
  readonly key: string
  readonly startTicks: number
  readonly isOld: boolean
  /** -1 until it has lived through one more pass: most processes of a fork storm never do. */
  fd: number
  containerId: string | undefined
  cpuTicks: number
  readMs: number
  cores: number
  pass: number
}

interface ContainerEntry {
  readonly id: string
  readonly key: string
  readonly path: string
  readonly podUid: string | undefined
  readonly fd: number
  readonly isV2: boolean
  readonly isOld: boolean
  cpuSeconds: number
  readMs: number
}

export interface CpuUsageOptions {
  readonly node: string
  readonly proc?: string
  /** Clock ticks per second of /proc/PID/stat; 100 on every Linux that Node runs on (USER_HZ is ABI). */
  readonly ticksPerSecond?: number
  readonly mounts?: CgroupMounts
}

/** Full passes at least this often: an idle process needs no finer series than one value a second. */
const fullPassMs = 1000
/** A change of the machine's busy time (in cores) that makes a full pass worth its cost. */
const changeCores = 0.2
/** Processes at or above this are read at every tick. */
const hotCores = 0.1
/** Descriptors kept for processes; beyond it (very large nodes) the rest is opened anew at each full pass. */
const maxProcessFds = 8192

export class CpuUsage {
  readonly #node: string
  readonly #proc: string
  readonly #ticksPerSecond: number
  readonly #mounts: CgroupMounts
  readonly #processes = new Map<number, ProcessEntry>()
  readonly #containers = new Map<string, ContainerEntry>()
  readonly #machineFd: number
  readonly #buffer = new Uint8Array(4096)
  readonly #stat: ProcStat = { cpuTicks: 0, threads: 0, startTicks: 0, parent: 0 }
  #machineTicks = -1
  #machineCores = 0
  #machineMs = 0
  #fullMs = Number.NEGATIVE_INFINITY
  #followUp = false
  #pass = 0
  #fds = 0

  constructor(options: CpuUsageOptions) {
    this.#node = options.node
    this.#proc = options.proc ?? '/proc'
    this.#ticksPerSecond = options.ticksPerSecond ?? 100
    this.#mounts = options.mounts ?? parseCgroupMounts(readFileSync(`${this.#proc}/self/mountinfo`, 'utf8'))
    this.#machineFd = openSync(`${this.#proc}/stat`, 'r')
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
    const changed = Math.abs(this.#machineCores - before) >= changeCores
    // The pass after a change measures exactly one tick; the one at the change still averages over the quiet time.
    const full = changed || this.#followUp || nowMs - this.#fullMs >= fullPassMs
    this.#followUp = changed
    if (full) this.#passOverAll(nowMs, readings)
    else {
      for (const entry of this.#processes.values()) {
        if (entry.cores >= hotCores) this.#readProcess(entry, nowMs, readings)
      }
    }
    for (const entry of this.#containers.values()) this.#readContainer(entry, nowMs, readings)
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
      const entry = this.#containers.get(key.slice(2))
      if (!entry) return undefined
      const busiest = [...this.#processes.values()]
        .filter((process) => process.containerId === entry.id)
        .sort((a, b) => b.cores - a.cores)[0]
      const target: Target = { kind: 'container', node: this.#node, containerId: entry.id, cgroup: entry.path }
      return busiest ? { ...this.#describe(busiest.pid, busiest.startTicks), ...target } : target
    }
    const entry = this.#processes.get(Number(key.split(':')[1]))
    return entry?.key === key ? this.#describe(entry.pid, entry.startTicks) : undefined
  }

  close(): void {
    for (const entry of this.#processes.values()) if (entry.fd >= 0) closeSync(entry.fd)
    for (const entry of this.#containers.values()) closeSync(entry.fd)
    closeSync(this.#machineFd)
    this.#processes.clear()
    this.#containers.clear()
  }

  #readMachine(nowMs: number, readings: UsageReading[]): void {
    const length = readSync(this.#machineFd, this.#buffer, 0, this.#buffer.length, 0)
    const ticks = parseMachineBusyTicks(this.#buffer, length)
    if (this.#machineTicks >= 0 && nowMs > this.#machineMs) {
      const cores = coresOf(ticks - this.#machineTicks, this.#ticksPerSecond, nowMs - this.#machineMs)
      this.#machineCores = cores
      readings.push({ key: 'machine', fromMs: this.#machineMs, toMs: nowMs, cores, isOld: true })
    }
    this.#machineTicks = ticks
    this.#machineMs = nowMs
  }

  #passOverAll(nowMs: number, readings: UsageReading[]): void {
    const isFirst = this.#pass === 0
    this.#pass++
    this.#fullMs = nowMs
    for (const name of readdirSync(this.#proc)) {
      const first = name.charCodeAt(0)
      if (first < 48 || first > 57) continue
      const pid = Number(name)
      const entry = this.#processes.get(pid)
      if (!entry) this.#meet(pid, nowMs, isFirst)
      else if (this.#readProcess(entry, nowMs, readings)) entry.pass = this.#pass
    }
    for (const entry of this.#processes.values()) if (entry.pass !== this.#pass) this.#forget(entry)
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
      containerId: undefined,
      cpuTicks: stat.cpuTicks,
      readMs: nowMs,
      cores: 0,
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
        if (this.#fds < maxProcessFds) {
          entry.fd = fd
          this.#fds++
          this.#placeInContainer(entry, nowMs)
        } else closeSync(fd)
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
    const v1 = paths.get('cpuacct')
    const container = containerOfPath(v1 ?? '') ?? containerOfPath(paths.get('') ?? '')
    if (!container) return
    entry.containerId = container.id
    if (this.#containers.has(container.id)) return
    const v2 = containerOfPath(paths.get('') ?? '')
    const files = [
      ...(v1 && this.#mounts.cpuacct
        ? [{ file: `${this.#mounts.cpuacct}${container.path}/cpuacct.usage`, v2: false }]
        : []),
      ...(v2 && this.#mounts.unified ? [{ file: `${this.#mounts.unified}${v2.path}/cpu.stat`, v2: true }] : []),
    ]
    for (const { file, v2: isV2 } of files) {
      try {
        const fd = openSync(file, 'r')
        const created: ContainerEntry = {
          id: container.id,
          key: `c:${container.id}`,
          path: container.path,
          podUid: container.podUid,
          fd,
          isV2,
          isOld: entry.isOld,
          cpuSeconds: 0,
          readMs: nowMs,
        }
        created.cpuSeconds = this.#containerSeconds(created)
        this.#containers.set(container.id, created)
        return
      } catch {
        // not in this hierarchy (a hybrid machine may have it in one only): try the next
      }
    }
    entry.containerId = undefined // no readable cgroup: the process is followed by itself
  }

  #containerSeconds(entry: ContainerEntry): number {
    const length = readSync(entry.fd, this.#buffer, 0, this.#buffer.length, 0)
    // v1 cpuacct.usage is one number in nanoseconds; v2 cpu.stat starts with `usage_usec N` (cgroup-v2.rst).
    let at = entry.isV2 ? 'usage_usec '.length : 0
    let value = 0
    for (; at < length; at++) {
      const byte = this.#buffer[at] as number
      if (byte < 48 || byte > 57) break
      value = value * 10 + (byte - 48)
    }
    return entry.isV2 ? value / 1e6 : value / 1e9
  }

  #readContainer(entry: ContainerEntry, nowMs: number, readings: UsageReading[]): void {
    let seconds: number
    try {
      seconds = this.#containerSeconds(entry)
    } catch {
      closeSync(entry.fd) // ENODEV: the cgroup was removed
      this.#containers.delete(entry.id)
      return
    }
    if (nowMs <= entry.readMs) return
    const cores = ((seconds - entry.cpuSeconds) * 1000) / (nowMs - entry.readMs)
    readings.push({ key: entry.key, fromMs: entry.readMs, toMs: nowMs, cores, isOld: entry.isOld })
    entry.cpuSeconds = seconds
    entry.readMs = nowMs
  }

  #forget(entry: ProcessEntry): void {
    if (entry.fd >= 0) {
      closeSync(entry.fd)
      this.#fds--
    }
    if (this.#processes.get(entry.pid) === entry) this.#processes.delete(entry.pid)
  }

  #describe(pid: number, startTicks: number): Target {
    const target: Target = { kind: 'process', node: this.#node, pid, startTicks }
    try {
      const stat = readFileSync(`${this.#proc}/${pid}/stat`)
      target.comm = parseComm(stat, stat.length)
      target.cmdline = redact(readFileSync(`${this.#proc}/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()).slice(
        0,
        512,
      )
      const paths = parseProcCgroup(readFileSync(`${this.#proc}/${pid}/cgroup`, 'utf8'))
      target.cgroup = paths.get('cpuacct') ?? paths.get('') ?? '/'
      target.exe = readlinkSync(`${this.#proc}/${pid}/exe`)
    } catch {
      // it ended meanwhile, or is a kernel thread without exe: what could be read is what is known
    }
    return target
  }
}

function coresOf(ticks: number, ticksPerSecond: number, elapsedMs: number): number {
  // Counters may step back by a tick when the kernel scales utime and stime (kernel/sched/cputime.c).
  return Math.max(0, (ticks * 1000) / ticksPerSecond / elapsedMs)
}

/**
 * Hides what looks like a secret in a command line, since it is stored and shown:
 * `--password hunter2`, `-requirepass=x`, `TOKEN=abc`, `https://user:pw@host`.
 */
export function redact(commandLine: string): string {
  return commandLine
    .replace(
      /([\w.-]*(?:password|passwd|pass|secret|token|api[-_]?key|credential)[\w.-]*)([= ]+)(?!-)(\S+)/gi,
      '$1$2***',
    )
    .replace(/(\w+:\/\/[^\s:/@]+:)[^\s@]+@/g, '$1***@')
}
