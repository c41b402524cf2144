// Symbols as sorted columns, 13 bytes each, names left where they are: node's 99 000 symbols take 1.3 MB.
// Which of several names at one address wins is decided at look-up, so building needs no names at all.

/** Bits of a symbol's rank. */
export const rank = {
  weak: 1,
  global: 2,
  /** No size in the file: it reaches to the next symbol, at most to the end of its section. */
  unsized: 4,
} as const

/** Sizes are kept in 32 bits; nothing that executes is longer than 4 GiB. */
const maxSize = 0xffff_ffff
/** Names for one address that are compared: libc has 20 for one syscall wrapper, more is damage. */
const maxAliases = 64

export class SymbolTableBuilder {
  private readonly address: Float64Array
  private readonly size: Uint32Array
  private readonly name: Uint32Array
  private readonly rank: Uint8Array
  length = 0

  constructor(capacity: number) {
    this.address = new Float64Array(capacity)
    this.size = new Uint32Array(capacity)
    this.name = new Uint32Array(capacity)
    this.rank = new Uint8Array(capacity)
  }

  /**
   * @param size bytes; for an unsized symbol the most it may reach, such as to the end of its section
   * @param name where the name is, in the unit of whoever reads names
   */
  add(address: number, size: number, { name, rank }: { name: number; rank: number }): void {
    const at = this.length++
    this.address[at] = address
    this.size[at] = Math.min(size, maxSize)
    this.name[at] = name
    this.rank[at] = rank
  }

  build(): SymbolTable {
    const { length, address } = this
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    let sorted = true
    for (let i = 0; i < length; i++) {
      const value = address[i] as number
      if (value < low) low = value
      if (i > 0 && value < high) sorted = false
      if (value > high) high = value
    }
    const narrow = high - low <= maxSize
    // Relative to the lowest address nearly every table fits 32 bits; a kernel whose modules are far away does not.
    const relative = narrow ? new Uint32Array(length) : new Float64Array(length)
    for (let i = 0; i < length; i++) relative[i] = (address[i] as number) - low
    const order = sorted ? undefined : narrow ? radixOrder(relative as Uint32Array) : comparedOrder(relative)
    const start = order ? permute(relative, order) : relative
    const size = order ? permute(this.size, order) : this.size.slice(0, length)
    const name = order ? permute(this.name, order) : this.name.slice(0, length)
    const ranks = order ? permute(this.rank, order) : this.rank.slice(0, length)
    let longest = 0
    for (let i = 0; i < length; i++) {
      if ((ranks[i] as number) & rank.unsized && i + 1 < length) {
        const room = (start[i + 1] as number) - (start[i] as number)
        if (room < (size[i] as number)) size[i] = room
      }
      if ((size[i] as number) > longest) longest = size[i] as number
    }
    return new SymbolTable({ base: length ? low : 0, start, size, name, rank: ranks, longest })
  }
}

interface SymbolColumns {
  readonly base: number
  /** Relative to `base`, ascending; equal ones in the order they were added. */
  readonly start: Uint32Array | Float64Array
  readonly size: Uint32Array
  readonly name: Uint32Array
  readonly rank: Uint8Array
  /** Largest size, so that the search for an enclosing symbol knows when to stop. */
  readonly longest: number
}

export class SymbolTable {
  private readonly columns: SymbolColumns
  /** Which of the names at an address won, by the last of them and their number; comparing them reads them all. */
  private readonly winners = new Map<number, number>()
  readonly length: number
  readonly bytes: number

  constructor(columns: SymbolColumns) {
    this.columns = columns
    this.length = columns.start.length
    this.bytes = columns.start.byteLength + this.length * 9
  }

  /** The first address that has a symbol, and the end of the last. */
  get range(): { from: number; to: number } {
    const last = this.length - 1
    if (last < 0) return { from: 0, to: 0 }
    const { base, start, size } = this.columns
    return { from: base, to: base + (start[last] as number) + (size[last] as number) }
  }

  nameAt(index: number): number {
    return this.columns.name[index] as number
  }

