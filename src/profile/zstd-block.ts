// Compressed blocks of zstd (RFC 8878, 3.1.1.3): literals, and sequences that say how many of them to copy, and what to
// repeat of what came before.
//
//   literals: kind(2 bits) form(2 bits) sizes | Huffman table? | one or four streams
//   sequences: count | kinds of the three tables | tables | one stream
import {
  BackwardBits,
  constantTable,
  damagedZstd,
  type FseTable,
  fseTable,
  type HuffmanTable,
  readFseTable,
  readHuffmanTable,
} from './zstd-bits.ts'

/** No block gives more than this (RFC 8878, 3.1.1.2.3). */
export const maxBlockBytes = 128 * 1024

/** What was unpacked so far, as far as it can be repeated. */
export interface Output {
  bytes: Uint8Array
  length: number
}

interface Code {
  readonly mostLog: number
  readonly mostSymbol: number
  /** The table that is meant when none is described (RFC 8878, 3.1.1.3.2.2). */
  readonly usual: FseTable
  /** By symbol: smallest value, and how many bits are added to it. */
  readonly base: Int32Array
  readonly bits: Uint8Array
}

const repeated = (value: number, times: number): number[] => new Array<number>(times).fill(value)

/** Values that follow each other without a gap, each symbol as many as its bits can tell apart. */
function codeOf(first: number, bits: readonly number[], usual: FseTable, mostLog: number): Code {
  const base = new Int32Array(bits.length)
  let value = first
  bits.forEach((width, symbol) => {
    base[symbol] = value
    value += 2 ** width
  })
  return { mostLog, mostSymbol: bits.length - 1, usual, base, bits: Uint8Array.from(bits) }
}

