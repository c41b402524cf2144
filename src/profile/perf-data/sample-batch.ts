// Samples as columns: a recording fills them, a batch of them is taken out and kept, cut and joined by whoever shows them.
// A batch brings its own little tables of threads, cgroups and events, so it can outlive the tasks it tells of.
import type { Loss } from '../profile.ts'
import { release } from './release.ts'
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
/** Columns double up to here, 31 bytes a sample; of longer ones the parts are joined when they are taken out. */
const partRows = 65_536

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
  /** Full ones; what is not yet full is in the columns below. */
  private parts: Columns[] = []
  /** Rows in the parts. */
  private before = 0
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
    if (this.length - this.before === this.timeNs.length) this.grow()
    const row = this.length++ - this.before
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
    if (row >= this.before) return this.rawStack[row - this.before] as number
    return this.parts[Math.floor(row / partRows)]?.rawStack[row % partRows] as number
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
    this.join()
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
    const full = this.columns()
    const size = this.timeNs.length
    if (size < partRows) {
      this.use(newColumns(size * 2))
      copyInto(this.columns(), full)
      release(...Object.values(full))
    } else {
      this.parts.push(full)
      this.before += size
      this.use(newColumns(size))
    }
  }

  /** Makes one part of all, column by column, so that only one of them is there twice. */
  private join(): void {
    if (this.parts.length === 0) return
    const { length, before } = this
    const last = this.columns()
    const parts = [...this.parts, last]
    this.parts = []
    this.before = 0
    const joined = <K extends keyof Columns>(key: K, whole: Columns[K]): Columns[K] => {
      let row = 0
      for (const part of parts) {
        const rows = part === last ? length - before : part[key].length
        whole.set(part[key].subarray(0, rows), row)
        release(part[key])
        row += rows
      }
      return whole
    }
    this.use({
      timeNs: joined('timeNs', new Float64Array(length)),
      thread: joined('thread', new Uint32Array(length)),
      cgroup: joined('cgroup', new Uint32Array(length)),
      rawStack: joined('rawStack', new Int32Array(length)),
      period: joined('period', new Float64Array(length)),
      event: joined('event', new Uint8Array(length)),
      cpu: joined('cpu', new Uint16Array(length)),
    })
  }

  private columns(): Columns {
    const { timeNs, thread, cgroup, rawStack, period, event, cpu } = this
    return { timeNs, thread, cgroup, rawStack, period, event, cpu }
  }

  private use({ timeNs, thread, cgroup, rawStack, period, event, cpu }: Columns): void {
    this.timeNs = timeNs
    this.thread = thread
    this.cgroup = cgroup
    this.rawStack = rawStack
    this.period = period
    this.event = event
    this.cpu = cpu
  }
}

/** Rows of samples, one array per field. */
interface Columns {
  timeNs: Float64Array<ArrayBuffer>
  thread: Uint32Array<ArrayBuffer>
  cgroup: Uint32Array<ArrayBuffer>
  rawStack: Int32Array<ArrayBuffer>
  period: Float64Array<ArrayBuffer>
  event: Uint8Array<ArrayBuffer>
  cpu: Uint16Array<ArrayBuffer>
}

const newColumns = (rows: number): Columns => ({
  timeNs: new Float64Array(rows),
  thread: new Uint32Array(rows),
  cgroup: new Uint32Array(rows),
  rawStack: new Int32Array(rows),
  period: new Float64Array(rows),
  event: new Uint8Array(rows),
  cpu: new Uint16Array(rows),
})

function copyInto(larger: Columns, old: Columns): void {
  for (const key of Object.keys(old) as (keyof Columns)[]) larger[key].set(old[key])
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
