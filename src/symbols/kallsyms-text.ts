// Looks addresses up in the text of /proc/kallsyms itself where its lines are in order: a recording of half a minute asks
// for a thousand of 122 000 symbols, and reading all of them into a table takes ten times as long. Digits are compared as
// they stand there, by the engine's own comparison of bytes: all addresses have 16 of them, in lower case.
import { decodeName } from './byte-source.ts'

/** The order is looked at once in so many bytes, some hundred lines. */
const stepBytes = 4096
/** Shorter texts are no kernel's, and no time is saved. */
const leastBytes = 64 << 10
/**
 * Symbols have no size here, so each reaches to the next; at most this far, so that the last one of the kernel does
 * not name the gigabyte before the modules. The longest kernel function is some tens of kilobytes.
 */
export const maxReachBytes = 1 << 20

/** `ffffffff81000000 T _text`: how long the address is, the type's place in a line, and the name's. */
const digits = 16
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
  private readonly text: Buffer
  /** Digits of the address that is looked for. */
  private readonly wanted = Buffer.alloc(digits)
  /** What was found last, and the addresses that it covers: the next one asked for is often the same function. */
  private found = { line: -1, from: 0, to: 0 }

  /** @returns undefined when the lines are not in order, or tell no addresses */
  static of(bytes: Uint8Array): OrderedLines | undefined {
    if (bytes.length < leastBytes) return undefined
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const bracket = text.indexOf(0x5b)
    const end = bracket < 0 ? text.length : text.lastIndexOf(10, bracket) + 1
    for (let before = 0, at = 0; at < end; before = at, at = lineAfter(text, at + stepBytes, end)) {
      const isInOrder = isLine(text, at) && text.compare(text, before, before + digits, at, at + digits) >= 0
      if (!isInOrder) return undefined
    }
    const last = addressAt(text, text.lastIndexOf(10, end - 2) + 1)
    return last < 0 ? new OrderedLines(text, { end, last }) : undefined
  }

  private constructor(text: Buffer, { end, last }: { end: number; last: number }) {
    this.text = text
    this.end = end
    this.last = last
    this.textStart = this.findText()
  }

  /** @returns where the line of the symbol that covers an address begins, the last one of aliases; -1 = there is none */
  find(address: number): number {
    if (address >= this.found.from && address < this.found.to) return this.found.line
    const { text } = this
    const next = this.lineBehind(address)
    for (let line = lineBefore(text, next); line >= 0; line = lineBefore(text, line)) {
      if (!isLine(text, line)) continue
      const from = addressAt(text, line)
      if (from >= 0 || address - from >= maxReachBytes) break
      if (!isCodeType(text[line + typeAt] as number)) continue
      const to = next < this.end ? addressAt(text, next) : Number.NaN
      this.found = { line, from, to: Math.min(to, from + maxReachBytes) }
      return line
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

  /** The first line whose address is larger, or the end. */
  private lineBehind(address: number): number {
    const { text, wanted } = this
    const high = Math.floor(address / 2 ** 32)
    wanted.write(hexWord(high >>> 0) + hexWord(address - high * 2 ** 32), 'latin1')
    let low = 0
    let end = this.end
    while (low < end) {
      const middle = lineBefore(text, ((low + end) >>> 1) + 1)
      if (text.compare(wanted, 0, digits, middle, middle + digits) <= 0) low = lineAfter(text, middle, this.end)
      else end = middle
    }
    return low
  }

  private findText(): number | undefined {
    const lines = this.text.subarray(0, this.end)
    for (let at = lines.indexOf(' _text'); at >= 0; at = lines.indexOf(' _text', at + 1)) {
      const line = at - typeAt - 1
      if ((lines[at + 6] ?? 0) <= 32 && isCodeType(lines[at - 1] as number)) return addressAt(lines, line)
    }
    return undefined
  }
}

/** Where the line begins that ends before `at`; -1 at the start of the text. */
const lineBefore = (text: Buffer, at: number): number =>
  at <= 0 ? -1 : at === 1 ? 0 : text.lastIndexOf(10, at - 2) + 1

/** Where the line after the one at `at` begins. */
function lineAfter(text: Buffer, at: number, end: number): number {
  const newline = text.indexOf(10, at)
  return newline < 0 ? end : Math.min(end, newline + 1)
}

/** Whether there are blanks around a type and something like digits, in lower case, before them. */
function isLine(text: Buffer, at: number): boolean {
  return text[at + typeAt - 1] === 32 && text[at + nameAt - 1] === 32 && ((text[at] as number) & 0x60) !== 0x40
}

const hexWord = (word: number): string => word.toString(16).padStart(8, '0')

/** The signed value of 16 hex digits, negative in the kernel's half. */
function addressAt(text: Buffer, at: number): number {
  const high = Number.parseInt(text.toString('latin1', at, at + 8), 16)
  return (high | 0) * 2 ** 32 + Number.parseInt(text.toString('latin1', at + 8, at + digits), 16)
}
