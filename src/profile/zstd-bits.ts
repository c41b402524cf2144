// The two entropy codes of zstd (RFC 8878, 4): bits are read from the end of their bytes to the start, where the highest
// bit that is set in the last byte marks where they begin.
import { Failure } from '../model/errors.ts'

export const damagedZstd = (): Failure => new Failure('MALFORMED', 'the compressed data is damaged')

/** Position of the highest bit that is set; -1 for 0. */
export const highBit = (value: number): number => 31 - Math.clz32(value)

/** Bits of bytes[from .. to], last ones first. Behind the first byte there are zeros. */
export class BackwardBits {
  private readonly bytes: Uint8Array
  private readonly from: number
  /** Bits that are left; negative when more were taken than there are. */
  left: number

  constructor(bytes: Uint8Array, from: number, to: number) {
    const last = to > from ? (bytes[to - 1] as number) : 0
    if (last === 0) throw damagedZstd()
    this.bytes = bytes
    this.from = from
    this.left = (to - 1 - from) * 8 + highBit(last)
  }

  /** The next bits, at most 24, without taking them. */
  peek(count: number): number {
    const position = this.left - count
    if (position < 0) return this.left <= 0 ? 0 : (this.at(0) << -position) & ((1 << count) - 1)
    return (this.at(position >> 3) >>> (position & 7)) & ((1 << count) - 1)
  }

  /** The next bits, at most 31. */
  take(count: number): number {
    if (count > 24) {
      const high = this.take(count - 24)
      return high * 2 ** 24 + this.take(24)
    }
    const value = this.peek(count)
    this.left -= count
    return value
  }

  private at(byte: number): number {
    const p = this.from + byte
    const { bytes } = this
    return (bytes[p] as number) | ((bytes[p + 1] ?? 0) << 8) | ((bytes[p + 2] ?? 0) << 16) | ((bytes[p + 3] ?? 0) << 24)
  }
}

/** A table of states: each stands for a symbol and says how many bits lead to which state next. */
export interface FseTable {
  readonly log: number
  readonly symbol: Uint8Array
  readonly bits: Uint8Array
  readonly next: Uint16Array
}

/**
 * Reads how often each symbol occurs (RFC 8878, 4.1.1).
 * @returns the table, and the first byte behind the description
 */
export function readFseTable(
  bytes: Uint8Array,
  { at, end, mostLog, mostSymbol }: { at: number; end: number; mostLog: number; mostSymbol: number },
): { table: FseTable; at: number } {
  if (at >= end) throw damagedZstd()
  let position = at * 8 + 4
  const peek = (count: number): number => {
    const p = position >> 3
    const word = (bytes[p] ?? 0) | ((bytes[p + 1] ?? 0) << 8) | ((bytes[p + 2] ?? 0) << 16)
    return (word >>> (position & 7)) & ((1 << count) - 1)
  }
  const log = ((bytes[at] as number) & 15) + 5
  if (log > mostLog) throw damagedZstd()
  const counts = new Int16Array(mostSymbol + 1)
  let symbol = 0
  let remaining = (1 << log) + 1
  let threshold = 1 << log
  let width = log + 1
  while (remaining > 1) {
    if (symbol > mostSymbol) throw damagedZstd()
    const most = 2 * threshold - 1 - remaining
    let count = peek(width)
    if ((count & (threshold - 1)) < most) {
      count &= threshold - 1
      position += width - 1
    } else {
      if (count >= threshold) count -= most
      position += width
    }
    // One less is meant: -1 is a symbol that is rarer than one state.
    count--
    remaining -= Math.abs(count)
    counts[symbol++] = count
    while (remaining < threshold && threshold > 1) {
      width--
      threshold >>= 1
    }
    if (count !== 0) continue
    // Symbols that do not occur, by two bits each time.
    for (let skipped = 3; skipped === 3 && position < end * 8; position += 2) {
      skipped = peek(2)
      symbol += skipped
    }
  }
  const next = (position + 7) >> 3
  if (remaining !== 1 || next > end) throw damagedZstd()
  return { table: fseTable(counts, log), at: next }
}

