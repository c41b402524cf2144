// Ranges of addresses that may nest, each with a number; which of them cover an address.
import { firstAbove } from '../../lib/first-above.ts'

/** Ranges as they are found, in no order. */
export class IntervalList {
  private readonly starts: number[] = []
  private readonly ends: number[] = []
  private readonly values: number[] = []
  private readonly most: number

  /** @param most how many are kept; what a file has beyond is damage */
  constructor(most: number) {
    this.most = most
  }

  add(start: number, end: number, value: number): void {
    if (this.starts.length >= this.most) return
    this.starts.push(start)
    this.ends.push(end)
    this.values.push(value)
  }

  sorted(): Intervals {
    const { starts, ends, values } = this
    const order = Uint32Array.from(starts, (_, i) => i)
    // Of those that begin together the shortest is innermost: it comes last.
    order.sort((a, b) => (starts[a] as number) - (starts[b] as number) || (ends[b] as number) - (ends[a] as number))
    const by = (column: readonly number[]): Float64Array => Float64Array.from(order, (i) => column[i] as number)
    return new Intervals(by(starts), by(ends), by(values))
  }
}

export class Intervals {
  private readonly starts: Float64Array
  private readonly ends: Float64Array
  private readonly values: Float64Array
  /** Largest end up to an interval: where the search for one around an address stops. */
  private readonly reach: Float64Array

  constructor(starts: Float64Array, ends: Float64Array, values: Float64Array) {
    this.starts = starts
    this.ends = ends
    this.values = values
    let reach = 0
    this.reach = ends.map((end) => {
      reach = Math.max(reach, end)
      return reach
    })
  }

  get bytes(): number {
    return 100 + this.starts.length * 32
  }

  /** Numbers of the intervals around an address, innermost first. */
  *covering(address: number): Generator<number> {
    const { starts, ends, reach } = this
    for (let i = firstAbove(starts, address) - 1; i >= 0 && (reach[i] as number) > address; i--) {
      if ((ends[i] as number) > address) yield this.values[i] as number
    }
  }
}
