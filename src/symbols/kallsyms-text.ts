// Looks addresses up in the text of /proc/kallsyms itself where its lines are in order: a recording of half a minute asks
// for a thousand of 122 000 symbols, and reading all of them into a table takes ten times as long.
import { decodeName, hexDigit } from './byte-source.ts'

/** One address in so many bytes is read beforehand, some hundred lines. */
const blockBytes = 4096
/** Some lines: less than this is read line by line, not halved further. */
const nearBytes = 256
/** Shorter texts are no kernel's, and no time is saved. */
const leastBytes = 64 << 10
/**
 * Symbols have no size here, so each reaches to the next; at most this far, so that the last one of the kernel does
 * not name the gigabyte before the modules. The longest kernel function is some tens of kilobytes.
 */
export const maxReachBytes = 1 << 20

/** `ffffffff81000000 T _text`: the type's place in a line, and the name's. */
const typeAt = 17
const nameAt = 19

/** T t W w: code. The rest is data, which no instruction pointer is in. */
export function isCodeType(type: number): boolean {
  const kind = type | 32
  return kind === 116 || kind === 119
}

export class OrderedLines {
  /** Where the first line of a module is: from there on lines are in no order. */
  readonly end: number
  /** Signed address of the last line. */
  readonly last: number
  /** Signed address of `_text`. */
  readonly textStart: number | undefined
  private readonly text: Uint8Array
  private readonly starts: readonly number[]
  private readonly addresses: Float64Array

  /** @returns undefined when the lines are not in order, or tell no addresses */
  static of(text: Uint8Array): OrderedLines | undefined {
    if (text.length < leastBytes) return undefined
    const bracket = text.indexOf(0x5b)
    const end = bracket < 0 ? text.length : text.lastIndexOf(10, bracket) + 1
    const starts: number[] = []
    for (let at = 0; at < end; ) {
      starts.push(at)
      const newline = text.indexOf(10, at + blockBytes)
      at = newline < 0 ? end : newline + 1
    }
    const addresses = Float64Array.from(starts, (at) => addressAt(text, at))
    for (let i = 0; i < addresses.length; i++) {
      if (!((addresses[i] as number) >= (addresses[i - 1] ?? Number.NEGATIVE_INFINITY))) return undefined
    }
    const last = addressAt(text, text.lastIndexOf(10, end - 2) + 1)
    return last > Number.NEGATIVE_INFINITY ? new OrderedLines(text, { end, last, starts, addresses }) : undefined
  }

  private constructor(
    text: Uint8Array,
    { end, last, starts, addresses }: { end: number; last: number; starts: number[]; addresses: Float64Array },
  ) {
    this.text = text
    this.end = end
    this.last = last
    this.starts = starts
    this.addresses = addresses
    this.textStart = this.findText()
  }

  /** @returns where the line of the symbol that covers an address begins, the last one of aliases; -1 = there is none */
  find(address: number): number {
    const { addresses } = this
    let low = 0
    let high = addresses.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((addresses[middle] as number) <= address) low = middle + 1
      else high = middle
    }
    // A block may begin with data, or hold nothing else.
    for (let block = low - 1; block >= 0; block--) {
      const line = this.findInBlock(block, address)
      if (line >= 0) return address - this.addressOf(line) < maxReachBytes ? line : -1
      if (address - (addresses[block] as number) >= maxReachBytes) return -1
    }
    return -1
  }

  addressOf(line: number): number {
    return addressAt(this.text, line)
  }

  readName(line: number): string {
    const { text } = this
    let end = line + nameAt
    while ((text[end] ?? 0) > 32) end++
    return decodeName(text.subarray(line + nameAt, end))
  }

  private findInBlock(block: number, address: number): number {
    const { text } = this
    const to = this.starts[block + 1] ?? this.end
    let found = -1
    for (let at = this.lineNear(block, address); at < to; at++) {
      const here = addressAt(text, at)
      if (here > address) break
      if (isCodeType(text[at + typeAt] as number) && here > Number.NEGATIVE_INFINITY) found = at
      at += nameAt
      while (at < to && text[at] !== 10) at++
    }
    return found
  }

  /** A line of code in the block at or before the address, near it; the block's first line where there is none. */
  private lineNear(block: number, address: number): number {
    const { text } = this
    const first = this.starts[block] as number
    let near = first
    let low = first
    let high = this.starts[block + 1] ?? this.end
    while (high - low > nearBytes) {
      const line = text.indexOf(10, (low + high) >>> 1) + 1
      if (line <= low || line >= high) break
      if (addressAt(text, line) <= address) {
        low = line
        if (isCodeType(text[line + typeAt] as number)) near = line
      } else high = line
    }
    return near
  }

  private findText(): number | undefined {
    const lines = Buffer.from(this.text.buffer, this.text.byteOffset, this.end)
    for (let at = lines.indexOf(' _text'); at >= 0; at = lines.indexOf(' _text', at + 1)) {
      const line = at - typeAt - 1
      if ((lines[at + 6] ?? 0) <= 32 && isCodeType(lines[at - 1] as number)) return addressAt(lines, line)
    }
    return undefined
  }
}

/** The signed value of 16 hex digits; -Infinity for what is not in the kernel's half, NaN for what is no line. */
function addressAt(text: Uint8Array, at: number): number {
  const high = wordAt(text, at)
  const low = wordAt(text, at + 8)
  if (text[at + typeAt - 1] !== 32 || text[at + nameAt - 1] !== 32 || Number.isNaN(high + low)) return Number.NaN
  return high >= 2 ** 31 ? (high - 2 ** 32) * 2 ** 32 + low : Number.NEGATIVE_INFINITY
}

function wordAt(text: Uint8Array, at: number): number {
  let word = 0
  let isHex = true
  for (let p = at; p < at + 8; p++) {
    const digit = hexDigit(text[p] ?? 0)
    if (digit < 0) isHex = false
    word = (word << 4) | digit
  }
  return isHex ? word >>> 0 : Number.NaN
}
