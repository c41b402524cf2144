// Many rows for a RowInterner at once. Looking one up waits for memory three times (its slot, its place, its words);
// steps that each go over all rows let the processor wait for many rows at the same time.

export class RowBatch {
  /** Row i is values[offsets[i] .. offsets[i+1]]. */
  values = new Uint32Array(1024)
  offsets = new Uint32Array(257)
  /** Filled by `RowInterner.internAll`: the number of each row, and its hash. */
  ids = new Uint32Array(256)
  hashes = new Int32Array(256)
  length = 0

  clear(): void {
    this.length = 0
  }

  /** Begins a row of at most `width` words. @returns where in `values` its words go */
  begin(width: number): number {
    const start = this.offsets[this.length] as number
    if (start + width > this.values.length) {
      const larger = new Uint32Array((start + width) * 2)
      larger.set(this.values)
      this.values = larger
    }
    return start
  }

  /** Ends the row. @param end where its words end in `values` */
  end(end: number): void {
    this.length++
    if (this.length === this.offsets.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.offsets)
      this.offsets = larger
      this.ids = new Uint32Array(this.length * 2)
      this.hashes = new Int32Array(this.length * 2)
    }
    this.offsets[this.length] = end
  }
}
