// Which rows of a symbol table matter when all addresses that will be asked are known beforehand: a few thousand of
// 100 000. One pass over the table then takes the place of sorting it.
//
//   asked          10        30              90         A row belongs to the first asked address at or behind its start.
//   rows   |a----| |b| |c  |d----|  |e|  |f             a, d: cover theirs. b: nearest before 10 … f: nearest before 90.
//
// A sized symbol answers where it covers; an unsized one reaches to the next symbol, so it answers only when it is the
// nearest before the address; and whatever else is nearest is kept because an unsized one ends there.

/** Steps into which the code is divided to find the address of a row: some dozens of bytes to some kilobytes each. */
const mostSteps = 1 << 14

export class AskedSymbols {
  /** Ascending, from the base of the code. */
  private readonly asked: Uint32Array
  private readonly shift: number
  /** By step, the first asked address that is not before it. */
  private readonly first: Uint32Array
  /** By asked address, start and row (-1 = none) of the nearest symbol that does not cover it. */
  private readonly nearestFrom: Uint32Array
  private readonly nearestRow: Int32Array

  /**
   * @param addresses ascending
   * @param code where it begins and how long it is; what lies outside needs no symbol
   */
  constructor(addresses: Float64Array, { base, span }: { base: number; span: number }) {
    this.asked = Uint32Array.from(
      addresses.filter((address) => address >= base && address - base < span),
      (address) => address - base,
    )
    const { asked } = this
    let shift = 0
    while (span / 2 ** shift >= mostSteps) shift++
    this.shift = shift
    this.first = new Uint32Array(mostSteps).fill(asked.length)
    let step = 0
    for (let i = 0; i < asked.length; i++) {
      const last = (asked[i] as number) >>> shift
      if (last < step) continue
      this.first.fill(i, step, last + 1)
      step = last + 1
    }
    this.nearestFrom = new Uint32Array(asked.length)
    this.nearestRow = new Int32Array(asked.length).fill(-1)
  }

  /** @returns whether the symbol covers an asked address; the nearest ones are remembered for `nearest` */
  isCovering(from: number, bytes: number, row: number): boolean {
    const { asked } = this
    let i = this.first[from >>> this.shift] as number
    while (i < asked.length && (asked[i] as number) < from) i++
    if (i === asked.length) return false
    if (bytes > (asked[i] as number) - from) return true
    // Rows come in their order: of equal starts the last one counts.
    if (from >= (this.nearestFrom[i] as number)) {
      this.nearestFrom[i] = from
      this.nearestRow[i] = row
    }
    return false
  }

  /** @param pairs of row and start, to which the nearest are added. @returns their new length */
  addNearest(pairs: Uint32Array, length: number): number {
    for (let i = 0; i < this.asked.length; i++) {
      if ((this.nearestRow[i] as number) < 0) continue
      pairs[length++] = this.nearestRow[i] as number
      pairs[length++] = this.nearestFrom[i] as number
    }
    return length
  }
}