/** @param counts by symbol, states of the table; together as many as it has */
export function fseTable(counts: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log
  const symbol = new Uint8Array(size)
  const bits = new Uint8Array(size)
  const next = new Uint16Array(size)
  const following = new Uint16Array(counts.length)
  let high = size - 1
  for (let s = 0; s < counts.length; s++) {
    following[s] = Math.abs(counts[s] as number)
    if (counts[s] === -1) symbol[high--] = s
  }
  const step = (size >> 1) + (size >> 3) + 3
  let at = 0
  for (let s = 0; s < counts.length; s++) {
    for (let i = 0; i < (counts[s] as number); i++) {
      symbol[at] = s
      do at = (at + step) & (size - 1)
      while (at > high)
    }
  }
  for (let state = 0; state < size; state++) {
    const number = following[symbol[state] as number]!++
    const width = log - highBit(number)
    bits[state] = width
    next[state] = (number << width) - size
  }
  return { log, symbol, bits, next }
}

/** One symbol whatever is read. */
export const constantTable = (symbol: number): FseTable => ({
  log: 0,
  symbol: Uint8Array.of(symbol),
  bits: new Uint8Array(1),
  next: new Uint16Array(1),
})

/** Codes of up to eleven bits, found by the next so many bits. */
export interface HuffmanTable {
  readonly log: number
  readonly symbol: Uint8Array
  readonly bits: Uint8Array
}

const mostHuffmanBits = 11
const mostWeights = 255

/** Reads the lengths of the codes (RFC 8878, 4.2.1). @returns the table, and the first byte behind the description */
export function readHuffmanTable(bytes: Uint8Array, at: number, end: number): { table: HuffmanTable; at: number } {
  const head = bytes[at++]
  if (head === undefined || at > end) throw damagedZstd()
  const weights: number[] = []
  let next = at + head
  if (head >= 128) {
    const count = head - 127
    next = at + ((count + 1) >> 1)
    for (let i = 0; i < count; i++) {
      const pair = bytes[at + (i >> 1)] ?? 0
      weights.push(i & 1 ? pair & 15 : pair >> 4)
    }
  } else if (next <= end) readWeights(bytes, at, next, weights)
  if (next > end) throw damagedZstd()
  return { table: huffmanTable(weights), at: next }
}

/** Two states take turns until there are not enough bits for the next one. */
function readWeights(bytes: Uint8Array, from: number, to: number, weights: number[]): void {
  const { table, at } = readFseTable(bytes, { at: from, end: to, mostLog: 6, mostSymbol: 255 })
  const reader = new BackwardBits(bytes, at, to)
  const states = [reader.take(table.log), reader.take(table.log)]
  if (reader.left < 0) throw damagedZstd()
  for (let turn = 0; weights.length < mostWeights; turn ^= 1) {
    const state = states[turn] as number
    weights.push(table.symbol[state] as number)
    const width = table.bits[state] as number
    if (reader.left < width) {
      weights.push(table.symbol[states[turn ^ 1] as number] as number)
      if (weights.length > mostWeights) break
      return
    }
    states[turn] = (table.next[state] as number) + reader.take(width)
  }
  throw damagedZstd()
}

/** A weight w has codes of `log + 1 - w` bits; the last one is what is left to fill the table. */
function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0
  for (const weight of weights) {
    if (weight > mostHuffmanBits) throw damagedZstd()
    if (weight > 0) sum += 1 << (weight - 1)
  }
  if (sum === 0) throw damagedZstd()
  const log = highBit(sum) + 1
  const rest = (1 << log) - sum
  if (log > mostHuffmanBits || (rest & (rest - 1)) !== 0) throw damagedZstd()
  weights.push(highBit(rest) + 1)
  const symbol = new Uint8Array(1 << log)
  const bits = new Uint8Array(1 << log)
  let at = 0
  for (let weight = 1; weight <= log; weight++) {
    for (let s = 0; s < weights.length; s++) {
      if (weights[s] !== weight) continue
      const end = at + (1 << (weight - 1))
      symbol.fill(s, at, end)
      bits.fill(log + 1 - weight, at, end)
      at = end
    }
  }
  if (at !== 1 << log) throw damagedZstd()
  return { log, symbol, bits }
}
