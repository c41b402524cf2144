// What is mapped where in one process, or in the kernel. Processes that were forked share their table until one of
// them maps something: a shell that forks a thousand subshells has one table.
import { firstAbove } from '../../lib/first-above.ts'
import type { MappedRange } from './mapped-file.ts'

/** Gives every table a number of its own; equal numbers mean that equal addresses mean the same code. */
let nextKey = 1

interface RangeTable {
  key: number
  /** Ascending; starts[i] = ranges[i].start. */
  readonly starts: number[]
  readonly ranges: MappedRange[]
  /** Several spaces refer to it: it must not be changed. */
  isShared: boolean
  /** Row of the last hit: the frames of a stack tend to lie in one file. */
  last: number
}

const emptyTable = (): RangeTable => ({ key: nextKey++, starts: [], ranges: [], isShared: false, last: 0 })

export class AddressSpace {
  private table: RangeTable
  /** The space before execve: a sample inside the call still has the old program's stack. */
  private before: AddressSpace | undefined

  constructor(before?: AddressSpace) {
    this.table = emptyTable()
    this.before = before
    if (before) before.before = undefined
  }

  /** Changes whenever an address could have changed its meaning. */
  get key(): number {
    return this.table.key
  }

  get ranges(): readonly MappedRange[] {
    return this.table.ranges
  }

  /** What fork gives the child: the same mappings, apart from then on. */
  fork(): AddressSpace {
    const child = new AddressSpace()
    this.table.isShared = true
    child.table = this.table
    return child
  }

  /** Code of this mapping has run. When it is the new program's own, execve is over and the old one means nothing. */
  settle(range: MappedRange): void {
    if (this.before && this.table.ranges.includes(range)) this.before = undefined
  }

  /** Nothing of the new program has run yet: samples may still have the stack of the one before. */
  get isInsideExec(): boolean {
    return this.before !== undefined
  }

  /** `settle` for the mapping at an address. */
  settleAt(address: number): void {
    const range = this.find(address)
    if (range) this.settle(range)
  }

  find(address: number): MappedRange | undefined {
    const { ranges, starts, last } = this.table
    const hit = ranges[last]
    if (hit !== undefined && address >= hit.start && address < hit.end) return hit
    const row = firstAbove(starts, address) - 1
    const range = ranges[row]
    if (range !== undefined && address < range.end) {
      this.table.last = row
      return range
    }
    return this.before?.find(address)
  }

  /** A new mapping replaces what lay in its place; what sticks out of it at either side stays. */
  add(range: MappedRange): void {
    if (this.table.isShared) this.copyTable()
    const { starts, ranges } = this.table
    let first = Math.max(0, firstAbove(starts, range.start) - 1)
    if (first < ranges.length && (ranges[first] as MappedRange).end <= range.start) first++
    let after = first
    const kept: MappedRange[] = []
    for (; after < ranges.length && (ranges[after] as MappedRange).start < range.end; after++) {
      const old = ranges[after] as MappedRange
      if (old.start < range.start) kept.push(part(old, old.start, range.start))
      if (old.end > range.end) kept.push(part(old, range.end, old.end))
      if (!isSameCode(old, range)) this.table.key = nextKey++
    }
    const now = [...kept, range].sort((a, b) => a.start - b.start)
    ranges.splice(first, after - first, ...now)
    starts.splice(first, after - first, ...now.map((one) => one.start))
    this.table.last = 0
  }

  private copyTable(): void {
    const { starts, ranges } = this.table
    this.table = { ...emptyTable(), starts: starts.slice(), ranges: ranges.slice() }
  }
}

/** Both map the same bytes of the same file to the same addresses: perf repeats mappings, loaders remap parts. */
function isSameCode(a: MappedRange, b: MappedRange): boolean {
  return a.file === b.file && a.start - a.pageOffset === b.start - b.pageOffset
}

function part(range: MappedRange, start: number, end: number): MappedRange {
  return { ...range, row: -1, start, end, length: end - start, pageOffset: range.pageOffset + (start - range.start) }
}
