// Symbols as sorted columns, 13 bytes each, names left where they are: node's 99 000 symbols take 1.3 MB.
// Which of several names at one address wins is decided at look-up, so building needs no names at all.
import { firstAbove } from '../lib/first-above.ts'

/** Bits of a symbol's rank. */
export const rank = {
  weak: 1,
  global: 2,
  /** No size in the file: it reaches to the next symbol, at most to the end of its section. */
  unsized: 4,
} as const

/** Sizes and distances are kept in 32 bits; nothing that executes is longer than 4 GiB. */
export const maxSize = 0xffff_ffff
/** Names for one address that are compared: libc has 20 for one syscall wrapper, more is damage. */
const maxAliases = 64
/** Marks in one function; V8's longest built-in has some dozens. */
const maxLabels = 1024

/**
 * A table of columns that are in order already.
 * Unsized symbols come with the most they may reach, and get to the next one.
 */
export function symbolTable(columns: Omit<SymbolColumns, 'longest' | 'longestSized'>): SymbolTable {
  const { start, size, rank: ranks } = columns
  let longest = 0
  let longestSized = 0
  for (let i = 0; i < start.length; i++) {
    if ((ranks[i] as number) & rank.unsized && i + 1 < start.length) {
      const room = (start[i + 1] as number) - (start[i] as number)
      if (room < (size[i] as number)) size[i] = room
    }
    const bytes = size[i] as number
    if (bytes > longest) longest = bytes
    if (bytes > longestSized && !((ranks[i] as number) & rank.unsized)) longestSized = bytes
  }
  return new SymbolTable({ ...columns, longest, longestSized })
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
  /** The same without those whose size is only the way to the next. */
  readonly longestSized: number
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

  nameAt(index: number): number {
    return this.columns.name[index] as number
  }

  startAt(index: number): number {
    return this.columns.base + (this.columns.start[index] as number)
  }

  /**
   * The symbol that covers an address: the one that starts last, else one around it. One with a size goes before.
   * @param readName text of a symbol by index; called only where several share the address
   * @returns index, or -1
   */
  find(address: number, readName: (index: number) => string): number {
    const { base, start, size, rank: ranks, longest, longestSized } = this.columns
    const wanted = address - base
    if (!(wanted >= 0)) return -1
    const above = firstAbove(start, wanted)
    let label = -1
    for (let i = above - 1; i >= 0; i--) {
      const from = start[i] as number
      if (wanted - from >= (label < 0 ? longest : longestSized) || (label >= 0 && above - i > maxLabels)) break
      if (wanted - from >= (size[i] as number)) continue
      const winner = this.best(i, wanted, readName)
      if (!((ranks[winner] as number) & rank.unsized)) return winner
      // A mark inside a function is not what people call it; but hand-written code has nothing else.
      if (label < 0) label = winner
    }
    return label
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
