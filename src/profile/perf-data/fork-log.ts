// Who was forked by whom and when, so that the samples of a process can be told together with those of its children, and
// apart from those of whoever had its PID before and has it afterwards:
//
//   FORK(200:200):(100:100)    200 belongs to 100 from now on        FORK(201:201):(200:200)    and so does 201
//   FORK(200:200):(7:7)        200 is somebody else from now on

/** As many as a fork storm makes in a minute; 24 bytes each. The oldest go first. */
const mostForks = 65_536

/**
 * How far a start time may be from the fork that it means: it is told in ticks of 10 ms, on the clock that /proc/uptime
 * tells in steps of 10 ms.
 */
const startSlackNs = 20e6
/** The kernel does not give a number again so soon; two recordings tell of one fork some microseconds apart. */
const sameForkNs = 1e6

/** One process among those that had its PID. */
export interface ProcessLife {
  readonly pid: number
  /** When it began, as exactly as its start time says; whoever has the PID is meant where that is unknown. */
  readonly startNs?: number | undefined
}

/** Half-open. */
interface Tenure {
  readonly fromNs: number
  readonly toNs: number
}

export class ForkLog {
  private times: number[] = []
  private children: number[] = []
  private parents: number[] = []
  /** From PID to its latest row, and from each row to the one before of the same PID; filled when somebody asks. */
  private latest = new Map<number, number>()
  private earlier: number[] = []

  /** What several recordings of the same machine saw, in the order of time. */
  static merge(logs: readonly ForkLog[]): ForkLog {
    if (logs.length === 1) return logs[0] as ForkLog
    const rows = logs.flatMap((log) =>
      log.times.map((timeNs, i) => ({ timeNs, child: log.children[i] as number, parent: log.parents[i] as number })),
    )
    const merged = new ForkLog()
    for (const { timeNs, child, parent } of rows.sort((a, b) => a.timeNs - b.timeNs)) {
      merged.times.push(timeNs)
      merged.children.push(child)
      merged.parents.push(parent)
    }
    return merged
  }

  add(timeNs: number, child: number, parent: number): void {
    if (this.times.length >= mostForks) this.cut(mostForks / 4)
    this.times.push(timeNs)
    this.children.push(child)
    this.parents.push(parent)
  }

  /** Forgets what was before. */
  forget(beforeNs: number): void {
    const from = this.times.findIndex((time) => time >= beforeNs)
    this.cut(from < 0 ? this.times.length : from)
  }

  get size(): number {
    return this.times.length
  }

  /**
   * When a PID was given to its owner of a moment (the latest without), and by whom; undefined for one that was there
   * before. As quick as a look into a table: asked for every sampled process where perf cannot place samples.
   */
  originOf(pid: number, atNs = Number.POSITIVE_INFINITY): { timeNs: number; parent: number } | undefined {
    for (let row = this.earlier.length; row < this.children.length; row++) {
      const child = this.children[row] as number
      this.earlier.push(this.latest.get(child) ?? -1)
      this.latest.set(child, row)
    }
    let row = this.latest.get(pid) ?? -1
    while (row >= 0 && (this.times[row] as number) > atNs) row = this.earlier[row] as number
    return row < 0 ? undefined : { timeNs: this.times[row] as number, parent: this.parents[row] as number }
  }

  /**
   * A process with everything that it and its children forked from `fromNs` on. Children that it had before are not
   * meant. A PID that is given to a stranger afterwards, or was a stranger's before, is of the family only in between.
   */
  family(root: ProcessLife, fromNs: number): (pid: number, timeNs: number) => boolean {
    const own = this.tenureOf(root)
    const isRoot = (pid: number, timeNs: number): boolean =>
      pid === root.pid && timeNs >= own.fromNs && timeNs < own.toNs
    const spans = new Map<number, { fromNs: number; toNs: number }[]>()
    const last = (pid: number): { fromNs: number; toNs: number } | undefined => {
      const span = spans.get(pid)?.at(-1)
      return span?.toNs === Number.POSITIVE_INFINITY ? span : undefined
    }
    for (let i = 0; i < this.times.length; i++) {
      const time = this.times[i] as number
      const child = this.children[i] as number
      const parent = this.parents[i] as number
      if (time < fromNs || isRoot(child, time)) continue
      const before = last(child)
      if (before) before.toNs = time
      if (!isRoot(parent, time) && !last(parent)) continue
      const span = { fromNs: time, toNs: Number.POSITIVE_INFINITY }
      const known = spans.get(child)
      if (known) known.push(span)
      else spans.set(child, [span])
    }
    return (pid, timeNs) =>
      isRoot(pid, timeNs) || (spans.get(pid)?.some((span) => timeNs >= span.fromNs && timeNs < span.toNs) ?? false)
  }

  /** The time in which a PID was of the process that began at `startNs`: from the fork nearest to that to the next one. */
  private tenureOf({ pid, startNs }: ProcessLife): Tenure {
    if (startNs === undefined) return { fromNs: Number.NEGATIVE_INFINITY, toNs: Number.POSITIVE_INFINITY }
    const forks = this.times.filter((_, row) => this.children[row] === pid)
    const distance = (timeNs: number): number => Math.abs(timeNs - startNs)
    const nearest = forks.reduce(
      (best, each) => (distance(each) < distance(best) ? each : best),
      Number.POSITIVE_INFINITY,
    )
    // Where its own fork was not seen it began before the log does, and no earlier than it says.
    const fromNs = distance(nearest) <= startSlackNs ? nearest : startNs - startSlackNs
    const next = forks.find((timeNs) => timeNs > fromNs + sameForkNs)
    return { fromNs: fromNs - sameForkNs, toNs: next ?? Number.POSITIVE_INFINITY }
  }

  private cut(count: number): void {
    if (count === 0) return
    this.times = this.times.slice(count)
    this.children = this.children.slice(count)
    this.parents = this.parents.slice(count)
    // Rows have other numbers now.
    this.latest = new Map()
    this.earlier = []
  }
}
