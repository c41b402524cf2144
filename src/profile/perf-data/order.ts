// Puts records into the order of their times. perf writes one CPU's buffer after another, so a stream is made of runs
// that ascend each by themselves:
//
//   cpu0: 10 12 15   cpu1: 11 13 14   ROUND   cpu0: 16 19   cpu1: 15 18   ROUND
//
// A buffer read in round N may hold records older than the newest of round N, but none older than the newest of round
// N-1 (that is how perf's own tools/perf/util/ordered-events.c decides it). So a round delivers up to the maximum that
// was seen when the round before it ended.
import type { Events } from './events.ts'
import type { KernelRecordSink } from './reader.ts'
import type { BlockPool, RecordBlock } from './record-block.ts'
import { release } from './release.ts'
import type { Upcoming } from './unsampled.ts'

export interface OrderedSink {
  /** The next so many rows will be delivered now, in this order. */
  foresee?(upcoming: Upcoming, count: number): void
  /** The same for one who wants to get ready, and not to see more at once. */
  prepare?(upcoming: Upcoming, count: number): void
  /** A record in its turn; its time is in `now`. Records of time 0 come at once. */
  deliver(block: RecordBlock, at: number): void
}

/** First room, in records. Small: growing early, before code is compiled for good, spares compiling it twice. */
const firstCapacity = 64

/** Records that may wait for a drain that does not come: a second of 2 500 new processes, 4 MB. */
const mostWaiting = 40_000

export class TimeOrder implements KernelRecordSink, Upcoming {
  /** Records that came after a younger one had been delivered; they are delivered late, not dropped. */
  lateRecords = 0
  /** Time of the record that is being delivered. An array, because a number handed over would be an object each time. */
  readonly now = new Float64Array(1)
  private readonly events: Events
  private readonly sink: OrderedSink
  private readonly pool: BlockPool
  private times = new Float64Array(firstCapacity)
  private positions = new Int32Array(firstCapacity)
  /** Rows of `blocks`. */
  private holders = new Int32Array(firstCapacity)
  private count = 0
  private spareTimes = new Float64Array(0)
  private sparePositions = new Int32Array(0)
  private spareHolders = new Int32Array(0)
  private blocks: RecordBlock[] = []
  private newest = 0
  private roundNewest = 0
  private delivered = 0

  /** @param events tell the times of records */
  constructor(events: Events, sink: OrderedSink, pool: BlockPool) {
    this.events = events
    this.sink = sink
    this.pool = pool
  }

  /** Records that wait for their turn. */
  get waiting(): number {
    return this.count
  }

  add(block: RecordBlock, at: number): void {
    if (this.count === this.times.length) this.grow()
    const row = this.count
    const time = this.events.timeOf(block.words, at)
    if (time <= 0) {
      this.now[0] = 0
      this.sink.deliver(block, at)
      return
    }
    this.count++
    this.times[row] = time
    this.positions[row] = at
    if (this.blocks[this.blocks.length - 1] !== block) {
      this.blocks.push(block)
      block.uses++
    }
    this.holders[row] = this.blocks.length - 1
    if (time > this.newest) this.newest = time
  }

  round(): void {
    // Who foresees, sees more at once when it is drained.
    if (this.sink.foresee && this.count < mostWaiting) return
    this.drain(this.roundNewest)
    this.roundNewest = this.newest
  }

  /**
   * Delivers everything up to a time (all of it by default), whether or not a round says that it is complete.
   * For a caller who knows that all older records have arrived: the end of the file, or an answered ping.
   */
  drain(untilNs = Number.POSITIVE_INFINITY): void {
    if (this.count === 0) return
    this.sort()
    let end = this.count
    while (end > 0 && (this.times[end - 1] as number) > untilNs) end--
    this.sink.foresee?.(this, end)
    this.sink.prepare?.(this, end)
    for (let row = 0; row < end; row++) this.deliverRow(row)
    this.keepFrom(end)
  }

  block(row: number): RecordBlock {
    return this.blocks[this.holders[row] as number] as RecordBlock
  }

  position(row: number): number {
    return this.positions[row] as number
  }

  timeNs(row: number): number {
    return this.times[row] as number
  }

  private deliverRow(row: number): void {
    const time = this.times[row] as number
    if (time < this.delivered) this.lateRecords++
    else this.delivered = time
    this.now[0] = time
    this.sink.deliver(this.block(row), this.positions[row] as number)
  }

  private keepFrom(row: number): void {
    const { count, times, positions, holders } = this
    times.copyWithin(0, row, count)
    positions.copyWithin(0, row, count)
    holders.copyWithin(0, row, count)
    this.count = count - row
    // Blocks that nobody waits for any more are let go.
    const kept: RecordBlock[] = []
    const rows = new Int32Array(this.blocks.length).fill(-1)
    for (let i = 0; i < this.count; i++) {
      const old = holders[i] as number
      if (rows[old] === -1) rows[old] = kept.push(this.blocks[old] as RecordBlock) - 1
      holders[i] = rows[old] as number
    }
    this.blocks.forEach((block, row) => {
      if (rows[row] === -1) this.pool.release(block)
    })
    this.blocks = kept
  }

  /** Natural merge sort: finds the ascending runs and merges neighbours until one is left. Equal times keep their order. */
  private sort(): void {
    const { count } = this
    let starts = [0]
    for (let i = 1; i < count; i++) {
      if ((this.times[i] as number) < (this.times[i - 1] as number)) starts.push(i)
    }
    if (starts.length === 1) return
    if (this.spareTimes.length < count) {
      release(this.spareTimes, this.sparePositions, this.spareHolders)
      this.spareTimes = new Float64Array(this.times.length)
      this.sparePositions = new Int32Array(this.times.length)
      this.spareHolders = new Int32Array(this.times.length)
    }
    while (starts.length > 1) {
      const merged: number[] = []
      for (let run = 0; run < starts.length; run += 2) {
        const from = starts[run] as number
        merged.push(from)
        this.merge(from, starts[run + 1] ?? count, starts[run + 2] ?? count)
      }
      starts = merged
      ;[this.times, this.spareTimes] = [this.spareTimes, this.times]
      ;[this.positions, this.sparePositions] = [this.sparePositions, this.positions]
      ;[this.holders, this.spareHolders] = [this.spareHolders, this.holders]
    }
  }

  /** Merges rows from..middle and middle..end into the spare columns. */
  private merge(from: number, middle: number, end: number): void {
    const { times, positions, holders, spareTimes, sparePositions, spareHolders } = this
    let left = from
    let right = middle
    for (let to = from; to < end; to++) {
      const takeLeft = left < middle && (right >= end || (times[left] as number) <= (times[right] as number))
      const row = takeLeft ? left++ : right++
      spareTimes[to] = times[row] as number
      sparePositions[to] = positions[row] as number
      spareHolders[to] = holders[row] as number
    }
  }

  private grow(): void {
    const times = new Float64Array(this.times.length * 2)
    const positions = new Int32Array(times.length)
    const holders = new Int32Array(times.length)
    times.set(this.times)
    positions.set(this.positions)
    holders.set(this.holders)
    release(this.times, this.positions, this.holders)
    this.times = times
    this.positions = positions
    this.holders = holders
  }
}
