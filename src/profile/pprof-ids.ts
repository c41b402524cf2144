// From pprof ids to row indexes. Ids are any non-zero 64-bit numbers; nearly always they are 1, 2, 3, ...
import { RowInterner } from './row-interner.ts'

export class IdTable {
  /** True while row i has id i + 1: then no table is needed. */
  isDense = true
  length = 0
  /** Kept from the first row that breaks the sequence: rows [low, high]. */
  private sparse: RowInterner | undefined
  private readonly key = new Uint32Array(2)

  /** Adds the id of the next row. @returns false, and adds nothing, when it is 0 or another row's */
  add(low: number, high: number): boolean {
    if (low === 0 && high === 0) return false
    if (this.isDense) {
      if (high === 0 && low === this.length + 1) {
        this.length++
        return true
      }
      this.isDense = false
      this.sparse = new RowInterner()
      for (let i = 0; i < this.length; i++) this.intern(i + 1, 0)
    }
    if (this.intern(low, high) !== this.length) return false
    this.length++
    return true
  }

  /** Row of an id, -1 when there is none. */
  find(low: number, high: number): number {
    if (this.isDense) return high === 0 && low >>> 0 <= this.length ? (low >>> 0) - 1 : -1
    this.key[0] = low
    this.key[1] = high
    return this.sparse!.find(this.key, 0, 2)
  }

  private intern(low: number, high: number): number {
    this.key[0] = low
    this.key[1] = high
    return this.sparse!.intern(this.key, 0, 2)
  }
}