  startAt(index: number): number {
    return this.columns.base + (this.columns.start[index] as number)
  }

  sizeAt(index: number): number {
    return this.columns.size[index] as number
  }

  /**
   * The symbol that covers an address: the one that starts last, else one around it.
   * @param readName text of a symbol by index; called only where several share the address
   * @returns index, or -1
   */
  find(address: number, readName: (index: number) => string): number {
    const { base, start, size, longest } = this.columns
    const wanted = address - base
    if (!(wanted >= 0)) return -1
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((start[middle] as number) <= wanted) low = middle + 1
      else high = middle
    }
    for (let i = low - 1; i >= 0; i--) {
      const from = start[i] as number
      if (wanted - from >= longest) return -1
      if (wanted - from < (size[i] as number)) return this.best(i, wanted, readName)
    }
    return -1
  }

  /** `last` covers; so may others that start at the same address. */
  private best(last: number, wanted: number, readName: (index: number) => string): number {
    const { start, size } = this.columns
    const from = start[last] as number
    let first = last
    while (first > 0 && last - first < maxAliases && start[first - 1] === from) first--
    const covering: number[] = []
    for (let i = first; i <= last; i++) if (wanted - from < (size[i] as number)) covering.push(i)
    if (covering.length === 1) return last
    const key = last * (maxAliases + 2) + covering.length
    let winner = this.winners.get(key)
    if (winner === undefined) {
      winner = covering.reduce((best, i) => (this.isBetter(i, best, readName) ? i : best))
      this.winners.set(key, winner)
    }
    return winner
  }

  /** perf's choose_best_symbol (tools/perf/util/symbol.c); size was looked at already, and the first wins a draw. */
  private isBetter(a: number, b: number, readName: (index: number) => string): boolean {
    const ranks = this.columns.rank
    const rankA = ranks[a] as number
    const rankB = ranks[b] as number
    if ((rankA ^ rankB) & rank.weak) return (rankB & rank.weak) !== 0
    if ((rankA ^ rankB) & rank.global) return (rankA & rank.global) !== 0
    const nameA = readName(a)
    const nameB = readName(b)
    const underscoresA = leadingUnderscores(nameA)
    const underscoresB = leadingUnderscores(nameB)
    if (underscoresA !== underscoresB) return underscoresA < underscoresB
    return nameA.length > nameB.length
  }
}

function leadingUnderscores(name: string): number {
  let count = 0
  while (name.charCodeAt(count) === 95) count++
  return count
}

/** Stable order by 32-bit keys, two passes of 16 bits: 100 000 symbols in about 2 ms. */
function radixOrder(keys: Uint32Array): Uint32Array {
  let from = new Uint32Array(keys.length)
  let to = new Uint32Array(keys.length)
  for (let i = 0; i < from.length; i++) from[i] = i
  for (const shift of [0, 16]) {
    const counts = new Uint32Array(65_537)
    for (let i = 0; i < keys.length; i++) {
      const slot = (((keys[i] as number) >>> shift) & 0xffff) + 1
      counts[slot] = (counts[slot] as number) + 1
    }
    for (let i = 1; i < 65_536; i++) counts[i] = (counts[i] as number) + (counts[i - 1] as number)
    for (let i = 0; i < from.length; i++) {
      const index = from[i] as number
      const slot = ((keys[index] as number) >>> shift) & 0xffff
      const at = counts[slot] as number
      counts[slot] = at + 1
      to[at] = index
    }
    ;[from, to] = [to, from]
  }
  return from
}

function comparedOrder(keys: Uint32Array | Float64Array): Uint32Array {
  const order = new Uint32Array(keys.length)
  for (let i = 0; i < order.length; i++) order[i] = i
  return order.sort((a, b) => (keys[a] as number) - (keys[b] as number))
}

function permute<Column extends Uint32Array | Float64Array | Uint8Array>(column: Column, order: Uint32Array): Column {
  const result = new (column.constructor as new (length: number) => Column)(order.length)
  for (let i = 0; i < order.length; i++) result[i] = column[order[i] as number] as number
  return result
}
