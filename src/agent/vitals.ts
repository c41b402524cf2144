// How a target and its node are right now: what the conditions and guards of rules are judged by.
//
//   /proc/meminfo       MemTotal:  24689764 kB / MemAvailable:  23597000 kB (proc_meminfo(5))
//   /proc/PID/status    RssAnon:      18260 kB (proc_pid_status(5)): memory that no other process has
import { readFileSync } from 'node:fs'
import { processesOf } from '../capture/context-processes.ts'
import { annotatedPprof } from '../capture/go-pprof-annotations.ts'
import { isAnnotatedPlace } from '../capture/go-pprof-find.ts'
import type { Vitals } from '../model/inventory.ts'
import type { Target } from '../model/target.ts'
import type { UsageRing } from '../ring/usage-ring.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import type { CpuUsage } from '../target/cpu-usage.ts'
import { detectRuntime } from '../target/runtime.ts'

export interface VitalsSources {
  readonly ring: Pick<UsageRing, 'sum'>
  readonly usage: Pick<CpuUsage, 'limits' | 'machineCores'>
  readonly cgroups: CgroupView
  readonly cpus: number
  /** Keys of the ring that make up a target. */
  keysOf(target: Target): readonly string[]
  /** Of the usage readings and the ring. */
  monotonicMs(): number
  /** Of the pod that a process belongs to. */
  readonly annotationsOf?: (process: { readonly pid: number }) => Readonly<Record<string, string>> | undefined
  readonly proc?: string
}

/** Long enough that a reading of a quiet target (one a second) is in it. */
const currentMs = 2000
/** As much of the past as the ring may hold; it gives what it has. */
const pastMs = 15 * 60_000
const minuteMs = 60_000

export function readVitals(target: Target, sources: VitalsSources): Vitals {
  const { ring, usage, cgroups, cpus, annotationsOf, proc = '/proc' } = sources
  const keys = sources.keysOf(target)
  const toMs = sources.monotonicMs()
  const past = ring.sum(keys, 'past', { fromMs: toMs - pastMs, toMs })
  const [first] = keys
  const limits = keys.length === 1 && first !== undefined ? usage.limits(first, sources.monotonicMs()) : {}
  const { pids } = target.kind === 'node' ? { pids: [] } : processesOf(target, cgroups, proc)
  const hasPprof = pids.some((pid) => isAnnotatedPlace(pid, annotatedPprof(annotationsOf?.({ pid }) ?? {})))
  const baselineCores = past && quietestMean(past.cores, Math.round(minuteMs / past.stepMs))
  return {
    cores: past ? (meanOf(past.cores.slice(-Math.ceil(currentMs / past.stepMs))) ?? 0) : 0,
    ...limits,
    ...(baselineCores === undefined ? {} : { baselineCores }),
    ...(pids.length > 0 ? { memoryBytes: pids.reduce((sum, pid) => sum + privateBytes(pid, proc), 0) } : {}),
    runtimes: [...new Set(pids.map((pid) => detectRuntime(pid, proc).runtime))],
    ...(hasPprof ? { hasPprof } : {}),
    node: { cpus, cores: usage.machineCores, memoryAvailableShare: availableShare(proc) },
  }
}

type Cores = readonly (number | null)[]

function meanOf(cores: Cores): number | undefined {
  const known = cores.filter((value) => value !== null)
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length
}

/** @returns undefined when there is no minute that was measured from end to end, as for a target that is younger */
export function quietestMean(cores: Cores, slotsOfMinute: number): number | undefined {
  let least: number | undefined
  // A target that is read once a second fills several slots at once, so the last of them may be missing.
  const enough = slotsOfMinute * 0.9
  const stride = Math.max(1, Math.floor(slotsOfMinute / 12))
  for (let from = 0; from + slotsOfMinute <= cores.length; from += stride) {
    const minute = cores.slice(from, from + slotsOfMinute)
    if (minute.filter((value) => value !== null).length < enough) continue
    const mean = meanOf(minute) ?? 0
    if (least === undefined || mean < least) least = mean
  }
  return least
}

function privateBytes(pid: number, proc: string): number {
  return kilobytes(readIfThere(`${proc}/${pid}/status`), 'RssAnon') * 1024
}

function availableShare(proc: string): number {
  const text = readIfThere(`${proc}/meminfo`)
  const total = kilobytes(text, 'MemTotal')
  return total === 0 ? 1 : kilobytes(text, 'MemAvailable') / total
}

const kilobytes = (text: string, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)

/** Processes end while they are looked at: what is gone has nothing. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
