// The cgroup of a target in numbers: CPU against its limit, throttling, memory against its limit, tasks, and pressure.
//
//   v2  memory.current 52428800 / memory.max 134217728 or max / memory.events "max 12\noom_kill 1" / memory.stat
//   v1  memory.usage_in_bytes / memory.limit_in_bytes (9223372036854771712 is none) / memory.failcnt / memory.stat
//   v2  cpu.pressure  some avg10=12.00 avg60=16.20 avg300=13.46 total=3878993379        percent of time, microseconds
//                     full avg10=0.00 avg60=0.00 avg300=0.00 total=0
import { join } from 'node:path'
import type { ContextCgroup, Pressure, Pressures } from '../model/context.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import { containerOfPath, parseProcCgroup } from '../target/container-cgroup.ts'
import { ContainerCounters, type ContainerStrain } from '../target/container-counters.ts'
import { readIfThere } from './context-processes.ts'

/** A limit above this is none: v1 writes the greatest multiple of the page size that fits 63 bits. */
const noLimitBytes = 2 ** 62

/** Below the root of each hierarchy. */
interface CgroupPaths {
  readonly cpu: string | undefined
  readonly memory: string | undefined
  readonly pids: string | undefined
  readonly unified: string | undefined
}

/** Holds the counters open between the first look and the second. */
export class CgroupLook {
  readonly #paths: CgroupPaths
  readonly #view: CgroupView
  readonly #counters: ContainerCounters | undefined
  readonly #before: { readonly usageSeconds: number; readonly strain: ContainerStrain } | undefined

  private constructor(view: CgroupView, paths: CgroupPaths) {
    this.#view = view
    this.#paths = paths
    const { cpu: v1, unified: v2 } = paths
    this.#counters = ContainerCounters.open(view.mounts, { ...(v1 ? { v1 } : {}), ...(v2 ? { v2 } : {}) })
    this.#before = this.#read()
  }

  /** @param pid of a process in it. @returns undefined when the process is in no cgroup but the root, or is gone */
  static open(pid: number, view: CgroupView, proc = '/proc'): CgroupLook | undefined {
    const own = parseProcCgroup(readIfThere(`${proc}/${pid}/cgroup`))
    const pathOf = (controller: string): string | undefined => {
      const path = own.get(controller)
      if (path === undefined) return undefined
      const absolute = view.absolute(path)
      const whole = containerOfPath(absolute)?.path ?? absolute
      return whole === '/' ? undefined : whole
    }
    const paths = {
      cpu: view.mounts.cpuacct ? pathOf('cpuacct') : undefined,
      memory: view.mounts.memory ? pathOf('memory') : undefined,
      pids: view.mounts.pids ? pathOf('pids') : undefined,
      unified: view.mounts.unified ? pathOf('') : undefined,
    }
    return Object.values(paths).some(Boolean) ? new CgroupLook(view, paths) : undefined
  }

