// Remembers, while one set of stacks is resolved, which place an address of a mapping is. Stacks repeat the same
// addresses over and over; the frame table answers too, but through six columns instead of one line of memory.
import type { FrameTable } from './frame-table.ts'
import type { MappedRange } from './mapped-file.ts'

/** Entries: as many as there are different addresses, within what fits into a second-level cache or so. */
const fewest = 1 << 10
const most = 1 << 17

export class PlaceCache {
  private readonly table: FrameTable
  private readonly second: number
  /** Entries [address low, high, row of the mapping, row of the place + 1]; a newer one takes an older one's room. */
  private readonly entries: Int32Array
  private readonly mask: number

  /** @param frames how many frames will be asked for */
  constructor(table: FrameTable, second: number, frames: number) {
    this.table = table
    this.second = second
    let size = fewest
    while (size < most && size * 16 < frames) size *= 2
    this.entries = new Int32Array(size * 4)
    this.mask = size - 1
  }

  /** @param rangeRow the number of the mapping, `~` of it for a return address */
  rowOf(range: MappedRange, rangeRow: number, low: number, high: number): number {
    const { entries, second } = this
    const hash = Math.imul(low ^ Math.imul(high ^ Math.imul(rangeRow, 0x9e3779b1), 0x85ebca6b), 0xc2b2ae35)
    const at = ((hash ^ (hash >>> 15)) & this.mask) << 2
    if (entries[at] === low && entries[at + 1] === high && entries[at + 2] === rangeRow && entries[at + 3] !== 0) {
      return (entries[at + 3] as number) - 1
    }
    const row = this.table.rowOf(range, high * 4294967296 + (low >>> 0), { second, isReturn: rangeRow < 0 })
    entries[at] = low
    entries[at + 1] = high
    entries[at + 2] = rangeRow
    entries[at + 3] = row + 1
    return row
  }
}
