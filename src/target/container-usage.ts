// CPU and strain of every container that is known, read through kept descriptors: usage at each tick of those that are
// busy, throttling and pressure once a second, limits when asked.

import type { CgroupView } from './cgroup-view.ts'
import { type ContainerCgroup, containerOfPath } from './container-cgroup.ts'
import { ContainerCounters, type ContainerStrain, type CpuLimits } from './container-counters.ts'
import { SteadyCores } from './steady-cores.ts'

/** One measurement: mean CPU in cores between two reads. */
export interface UsageReading {
  /** `machine`, `c:CONTAINER_ID` or `p:PID:START_TICKS`. */
  readonly key: string
  readonly fromMs: number
  readonly toMs: number
  readonly cores: number
  /** True for what was already there at the first pass, so that its past is unknown. */
  readonly isOld: boolean
  /** Of containers, once a second, of quiet ones every five: how much it was held back since `fromMs`. */
  readonly strain?: {
    readonly fromMs: number
    /** Share of enforcement periods in which its limit stopped it, 0 to 1. */
    readonly throttledShare: number
    /** Time its runnable tasks were stopped by the limit, per second, summed over CPUs. */
    readonly throttledCores: number
    /** Share of the time in which a task of it waited for a CPU (pressure, `some`); absent without cgroup v2. */
    readonly waitingShare?: number
  }
}

/** What something uses now, as people want to read it. */
export interface UsageNow {
  /** As of a reading. */
  readonly key: string
  /** Mean over the last second or more: a tick of 200 ms counts only 20 clock ticks, and jumps. */
  readonly cores: number
  readonly strain?: NonNullable<UsageReading['strain']>
}

interface ContainerEntry {
  readonly id: string
  readonly key: string
  readonly path: string
  readonly counters: ContainerCounters
  readonly isOld: boolean
  cpuSeconds: number
  readMs: number
  cores: number
  readonly steady: SteadyCores
  /** What the strain was when it was looked at last. */
  lastStrain: UsageReading['strain']
  strain: ContainerStrain
  strainMs: number
  isStrained: boolean
  limits: CpuLimits | undefined
  limitsMs: number
}

/** Throttling comes in periods of 100 ms, so a second holds ten of them; pressure is for people, who see no finer. */
const strainEveryMs = 1000
/** Where neither was seen lately and hardly anything runs. */
const easyStrainEveryMs = 5000
/** A share of the time, or of a core, that is worth a closer look. */
const someShare = 0.02
/** In-place resize is rare, and a limit a few seconds old still explains a spike. */
const limitsKeptMs = 10_000

export class ContainerUsage {
  readonly #cgroups: CgroupView
  readonly #onNew: (id: string) => void
  readonly #containers = new Map<string, ContainerEntry>()
  readonly #strain: ContainerStrain = emptyStrain()

  /** @param onNew called once with the id of each container that is met */
  constructor(cgroups: CgroupView, onNew: (id: string) => void = () => undefined) {
    this.#cgroups = cgroups
    this.#onNew = onNew
  }

  get size(): number {
    return this.#containers.size
  }

  has(id: string): boolean {
    return this.#containers.has(id)
  }

  /** True when it used less than `cores` when it was read last. */
  isQuiet(id: string, cores: number): boolean {
    const entry = this.#containers.get(id)
    return entry !== undefined && entry.cores < cores
  }

  /** Cgroup of a container that is followed, below the hierarchy's root. */
  path(id: string): string | undefined {
    return this.#containers.get(id)?.path
  }

  /**
   * Follows the container that a process lies in, if it does.
   * @param paths of /proc/PID/cgroup by controller
   * @returns the container's id, or undefined when it lies in none or its files cannot be read
   */
  meet(paths: ReadonlyMap<string, string>, nowMs: number, isOld: boolean): string | undefined {
    const v1 = this.#containerOf(paths.get('cpuacct'))
    const v2 = this.#containerOf(paths.get(''))
    const container = v1 ?? v2
    if (!container) return undefined
    if (this.#containers.has(container.id)) return container.id
    const counters = ContainerCounters.open(this.#cgroups.mounts, {
      ...(v1 ? { v1: v1.path } : {}),
      ...(v2 ? { v2: v2.path } : {}),
    })
    if (!counters) return undefined
    const entry: ContainerEntry = {
      id: container.id,
      key: `c:${container.id}`,
      path: container.path,
      counters,
      isOld,
      cpuSeconds: 0,
      readMs: nowMs,
      cores: 0,
      steady: new SteadyCores(0, Number.NEGATIVE_INFINITY),
      lastStrain: undefined,
      strain: emptyStrain(),
      strainMs: nowMs,
      isStrained: false,
      limits: undefined,
      limitsMs: Number.NEGATIVE_INFINITY,
    }
    try {
      entry.cpuSeconds = counters.usageSeconds()
      counters.strain(entry.strain)
    } catch {
      counters.close()
      return undefined // it ended while it was met
    }
    this.#containers.set(container.id, entry)
    this.#onNew(container.id)
    return container.id
  }