  #read(): { usageSeconds: number; strain: ContainerStrain } | undefined {
    const strain: ContainerStrain = { periods: 0, throttledPeriods: 0, throttledSeconds: 0, waitingSeconds: undefined }
    try {
      this.#counters?.strain(strain)
      return this.#counters && { usageSeconds: this.#counters.usageSeconds(), strain }
    } catch {
      return undefined // ENODEV: the container ended between the looks
    }
  }

  /** The second look; closes the counters. @param windowMs since the first one */
  finish(windowMs: number): ContextCgroup {
    const after = this.#read()
    const before = this.#before
    const limits = this.#counters?.limits() ?? {}
    this.#counters?.close()
    const memory = this.#memory()
    const pids = this.#pids()
    const { unified, cpu, memory: memoryPath, pids: pidsPath } = this.#paths
    const isV2 = !cpu && !memoryPath && !pidsPath
    return {
      version: isV2 ? 'v2' : 'v1',
      path: (isV2 ? unified : (cpu ?? memoryPath ?? pidsPath)) as string,
      ...(before && after
        ? {
            cpu: {
              cores: Number(((after.usageSeconds - before.usageSeconds) / (windowMs / 1000)).toFixed(3)),
              ...limits,
              periods: after.strain.periods - before.strain.periods,
              throttledPeriods: after.strain.throttledPeriods - before.strain.throttledPeriods,
              throttledSeconds: Number((after.strain.throttledSeconds - before.strain.throttledSeconds).toFixed(6)),
            },
          }
        : {}),
      ...(memory ? { memory } : {}),
      ...(pids ? { pids } : {}),
      pressure:
        unified && this.#view.mounts.unified
          ? readPressures(join(this.#view.mounts.unified, unified), '.pressure')
          : {},
    }
  }

  #memory(): ContextCgroup['memory'] {
    const { memory: v1, unified: v2 } = this.#paths
    const { mounts } = this.#view
    if (mounts.memory && v1) {
      const file = (name: string): string => readIfThere(join(mounts.memory as string, v1, name))
      return memoryOf({
        usage: file('memory.usage_in_bytes'),
        limit: file('memory.limit_in_bytes'),
        stat: file('memory.stat'),
        inactive: 'total_inactive_file',
        hits: number(file('memory.failcnt')),
        kills: entryOf(file('memory.oom_control'), 'oom_kill'),
        swap: entryOf(file('memory.stat'), 'total_swap'),
      })
    }
    if (!mounts.unified || !v2) return undefined
    const file = (name: string): string => readIfThere(join(mounts.unified as string, v2, name))
    return memoryOf({
      usage: file('memory.current'),
      limit: file('memory.max'),
      stat: file('memory.stat'),
      inactive: 'inactive_file',
      hits: entryOf(file('memory.events'), 'max'),
      kills: entryOf(file('memory.events'), 'oom_kill'),
      swap: number(file('memory.swap.current')),
    })
  }

  #pids(): ContextCgroup['pids'] {
    const { mounts } = this.#view
    const root = mounts.pids && this.#paths.pids ? join(mounts.pids, this.#paths.pids) : undefined
    const folder =
      root ?? (mounts.unified && this.#paths.unified ? join(mounts.unified, this.#paths.unified) : undefined)
    const current = folder === undefined ? undefined : number(readIfThere(join(folder, 'pids.current')))
    if (!folder || current === undefined) return undefined
    const limit = number(readIfThere(join(folder, 'pids.max')))
    return { current, ...(limit === undefined ? {} : { limit }) }
  }
}

interface MemoryTexts {
  readonly usage: string
  readonly limit: string
  readonly stat: string
  /** Key of the file cache that goes first when memory is short. */
  readonly inactive: string
  readonly hits: number | undefined
  readonly kills: number | undefined
  readonly swap: number | undefined
}

function memoryOf({ usage, limit, stat, inactive, hits, kills, swap }: MemoryTexts): ContextCgroup['memory'] {
  const usageBytes = number(usage)
  if (usageBytes === undefined) return undefined
  const limitBytes = number(limit)
  return {
    usageBytes,
    // As the kubelet and `kubectl top` count it (cAdvisor: usage without inactive file cache).
    workingSetBytes: Math.max(0, usageBytes - (entryOf(stat, inactive) ?? 0)),
    ...(limitBytes !== undefined && limitBytes < noLimitBytes ? { limitBytes } : {}),
    ...(swap === undefined ? {} : { swapBytes: swap }),
    ...(hits === undefined ? {} : { limitHits: hits }),
    ...(kills === undefined ? {} : { oomKills: kills }),
  }
}

/** `max` is no number, and neither is a file that is not there. */
function number(text: string): number | undefined {
  const trimmed = text.trim()
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined
}

/** `oom_kill 1` on a line of its own. */
function entryOf(text: string, key: string): number | undefined {
  const match = new RegExp(`^${key} (\\d+)$`, 'm').exec(text)
  return match ? Number(match[1]) : undefined
}

/** @param end of the file names: `.pressure` in a cgroup, nothing in /proc/pressure */
export function readPressures(folder: string, end: '' | '.pressure'): Pressures {
  const pressures: Pressures = {}
  for (const name of ['cpu', 'memory', 'io'] as const) {
    const pressure = parsePressure(readIfThere(`${folder}/${name}${end}`))
    if (pressure) pressures[name] = pressure
  }
  return pressures
}

export function parsePressure(text: string): Pressure | undefined {
  const average = (kind: string, seconds: number): number | undefined => {
    const match = new RegExp(`^${kind} .*avg${seconds}=([\\d.]+)`, 'm').exec(text)
    return match ? Number(match[1]) / 100 : undefined
  }
  const [some10s, some60s] = [average('some', 10), average('some', 60)]
  if (some10s === undefined || some60s === undefined) return undefined
  const [full10s, full60s] = [average('full', 10), average('full', 60)]
  return {
    some10s,
    some60s,
    ...(full10s === undefined ? {} : { full10s }),
    ...(full60s === undefined ? {} : { full60s }),
  }
}