const literalLengths = codeOf(
  0,
  [...repeated(0, 16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  fseTable([4, 3, ...repeated(2, 11), 1, 1, 1, ...repeated(2, 9), 3, 2, ...repeated(1, 5), ...repeated(-1, 4)], 6),
  9,
)
const matchLengths = codeOf(
  3,
  [...repeated(0, 32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  fseTable([1, 4, 3, 2, 2, 2, 2, 2, 2, ...repeated(1, 37), ...repeated(-1, 7)], 6),
  9,
)
/** Offsets are 2^symbol and as many bits. */
const offsets = {
  mostLog: 8,
  mostSymbol: 31,
  usual: fseTable([1, 1, 1, 1, 1, 1, 2, 2, 2, ...repeated(1, 15), ...repeated(-1, 5)], 5),
}

export class BlockDecoder {
  private huffman: HuffmanTable | undefined
  private literalTable: FseTable | undefined
  private offsetTable: FseTable | undefined
  private matchTable: FseTable | undefined
  /** The last three offsets, the latest first. */
  private recent: [number, number, number] = [1, 4, 8]
  private readonly literals = new Uint8Array(maxBlockBytes)

  /** Appends what bytes[from .. to] give; `output` has room for a block. @throws Failure MALFORMED */
  decode(bytes: Uint8Array, from: number, to: number, output: Output): void {
    const { at, count } = this.readLiterals(bytes, from, to)
    this.readSequences(bytes.subarray(0, to), at, count, output)
  }

  private readLiterals(bytes: Uint8Array, from: number, to: number): { at: number; count: number } {
    const byte = (i: number): number => (from + i < to ? (bytes[from + i] as number) : 0)
    if (from >= to) throw damagedZstd()
    const kind = byte(0) & 3
    const form = (byte(0) >> 2) & 3
    if (kind < 2) {
      const head = form === 1 ? 2 : form === 3 ? 3 : 1
      const count =
        form === 1
          ? (byte(0) >> 4) + byte(1) * 16
          : form === 3
            ? (byte(0) >> 4) + byte(1) * 16 + byte(2) * 4096
            : byte(0) >> 3
      const at = from + head
      const end = at + (kind === 0 ? count : 1)
      if (count > maxBlockBytes || end > to) throw damagedZstd()
      if (kind === 0) this.literals.set(bytes.subarray(at, end))
      else this.literals.fill(bytes[at] as number, 0, count)
      return { at: end, count }
    }
    // Sizes of 10, 10, 14 or 18 bits behind the first four.
    const width = form < 2 ? 10 : form === 2 ? 14 : 18
    const head = form < 2 ? 3 : form === 2 ? 4 : 5
    const sizes =
      byte(0) +
      byte(1) * 2 ** 8 +
      byte(2) * 2 ** 16 +
      (head > 3 ? byte(3) * 2 ** 24 : 0) +
      (head > 4 ? byte(4) * 2 ** 32 : 0)
    const count = Math.floor(sizes / 16) % 2 ** width
    const end = from + head + Math.floor(sizes / 2 ** (4 + width))
    let at = from + head
    if (count > maxBlockBytes || end > to) throw damagedZstd()
    if (kind === 2) {
      const read = readHuffmanTable(bytes, at, end)
      this.huffman = read.table
      at = read.at
    }
    if (!this.huffman) throw damagedZstd()
    if (form === 0) this.readStream(bytes, at, end, 0, count)
    else this.readFourStreams(bytes, at, end, count)
    return { at: end, count }
  }

  private readFourStreams(bytes: Uint8Array, at: number, end: number, count: number): void {
    const size = (i: number): number => (bytes[at + 2 * i] ?? 0) + (bytes[at + 2 * i + 1] ?? 0) * 256
    const each = (count + 3) >> 2
    let from = at + 6
    for (let i = 0; i < 4; i++) {
      const to = i === 3 ? end : from + size(i)
      const last = i === 3 ? count : (i + 1) * each
      if (to > end || last > count) throw damagedZstd()
      this.readStream(bytes, from, to, i * each, last)
      from = to
    }
  }

  private readStream(bytes: Uint8Array, from: number, to: number, first: number, last: number): void {
    const { log, symbol, bits } = this.huffman as HuffmanTable
    const reader = new BackwardBits(bytes, from, to)
    const { literals } = this
    for (let i = first; i < last; i++) {
      const code = reader.peek(log)
      literals[i] = symbol[code] as number
      reader.left -= bits[code] as number
    }
    if (reader.left !== 0) throw damagedZstd()
  }

  private readSequences(bytes: Uint8Array, from: number, literalCount: number, output: Output): void {
    const to = bytes.length
    if (from >= to) throw damagedZstd()
    const first = bytes[from] as number
    let at = from + 1
    let count = first
    if (first > 127 && first < 255) count = (first - 128) * 256 + (bytes[at++] ?? 0)
    else if (first === 255) {
      count = (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256 + 0x7f00
      at += 2
    }
    let literal = 0
    const copyLiterals = (end: number): void => {
      if (end > literalCount || output.length + end - literal > output.bytes.length) throw damagedZstd()
      output.bytes.set(this.literals.subarray(literal, end), output.length)
      output.length += end - literal
      literal = end
    }
    if (count > 0) {
      const kinds = bytes[at++] ?? 0
      const read = (
        kind: number,
        code: Pick<Code, 'mostLog' | 'mostSymbol' | 'usual'>,
        before: FseTable | undefined,
      ) => {
        if (kind === 0) return code.usual
        if (kind === 1) {
          const symbol = bytes[at++] ?? 255
          if (symbol > code.mostSymbol) throw damagedZstd()
          return constantTable(symbol)
        }
        if (kind === 3) {
          if (!before) throw damagedZstd()
          return before
        }
        const { mostLog, mostSymbol } = code
        const described = readFseTable(bytes, { at, end: to, mostLog, mostSymbol })
        at = described.at
        return described.table
      }
      const lengths = read(kinds >> 6, literalLengths, this.literalTable)
      const places = read((kinds >> 4) & 3, offsets, this.offsetTable)
      const matches = read((kinds >> 2) & 3, matchLengths, this.matchTable)
      this.literalTable = lengths
      this.offsetTable = places
      this.matchTable = matches
      const reader = new BackwardBits(bytes, at, to)
      let lengthState = reader.take(lengths.log)
      let placeState = reader.take(places.log)
      let matchState = reader.take(matches.log)
      for (let i = 0; i < count; i++) {
        const width = places.symbol[placeState] as number
        const place = 2 ** width + reader.take(width)
        const match = matches.symbol[matchState] as number
        const matchLength = (matchLengths.base[match] as number) + reader.take(matchLengths.bits[match] as number)
        const length = lengths.symbol[lengthState] as number
        const literalLength =
          (literalLengths.base[length] as number) + reader.take(literalLengths.bits[length] as number)
        if (i + 1 < count) {
          lengthState = (lengths.next[lengthState] as number) + reader.take(lengths.bits[lengthState] as number)
          matchState = (matches.next[matchState] as number) + reader.take(matches.bits[matchState] as number)
          placeState = (places.next[placeState] as number) + reader.take(places.bits[placeState] as number)
        }
        if (reader.left < 0) throw damagedZstd()
        copyLiterals(literal + literalLength)
        repeat(output, this.offsetOf(place, literalLength), matchLength)
      }
      if (reader.left !== 0) throw damagedZstd()
    }
    copyLiterals(literalCount)
  }

  /** Values up to 3 mean one of the last three offsets, shifted by one where no literal stands between (3.1.1.5). */
  private offsetOf(place: number, literalLength: number): number {
    const { recent } = this
    if (place > 3) {
      this.recent = [place - 3, recent[0], recent[1]]
      return place - 3
    }
    const index = place - (literalLength === 0 ? 0 : 1)
    if (index === 0) return recent[0]
    const offset = index === 3 ? recent[0] - 1 : (recent[index] as number)
    this.recent = index === 1 ? [offset, recent[0], recent[2]] : [offset, recent[0], recent[1]]
    return offset
  }
}

function repeat(output: Output, offset: number, count: number): void {
  const { bytes, length } = output
  const from = length - offset
  if (offset <= 0 || from < 0 || length + count > bytes.length) throw damagedZstd()
  if (offset >= count) bytes.copyWithin(length, from, from + count)
  // What is repeated may reach into what it makes.
  else for (let i = 0; i < count; i++) bytes[length + i] = bytes[from + i] as number
  output.length += count
}