  /**
   * One reading of each container that used at least `fromCores` when it was read last; those gone are dropped.
   * @param fromCores 0 for a pass over all
   */
  tick(nowMs: number, readings: UsageReading[], fromCores: number): void {
    for (const entry of this.#containers.values()) {
      if (entry.cores < fromCores) continue
      try {
        this.#read(entry, nowMs, readings)
      } catch {
        entry.counters.close() // ENODEV: the cgroup was removed
        this.#containers.delete(entry.id)
      }
    }
  }

  /** Limit and request of a container, at most ten seconds old; empty when it has none or is not followed. */
  limits(id: string, nowMs: number): CpuLimits {
    const entry = this.#containers.get(id)
    if (!entry) return {}
    if (!entry.limits || nowMs - entry.limitsMs > limitsKeptMs) {
      entry.limits = entry.counters.limits()
      entry.limitsMs = nowMs
    }
    return entry.limits
  }

  /** Time in which a task of it waited for a CPU, since it began; undefined without pressure files, or when it is gone. */
  waitingSeconds(id: string): number | undefined {
    try {
      return this.#containers.get(id)?.counters.waitingSeconds()
    } catch {
      return undefined // ENODEV: the next tick drops it
    }
  }

  now(): UsageNow[] {
    return [...this.#containers.values()].map(nowOf)
  }

  nowOf(id: string): UsageNow | undefined {
    const entry = this.#containers.get(id)
    return entry && nowOf(entry)
  }

  close(): void {
    for (const entry of this.#containers.values()) entry.counters.close()
    this.#containers.clear()
  }

  #containerOf(path: string | undefined): ContainerCgroup | undefined {
    // Seen from a cgroup namespace of our own the pod may lie above what the path shows.
    return path === undefined ? undefined : containerOfPath(this.#cgroups.absolute(path))
  }

  #read(entry: ContainerEntry, nowMs: number, readings: UsageReading[]): void {
    const seconds = entry.counters.usageSeconds()
    if (nowMs <= entry.readMs) return
    const cores = ((seconds - entry.cpuSeconds) * 1000) / (nowMs - entry.readMs)
    const reading = { key: entry.key, fromMs: entry.readMs, toMs: nowMs, cores, isOld: entry.isOld }
    const strainEvery = entry.isStrained || cores >= someShare ? strainEveryMs : easyStrainEveryMs
    readings.push(nowMs - entry.strainMs < strainEvery ? reading : { ...reading, strain: this.#strainOf(entry, nowMs) })
    entry.cpuSeconds = seconds
    entry.readMs = nowMs
    entry.cores = cores
    entry.steady.note(seconds, nowMs)
  }

  #strainOf(entry: ContainerEntry, nowMs: number): NonNullable<UsageReading['strain']> {
    const now = this.#strain
    const before = entry.strain
    entry.counters.strain(now)
    const elapsedMs = nowMs - entry.strainMs
    const periods = now.periods - before.periods
    const since: NonNullable<UsageReading['strain']> = {
      fromMs: entry.strainMs,
      throttledShare: periods > 0 ? (now.throttledPeriods - before.throttledPeriods) / periods : 0,
      throttledCores: ((now.throttledSeconds - before.throttledSeconds) * 1000) / elapsedMs,
      ...(now.waitingSeconds === undefined || before.waitingSeconds === undefined
        ? {}
        : { waitingShare: Math.min(1, ((now.waitingSeconds - before.waitingSeconds) * 1000) / elapsedMs) }),
    }
    Object.assign(before, now)
    entry.strainMs = nowMs
    entry.lastStrain = since
    entry.isStrained = since.throttledShare >= someShare || (since.waitingShare ?? 0) >= someShare
    return since
  }
}

const nowOf = ({ key, steady, lastStrain }: ContainerEntry): UsageNow => ({
  key,
  cores: steady.cores,
  ...(lastStrain ? { strain: lastStrain } : {}),
})

const emptyStrain = (): ContainerStrain => ({
  periods: 0,
  throttledPeriods: 0,
  throttledSeconds: 0,
  waitingSeconds: undefined,
})
