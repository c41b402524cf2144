// Columns whose length is not known beforehand: typed arrays that double when full.

/** First capacity, in elements: one page of doubles holds 512, small captures need no more. */
const firstCapacity = 512

export class Uint32Column {
  private items = new Uint32Array(firstCapacity)
  length = 0

  push(value: number): void {
    if (this.length === this.items.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.items)
      this.items = larger
    }
    this.items[this.length++] = value
  }

  at(index: number): number {
    return this.items[index] as number
  }

  set(index: number, value: number): void {
    this.items[index] = value
  }

  /** An exact-sized copy. */
  toArray(): Uint32Array {
    return this.items.slice(0, this.length)
  }

  /** As signed values; -1 was pushed as -1 or 0xffffffff. */
  toInt32(): Int32Array {
    return new Int32Array(this.toArray().buffer)
  }
}

export class Float64Column {
  private items = new Float64Array(firstCapacity)
  length = 0

  push(value: number): void {
    if (this.length === this.items.length) {
      const larger = new Float64Array(this.length * 2)
      larger.set(this.items)
      this.items = larger
    }
    this.items[this.length++] = value
  }

  at(index: number): number {
    return this.items[index] as number
  }

  /** An exact-sized copy. */
  toArray(): Float64Array {
    return this.items.slice(0, this.length)
  }
}

/** 64-bit integers, pushed as numbers (exact up to 2^53) or as bigints. */
export class Int64Column {
  private items = new BigInt64Array(firstCapacity)
  private words = new Int32Array(this.items.buffer)
  length = 0

  push(value: number | bigint): void {
    if (this.length === this.items.length) {
      const larger = new BigInt64Array(this.length * 2)
      larger.set(this.items)
      this.items = larger
      this.words = new Int32Array(larger.buffer)
    }
    this.set(this.length++, value)
  }

  set(index: number, value: number | bigint): void {
    if (typeof value === 'bigint') this.items[index] = value
    else {
      this.words[2 * index] = value | 0
      this.words[2 * index + 1] = Math.floor(value / 4294967296)
    }
  }

  /** Adds 64 bits exactly, wrapping around as Go does. */
  add(index: number, low: number, high: number): void {
    const sum = ((this.words[2 * index] as number) >>> 0) + (low >>> 0)
    this.words[2 * index] = sum | 0
    this.words[2 * index + 1] = ((this.words[2 * index + 1] as number) + high + (sum >= 4294967296 ? 1 : 0)) | 0
  }

  at(index: number): bigint {
    return this.items[index] as bigint
  }

  /** An exact-sized copy. */
  toArray(): BigInt64Array {
    return this.items.slice(0, this.length)
  }
}
