// Samples as columns: a recording fills them, a batch of them is taken out and kept, cut and joined by whoever shows them.
// A batch brings its own little tables of threads, cgroups and events, so it can outlive the tasks it tells of.
import type { Loss } from '../profile.ts'
import type { Task } from './tasks.ts'

export interface SampledThread {
  readonly pid: number
  readonly tid: number
  /** Name of the thread, as `perf script` prints it; at most 15 bytes. */
  readonly comm: string
  /** Name of the main thread of its process, the latest. */
  readonly processComm: string
}

export interface SampledCgroup {
  /** Inode of the directory in the unified hierarchy. */
  readonly id: number
  /** Path below the mount, as the record tells it; '' when none was recorded. */
  readonly path: string
}

export interface TimedLoss extends Loss {
  readonly timeNs: number
}

export interface SampleBatch {
  readonly length: number
  /** On the recording's clock (CLOCK_MONOTONIC with `-k monotonic`), ascending but for late ones. */
  readonly timeNs: Float64Array
  /** Row of `threads`. */
  readonly thread: Uint32Array
  /** Row of `cgroups`. */
  readonly cgroup: Uint32Array
  /** Id of the resolved stack; -1 as long as names were not asked for. */
  readonly stack: Int32Array
  /** Id of the raw stack. */
  readonly rawStack: Int32Array
  /** Nanoseconds for clocks, else occurrences, since the last sample. */
  readonly period: Float64Array
  /** Row of the recording's events. */
  readonly event: Uint8Array
  readonly cpu: Uint16Array
  readonly threads: readonly SampledThread[]
  readonly cgroups: readonly SampledCgroup[]
  /** What was lost in the same time. */
  readonly losses: readonly TimedLoss[]
}

/** First room, in samples: most of two seconds at 49 Hz on two CPUs. */
const firstCapacity = 128
/** Below, columns double; 31 bytes a sample. */
const quickGrowth = 65_536

type Column = Float64Array | Uint32Array | Int32Array | Uint8Array | Uint16Array

/** The given rows of a column, as a copy. */
function pick<T extends Column>(column: T, rows: readonly number[]): T {
  const picked = column.slice(0, rows.length) as T
  for (let i = 0; i < rows.length; i++) picked[i] = column[rows[i] as number] as number
  return picked
}

let nextNumber = 1

/** Samples that were not taken yet. */
export class SampleColumns {
  length = 0
  private timeNs = new Float64Array(firstCapacity)
  private thread = new Uint32Array(firstCapacity)
  private cgroup = new Uint32Array(firstCapacity)
  private rawStack = new Int32Array(firstCapacity)
  private period = new Float64Array(firstCapacity)
  private event = new Uint8Array(firstCapacity)
  private cpu = new Uint16Array(firstCapacity)
  /** Tells tasks which rows they have here and not in another batch. */
  private readonly number = nextNumber++
  private readonly tasks: Task[] = []
  private readonly cgroupIds: number[] = []
  private readonly cgroupRows = new Map<number, number>()
  private lastCgroup = Number.NaN
  private lastCgroupRow = 0
  private readonly losses: TimedLoss[] = []

  push(timeNs: number, task: Task, { rawStack, cgroup, period, event, cpu }: SampleFields): void {
    if (this.length === this.timeNs.length) this.grow()
    const row = this.length++
    if (task.batch !== this.number) {
      task.batch = this.number
      task.row = this.tasks.push(task) - 1
    }
    if (cgroup !== this.lastCgroup) this.enterCgroup(cgroup)
    this.timeNs[row] = timeNs
    this.thread[row] = task.row
    this.cgroup[row] = this.lastCgroupRow
    this.rawStack[row] = rawStack
    this.period[row] = period
    this.event[row] = event
    this.cpu[row] = cpu
  }

  lose(timeNs: number, what: string, count: number): void {
    this.losses.push({ timeNs, what, count })
  }

  rawStackAt(row: number): number {
    return this.rawStack[row] as number
  }

