// The events of a recording, and which of them a record belongs to.
import { type EventAttr, type EventLayout, layoutOf, nameOfAttr } from './event.ts'
import { int64, recordSize } from './record-block.ts'
import { SAMPLE } from './record-types.ts'

/** How many events we keep apart; `perf record` opens a handful, and sample columns hold the row in one byte. */
const mostEvents = 255

export interface PerfEvent {
  name: string
  readonly attr: EventAttr
}

export class Events {
  readonly list: PerfEvent[] = []
  private readonly layouts: EventLayout[] = []
  private readonly byId = new Map<number, number>()
  /** Ids lie at the same place in all events, so a record can be asked for its event. */
  private idsAgree = true
  private lastId = Number.NaN
  private lastRow = 0

  /** @returns row of the event, -1 when there are too many */
  add(attr: EventAttr, ids: Iterable<number>, name = nameOfAttr(attr)): number {
    if (this.list.length === mostEvents) return -1
    const row = this.list.length
    const layout = layoutOf(attr)
    this.list.push({ name, attr })
    this.layouts.push(layout)
    const first = this.layouts[0] as EventLayout
    if (layout.id !== first.id || layout.trailer.id !== first.trailer.id || layout.id < 0) this.idsAgree = false
    for (const id of ids) this.byId.set(id, row)
    this.lastId = Number.NaN
    return row
  }

  /** The name that perf recorded, for all events that have one of these ids. */
  rename(ids: Iterable<number>, name: string): void {
    for (const id of ids) {
      const event = this.list[this.byId.get(id) ?? -1]
      if (event) event.name = name
    }
  }

  get length(): number {
    return this.list.length
  }

  layout(row: number): EventLayout {
    return this.layouts[row] as EventLayout
  }

  /** Row of the event that the kernel record at word `at` belongs to; without usable ids it is the first one. */
  rowOf(words: Int32Array, at: number): number {
    if (this.layouts.length < 2 || !this.idsAgree) return 0
    const first = this.layouts[0] as EventLayout
    const isSample = words[at] === SAMPLE
    const sizeWords = recordSize(words, at) >> 2
    const position = isSample ? first.id : sizeWords - first.trailer.id
    if (position < 2 || position + 2 > sizeWords) return 0
    const id = int64(words, at + position)
    if (id === this.lastId) return this.lastRow
    // Id 0: written by perf itself for what existed before the recording; any event's layout fits it.
    const row = this.byId.get(id) ?? 0
    this.lastId = id
    this.lastRow = row
    return row
  }

  /** Word of a sample's PID; -1 when it has none. */
  pidWord(words: Int32Array, at: number): number {
    const layout = this.layouts[this.rowOf(words, at)]
    if (!layout || layout.tid < 0 || layout.tid + 2 > recordSize(words, at) >> 2) return -1
    return at + layout.tid
  }

  /** Time of a kernel record in ns of the recording's clock; 0 when it has none, as in records written by perf. */
  timeOf(words: Int32Array, at: number): number {
    const layout = this.layouts[this.rowOf(words, at)]
    if (!layout) return 0
    const sizeWords = recordSize(words, at) >> 2
    if (words[at] === SAMPLE) return layout.time < 0 || layout.time + 2 > sizeWords ? 0 : int64(words, at + layout.time)
    const back = layout.trailer.time
    return back < 0 || sizeWords - back < 2 ? 0 : int64(words, at + sizeWords - back)
  }
}
