// Labels of a pprof's samples: equal sets become one, and the offset label becomes a column.
//
//   08 05 10 06         key = string 5, str = string 6
//   08 05 18 2a 20 07   key = string 5, num = 42, num_unit = string 7
import { wordsOf } from './int64.ts'
import { checkString, type DecodeContext } from './pprof-context.ts'
import { offsetLabel } from './pprof-offset.ts'
import type { Label } from './profile.ts'
import { last, readVarint, skipField } from './protobuf.ts'
import { RowInterner } from './row-interner.ts'

/** Turns label rows into label sets, and the offset label into its column. */
export class LabelSets {
  readonly sets: (readonly Label[])[] = [[]]
  offsetMs: Float64Array | undefined
  private readonly context: DecodeContext
  private readonly capacity: number
  /** Made when the first label is met: most files have none. */
  private rows: RowInterner | undefined
  private readonly row: number[] = []
  /** Per string index: is it the offset label's key? 0 = not asked yet, 1 = no, 2 = yes. */
  private isOffsetKey = new Uint8Array(0)
  private readonly number = new BigInt64Array(1)
  private readonly words = wordsOf(this.number)

  constructor(context: DecodeContext, capacity: number) {
    this.context = context
    this.capacity = capacity
  }

  /** Adds a label message to those of the present sample: key, str, num low, num high, unit. */
  read(start: number, end: number): void {
    const { bytes } = this.context
    let key = 0
    let str = 0
    let low = 0
    let high = 0
    let unit = 0
    for (let at = start; at < end; at = last.next) {
      const tag = readVarint(bytes, at, end)
      at = last.next
      if (tag > 0x20 || tag % 8 !== 0) {
        last.next = skipField(bytes, tag, { at, end })
        continue
      }
      const value = readVarint(bytes, at, end)
      if (tag === 0x08) key = checkString(this.context, value, at)
      else if (tag === 0x10) str = checkString(this.context, value, at)
      else if (tag === 0x18) {
        low = last.low
        high = last.high
      } else if (tag === 0x20) unit = checkString(this.context, value, at)
    }
    this.row.push(key, str, low, high, unit)
  }

  /** Ends the present sample. @returns its label set */
  finish(sample: number): number {
    if (this.row.length === 0) return 0
    const set = this.intern(this.row, sample)
    this.row.length = 0
    return set
  }

  /** Forgets the labels of the present sample. */
  drop(): void {
    this.row.length = 0
  }

  private intern(row: number[], sample: number): number {
    this.rows ??= this.begin()
    for (let i = 0; i < row.length; i += 5) {
      if (this.isOffset(row, i)) {
        this.setOffset(sample, this.int64(row, i))
        row.splice(i, 5)
        i -= 5
      }
    }
    const id = this.rows.internList(row)
    if (id === this.sets.length) this.sets.push(this.toLabels(row))
    return id
  }

  private begin(): RowInterner {
    this.isOffsetKey = new Uint8Array(this.context.strings.length)
    const rows = new RowInterner()
    rows.internList([]) // the empty set is number 0
    return rows
  }

  private isOffset(row: number[], at: number): boolean {
    const key = row[at]!
    if (this.isOffsetKey[key] === 0) {
      this.isOffsetKey[key] = this.context.strings.get(key) === offsetLabel.key ? 2 : 1
    }
    return (
      this.isOffsetKey[key] === 2 && row[at + 1] === 0 && this.context.strings.get(row[at + 4]!) === offsetLabel.unit
    )
  }

  private setOffset(sample: number, milliseconds: bigint): void {
    this.offsetMs ??= new Float64Array(this.capacity).fill(Number.NaN)
    this.offsetMs[sample] = Number(milliseconds)
  }

  private int64(row: number[], at: number): bigint {
    this.words[0] = row[at + 2]!
    this.words[1] = row[at + 3]!
    return this.number[0]!
  }

  private toLabels(row: number[]): Label[] {
    const { strings } = this.context
    const labels: Label[] = []
    for (let i = 0; i < row.length; i += 5) {
      const key = strings.get(row[i]!)
      // As pprof decides: a label with a string is a string label, whatever its number.
      if (row[i + 1] !== 0) labels.push({ key, str: strings.get(row[i + 1]!) })
      else if (row[i + 4] !== 0) labels.push({ key, num: this.int64(row, i), unit: strings.get(row[i + 4]!) })
      else labels.push({ key, num: this.int64(row, i) })
    }
    return labels
  }
}
