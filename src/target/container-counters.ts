// The numbers the kernel keeps per container: CPU used, time throttled by the limit, time its tasks waited for a CPU.
// Descriptors stay open and are read at position 0, a tenth of the cost of open, read, close.
//
//   v1  cpuacct.usage  812345678901                                  nanoseconds
//       cpu.stat       nr_periods 120 / nr_throttled 17 / throttled_time 4200000000     nanoseconds, all CPUs summed
//   v2  cpu.stat       usage_usec 812345678 / … / nr_periods 120 / nr_throttled 17 / throttled_usec 4200000
//       cpu.pressure   some avg10=1.50 avg60=0.80 avg300=0.20 total=123456              microseconds
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { CgroupMounts } from './container-cgroup.ts'
import { digitsAt } from './proc-stat.ts'

/** Totals since the container began; two of them, subtracted, say what happened between. */
export interface ContainerStrain {
  /** Enforcement periods (100 ms as a rule) in which it wanted to run; 0 without a limit. */
  periods: number
  /** Of those, the ones in which its limit stopped it. */
  throttledPeriods: number
  /** Its runnable tasks' time stopped, summed over CPUs. */
  throttledSeconds: number
  /** Time in which at least one task waited for a CPU; undefined where the kernel has no pressure files. */
  waitingSeconds: number | undefined
}

export interface CpuLimits {
  /** The lowest limit of the container and of the cgroups around it, such as its pod's. */
  readonly limitCores?: number
  /** From cpu.shares on v1. A v2 weight does not tell: ask the runtime (`Container.cpuRequestCores`). */
  readonly requestCores?: number
}

/** Paths of one container below each hierarchy's root. */
export interface ContainerPaths {
  readonly v1?: string
  readonly v2?: string
}

const buffer = Buffer.alloc(4096)
const keys = {
  periods: Buffer.from('nr_periods '),
  throttledPeriods: Buffer.from('nr_throttled '),
  throttledNs: Buffer.from('throttled_time '),
  throttledUs: Buffer.from('throttled_usec '),
  waitingUs: Buffer.from('total='),
} as const

export class ContainerCounters {
  readonly #mounts: CgroupMounts
  readonly #paths: ContainerPaths
  readonly #usage: number
  readonly #isV2: boolean
  /** v1's cpu.stat; on v2 that is the file of the usage. */
  readonly #throttle: number | undefined
  readonly #pressure: number | undefined

  private constructor(mounts: CgroupMounts, paths: ContainerPaths, usage: { fd: number; isV2: boolean }) {
    this.#mounts = mounts
    this.#paths = paths
    this.#usage = usage.fd
    this.#isV2 = usage.isV2
    this.#throttle = usage.isV2 ? usage.fd : openIn(mounts.cpu, paths.v1, 'cpu.stat')
    this.#pressure = openIn(mounts.unified, paths.v2, 'cpu.pressure')
  }

  /** @returns undefined when the container has no readable cgroup, or is gone */
  static open(mounts: CgroupMounts, paths: ContainerPaths): ContainerCounters | undefined {
    const v1 = openIn(mounts.cpuacct, paths.v1, 'cpuacct.usage')
    const fd = v1 ?? openIn(mounts.unified, paths.v2, 'cpu.stat')
    return fd === undefined ? undefined : new ContainerCounters(mounts, paths, { fd, isV2: v1 === undefined })
  }

  /** CPU used so far. @throws the kernel's ENODEV when the cgroup was removed */
  usageSeconds(): number {
    const length = readSync(this.#usage, buffer, 0, buffer.length, 0)
    // v2's file begins with `usage_usec N` (cgroup-v2.rst), v1's is the number alone.
    return this.#isV2 ? digitsAt(buffer, 'usage_usec '.length, length) / 1e6 : digitsAt(buffer, 0, length) / 1e9
  }

  /** Fills `into`. @throws ENODEV as above */
  strain(into: ContainerStrain): void {
    if (this.#throttle !== undefined) {
      const length = readSync(this.#throttle, buffer, 0, buffer.length, 0)
      into.periods = numberAfter(length, keys.periods)
      into.throttledPeriods = numberAfter(length, keys.throttledPeriods)
      into.throttledSeconds = this.#isV2
        ? numberAfter(length, keys.throttledUs) / 1e6
        : numberAfter(length, keys.throttledNs) / 1e9
    }
    into.waitingSeconds = this.waitingSeconds()
  }

  /** As of `ContainerStrain`. @throws ENODEV as above */
  waitingSeconds(): number | undefined {
    if (this.#pressure === undefined) return undefined
    // The first line is `some`; what its `total=` counts is exact, the averages are decayed.
    const length = readSync(this.#pressure, buffer, 0, buffer.length, 0)
    return numberAfter(length, keys.waitingUs) / 1e6
  }

  /** As they are now: a limit may be changed while the container runs. Opens a few files; ask for those that matter. */
  limits(): CpuLimits {
    const { cpu, unified } = this.#mounts
    const { v1, v2 } = this.#paths
    const quotas = [
      ...(cpu && v1 ? ancestors(v1).map((path) => quotaV1(join(cpu, path))) : []),
      ...(unified && v2 ? ancestors(v2).map((path) => quotaV2(join(unified, path))) : []),
    ].filter((cores) => cores !== undefined)
    const shares = cpu && v1 ? Number(readIfThere(join(cpu, v1, 'cpu.shares'))) : 0
    return {
      ...(quotas.length > 0 ? { limitCores: Math.min(...quotas) } : {}),
      // 2 is the least there is, and what the kubelet writes when nothing was requested.
      ...(shares > 2 ? { requestCores: Number((shares / 1024).toFixed(3)) } : {}),
    }
  }

  close(): void {
    closeSync(this.#usage)
    if (this.#throttle !== undefined && !this.#isV2) closeSync(this.#throttle)
    if (this.#pressure !== undefined) closeSync(this.#pressure)
  }
}

function openIn(mount: string | undefined, path: string | undefined, file: string): number | undefined {
  if (mount === undefined || path === undefined) return undefined
  try {
    return openSync(join(mount, path, file), 'r')
  } catch {
    return undefined // not in this hierarchy, or a kernel without this file
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return '' // the root has no limits, and the cpu controller need not be enabled
  }
}

/** `/kubepods/pod1/c2` gives itself, `/kubepods/pod1` and `/kubepods`. */
function ancestors(path: string): string[] {
  const paths: string[] = []
  for (let at = path; at.length > 1; at = posix.dirname(at)) paths.push(at)
  return paths
}

function quotaV1(folder: string): number | undefined {
  const quota = Number(readIfThere(`${folder}/cpu.cfs_quota_us`))
  const period = Number(readIfThere(`${folder}/cpu.cfs_period_us`))
  return quota > 0 && period > 0 ? quota / period : undefined // -1 is no limit
}

/** `50000 100000`, or `max 100000` without a limit. */
function quotaV2(folder: string): number | undefined {
  const [quota, period] = readIfThere(`${folder}/cpu.max`).split(' ').map(Number)
  return quota && period ? quota / period : undefined
}

function numberAfter(length: number, key: Buffer): number {
  const at = buffer.indexOf(key)
  return at < 0 || at >= length ? 0 : digitsAt(buffer, at + key.length, length)
}
