// Address ranges that replace each other without a word, as JIT code does: the newest that covers an address is right.

/** Ranges are found through pages of 16 KiB: most code is smaller than one, so about 1.2 links for each range. */
const pageBytes = 16_384
/** Code over more pages than this (1 MiB) is rare and kept in a list of its own. */
const maxPages = 64
/** Runtimes reserve some such regions, not thousands. */
const maxLong = 4096
const firstCapacity = 256

/** Ranges as columns, about 30 bytes each; each carries a number, such as where its name is. */
export class NewestRanges {
  private starts = new Float64Array(firstCapacity)
  private sizes = new Float64Array(firstCapacity)
  private values = new Float64Array(firstCapacity)
  /** From a page to the newest link of its chain. */
  private readonly newest = new Map<number, number>()
  private linkRange = new Uint32Array(firstCapacity)
  private linkNext = new Int32Array(firstCapacity)
  private links = 0
  private readonly long: number[] = []
  length = 0

  get bytes(): number {
    return this.starts.length * 24 + this.linkRange.length * 8 + this.newest.size * 48
  }

  add(start: number, size: number, value: number): void {
    if (this.length === this.starts.length) {
      this.starts = grow(this.starts)
      this.sizes = grow(this.sizes)
      this.values = grow(this.values)
    }
    const range = this.length++
    this.starts[range] = start
    this.sizes[range] = size
    this.values[range] = value
    const first = Math.floor(start / pageBytes)
    const last = Math.floor((start + size - 1) / pageBytes)
    if (last - first >= maxPages) {
      this.long.push(range)
      // They are gone through one by one, so only the newest are kept.
      if (this.long.length > maxLong) this.long.splice(0, maxLong / 2)
      return
    }
    for (let page = first; page <= last; page++) this.link(page, range)
  }

  /** @returns the number of the newest range that covers an address, or -1 */
  find(address: number): number {
    let best = -1
    for (let link = this.newest.get(Math.floor(address / pageBytes)) ?? -1; link >= 0; ) {
      const range = this.linkRange[link] as number
      if (this.covers(range, address)) {
        best = range
        break
      }
      link = this.linkNext[link] as number
    }
    for (let i = this.long.length - 1; i >= 0; i--) {
      const range = this.long[i] as number
      if (range < best) break
      if (this.covers(range, address)) return range
    }
    return best
  }

  valueAt(range: number): number {
    return this.values[range] as number
  }

  private covers(range: number, address: number): boolean {
    const offset = address - (this.starts[range] as number)
    return offset >= 0 && offset < (this.sizes[range] as number)
  }

  private link(page: number, range: number): void {
    if (this.links === this.linkRange.length) {
      this.linkRange = grow(this.linkRange)
      this.linkNext = grow(this.linkNext)
    }
    const link = this.links++
    this.linkRange[link] = range
    this.linkNext[link] = this.newest.get(page) ?? -1
    this.newest.set(page, link)
  }
}

function grow<Column extends Float64Array | Uint32Array | Int32Array>(column: Column): Column {
  const larger = new (column.constructor as new (length: number) => Column)(column.length * 2)
  larger.set(column)
  return larger
}