  /**
   * The samples up to a time, and a new set of columns with the others.
   * @param resolvedOf resolved stack of a raw one, -1 when it has none yet
   * @param pathOf path of a cgroup
   */
  split(
    untilNs: number,
    resolvedOf: (raw: number) => number,
    pathOf: (id: number) => string,
  ): { batch: SampleBatch; rest: SampleColumns } {
    const rest = new SampleColumns()
    const threads = this.tasks.map(({ tid, comm, process }) => ({
      pid: process.pid,
      tid,
      comm,
      processComm: process.comm,
    }))
    const taken: number[] = []
    let takesAll = true
    for (let row = 0; row < this.length; row++) if ((this.timeNs[row] as number) > untilNs) takesAll = false
    for (let row = 0; row < this.length && !takesAll; row++) {
      if ((this.timeNs[row] as number) <= untilNs) taken.push(row)
      else this.copyRow(row, rest)
    }
    for (const { timeNs, what, count } of this.losses) if (timeNs > untilNs) rest.lose(timeNs, what, count)
    // All of them: the columns themselves are handed out, a large recording is not copied.
    const part = <T extends Column>(column: T): T =>
      (takesAll ? column.subarray(0, this.length) : pick(column, taken)) as T
    const rawStack = part(this.rawStack)
    const stack = new Int32Array(rawStack.length)
    for (let row = 0; row < stack.length; row++) stack[row] = resolvedOf(rawStack[row] as number)
    const batch: SampleBatch = {
      length: rawStack.length,
      timeNs: part(this.timeNs),
      thread: part(this.thread),
      cgroup: part(this.cgroup),
      rawStack,
      stack,
      period: part(this.period),
      event: part(this.event),
      cpu: part(this.cpu),
      threads,
      cgroups: this.cgroupIds.map((id) => ({ id, path: pathOf(id) })),
      losses: this.losses.filter((loss) => loss.timeNs <= untilNs),
    }
    return { batch, rest }
  }

  private copyRow(row: number, target: SampleColumns): void {
    target.push(this.timeNs[row] as number, this.tasks[this.thread[row] as number] as Task, {
      rawStack: this.rawStack[row] as number,
      cgroup: this.cgroupIds[this.cgroup[row] as number] as number,
      period: this.period[row] as number,
      event: this.event[row] as number,
      cpu: this.cpu[row] as number,
    })
  }

  private enterCgroup(id: number): void {
    let row = this.cgroupRows.get(id)
    if (row === undefined) {
      row = this.cgroupIds.push(id) - 1
      this.cgroupRows.set(id, row)
    }
    this.lastCgroup = id
    this.lastCgroupRow = row
  }

  private grow(): void {
    const grown = <T extends Column>(old: T, larger: T): T => {
      larger.set(old)
      return larger
    }
    // Large ones by half: of a million samples a quarter of the columns would otherwise be empty.
    const size = this.length < quickGrowth ? this.length * 2 : Math.ceil(this.length * 1.5)
    this.timeNs = grown(this.timeNs, new Float64Array(size))
    this.thread = grown(this.thread, new Uint32Array(size))
    this.cgroup = grown(this.cgroup, new Uint32Array(size))
    this.rawStack = grown(this.rawStack, new Int32Array(size))
    this.period = grown(this.period, new Float64Array(size))
    this.event = grown(this.event, new Uint8Array(size))
    this.cpu = grown(this.cpu, new Uint16Array(size))
  }
}

/** One object is filled anew for every sample. */
export interface SampleFields {
  rawStack: number
  /** Inode of the cgroup, 0 when not recorded. */
  cgroup: number
  period: number
  event: number
  cpu: number
}

/** The rows of a batch for which the test holds; tables are shared. */
export function filterSamples(batch: SampleBatch, isKept: (row: number) => boolean): SampleBatch {
  const rows: number[] = []
  for (let row = 0; row < batch.length; row++) if (isKept(row)) rows.push(row)
  return {
    ...batch,
    length: rows.length,
    timeNs: pick(batch.timeNs, rows),
    thread: pick(batch.thread, rows),
    cgroup: pick(batch.cgroup, rows),
    stack: pick(batch.stack, rows),
    rawStack: pick(batch.rawStack, rows),
    period: pick(batch.period, rows),
    event: pick(batch.event, rows),
    cpu: pick(batch.cpu, rows),
  }
}
