// Which container a sample ran in where perf cannot say it. The kernel's id of a cgroup is of the unified hierarchy; on
// a machine without one, and where a runtime made no folder in it, samples stand at the root or nowhere:
//
//   sample 4242 /bin/app  cgroup 0 or /           /proc/4242/cgroup: 4:cpuacct:/kubepods/burstable/pod…/1be3a4c…
//
// So the process is asked. One that has ended meanwhile is placed where it was seen before, or where its parent is.
import type { ForkLog } from '../profile/perf-data/fork-log.ts'
import type { SampleBatch, SampledCgroup } from '../profile/perf-data/sample-batch.ts'

/** Path of the container that a process is in now; undefined when it is in none, or has ended. */
export type ContainerPlace = (pid: number) => string | undefined

/** Processes remembered: more than are sampled within a minute on a large node. */
const mostRemembered = 20_000
/** Beyond the inodes of any cgroup file system, within what a double holds exactly. */
const firstOwnId = 2 ** 48
/** Generations that end within one drain and leave a child. */
const mostAncestors = 8

interface Look {
  readonly forks: ForkLog
  /** Of this batch, by PIDs that still have the same owner; undefined for one that is in no container. */
  readonly found: Map<number, string | undefined>
}

export class ProcessPlaces {
  readonly #lookUp: ContainerPlace
  readonly #seen = new Map<number, { path: string; atNs: number }>()
  /** In a perf.data file cgroups are told apart by their ids. */
  readonly #ids = new Map<string, number>()

  constructor(lookUp: ContainerPlace) {
    this.#lookUp = lookUp
  }

  /** The batch with the places of those samples that perf did not place; the same one when there are none. */
  place(batch: SampleBatch, forks: ForkLog, nowNs: number): SampleBatch {
    const unplaced = batch.cgroups.map(({ path }) => path === '' || path === '/')
    if (!unplaced.includes(true)) return batch
    /** By row of thread, NaN where perf placed all of them: any of its samples tells whose the PID was. */
    const sampledNs = new Float64Array(batch.threads.length).fill(Number.NaN)
    for (let i = 0; i < batch.length; i++) {
      if (unplaced[batch.cgroup[i] as number]) sampledNs[batch.thread[i] as number] = batch.timeNs[i] as number
    }
    const cgroups: SampledCgroup[] = [...batch.cgroups]
    const rows = new Map<string, number>()
    const found: Look['found'] = new Map()
    /** By row of thread: row of cgroup, -1 for one that stays where it is. */
    const rowOfThread = batch.threads.map(({ pid }, thread) => {
      const atNs = sampledNs[thread] as number
      const path = Number.isNaN(atNs) ? undefined : this.#placeOf(pid, atNs, { forks, found })
      if (path === undefined) return -1
      let row = rows.get(path)
      if (row === undefined) {
        row = cgroups.push({ id: this.#idOf(path), path }) - 1
        rows.set(path, row)
      }
      return row
    })
    if (this.#seen.size + found.size > mostRemembered) this.#seen.clear()
    for (const [pid, path] of found) if (path !== undefined) this.#seen.set(pid, { path, atNs: nowNs })
    if (rows.size === 0) return batch
    const cgroup = batch.cgroup.slice()
    for (let i = 0; i < batch.length; i++) {
      const row = rowOfThread[batch.thread[i] as number] as number
      if (row >= 0 && unplaced[cgroup[i] as number]) cgroup[i] = row
    }
    return { ...batch, cgroup, cgroups }
  }

  /** Where the process that had a PID at a moment is or was: itself, or else who forked it. */
  #placeOf(pid: number, atNs: number, look: Look, generations = mostAncestors): string | undefined {
    const { forks, found } = look
    const origin = forks.originOf(pid, atNs)
    const latest = forks.originOf(pid)
    const hasItStill = origin?.timeNs === latest?.timeNs
    if (hasItStill && found.has(pid)) return found.get(pid)
    const path =
      (hasItStill ? this.#lookUp(pid) : undefined) ??
      this.#remembered(pid, origin?.timeNs ?? 0, hasItStill ? Number.POSITIVE_INFINITY : (latest?.timeNs ?? 0)) ??
      (origin && generations > 0 ? this.#placeOf(origin.parent, origin.timeNs, look, generations - 1) : undefined)
    if (hasItStill) found.set(pid, path)
    return path
  }

  /** Not of another process that had the PID before or has it since. */
  #remembered(pid: number, fromNs: number, toNs: number): string | undefined {
    const known = this.#seen.get(pid)
    return known && known.atNs >= fromNs && known.atNs < toNs ? known.path : undefined
  }

  #idOf(path: string): number {
    const id = this.#ids.get(path) ?? firstOwnId + this.#ids.size
    this.#ids.set(path, id)
    return id
  }
}
