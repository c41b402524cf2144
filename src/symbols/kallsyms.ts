// Symbols of the running kernel from /proc/kallsyms: 122 000 lines and more, modules named after a tab.
//
//   ffffffff81000000 T _text
//   ffffffff8105f0a0 t __pi_memcpy
//   ffffffffc0a01000 t nf_conntrack_in	[nf_conntrack]
//
// All addresses zero means that kptr_restrict hides them and we lack CAP_SYSLOG (proc(5)).
// The kernel's own lines come first, in the order of their addresses, for it searches them itself (kernel/kallsyms.c,
// get_symbol_pos). They are searched as they are, see kallsyms-text.ts. What follows, modules and BPF programs in any
// order, becomes a table as soon as an address is asked for that may lie in it.
import { decodeName, hexDigit } from './byte-source.ts'
import { isCodeType, maxReachBytes, OrderedLines } from './kallsyms-text.ts'
import { rank, type SymbolTable, symbolTable } from './symbol-table.ts'

export interface KernelSymbols {
  /** @returns number of the symbol that covers an address, the last one of aliases; -1 = there is none */
  find(address: number): number
  readName(symbol: number): string
  /** Signed address of `_text`, to see whether another kernel was loaded elsewhere (KASLR). */
  readonly textStart: number | undefined
  /** What is kept in memory. */
  readonly bytes: number
}

/**
 * @param text the file's bytes, which are kept
 * @returns undefined when there is no text symbol with an address
 */
export function parseKallsyms(text: Uint8Array): KernelSymbols | undefined {
  const core = OrderedLines.of(text)
  if (!core) return parseLines(text)
  let modules: LineSymbols | undefined
  let isRead = core.end === text.length
  const readModules = (): LineSymbols | undefined => {
    if (!isRead) modules = parseLines(text.subarray(core.end))
    isRead = true
    return modules
  }
  return {
    find(address) {
      const line = core.find(address)
      // Nothing else lies inside the kernel itself.
      if (line >= 0 && address <= core.last) return line
      const symbol = readModules()?.find(address) ?? -1
      const isNearer = symbol >= 0 && (line < 0 || (modules?.startAt(symbol) ?? 0) >= core.addressOf(line))
      // Those of modules are numbered from -2 downwards.
      return isNearer ? -2 - symbol : line
    },
    readName: (symbol) => (symbol < -1 ? (modules?.readName(-2 - symbol) ?? '') : core.readName(symbol)),
    textStart: core.textStart,
    get bytes() {
      return text.length + (modules?.bytes ?? 0)
    },
  }
}

interface LineSymbols extends KernelSymbols {
  startAt(symbol: number): number
}

/** All lines as a table. */
function parseLines(text: Uint8Array): LineSymbols | undefined {
  const lines = countLines(text)
  const rows = {
    high: new Int32Array(lines),
    low: new Int32Array(lines),
    name: new Uint32Array(lines),
    rank: new Uint8Array(lines),
    length: 0,
  }
  // A name and its NUL are shorter than the line that the name stands in.
  const names = new Uint8Array(text.length + 1)
  let used = 0
  let textStart: number | undefined
  let anyAddress = false
  for (let p = 0; p < text.length; ) {
    // 16 hex digits as two 32-bit halves.
    let high = 0
    let low = 0
    const from = p
    for (; ; p++) {
      const digit = hexDigit(text[p] as number)
      if (digit < 0) break
      high = (high << 4) | (low >>> 28)
      low = (low << 4) | digit
    }
    const type = text[p + 1] as number
    const isCode = p > from && text[p] === 32 && text[p + 2] === 32 && isCodeType(type)
    if (isCode && rows.length < lines) {
      const name = used
      p += 3
      let byte = text[p] as number
      while (byte > 32) {
        names[used++] = byte
        byte = text[++p] as number
      }
      names[used++] = 0
      if ((low | high) !== 0) anyAddress = true
      const row = rows.length++
      rows.high[row] = high
      rows.low[row] = low
      rows.name[row] = name
      rows.rank[row] = rank.unsized | ((type | 32) === 119 ? rank.weak : type === 84 ? rank.global : 0)
      if (textStart === undefined && used - name === 6 && decodeName(names.subarray(name, used - 1)) === '_text') {
        textStart = signed(high, low)
      }
    }
    const end = text.indexOf(10, p)
    p = end < 0 ? text.length : end + 1
  }
  if (!anyAddress) return undefined
  return lineSymbols(ordered(rows), { names: names.slice(0, used), textStart })
}

/** Integers throughout, since numbers beyond 32 bits are objects until the engine has compiled the loop. */
interface Rows {
  readonly high: Int32Array
  readonly low: Int32Array
  readonly name: Uint32Array
  readonly rank: Uint8Array
  readonly length: number
}

/** 0xffffffff81000000 is -2130706432, which is exact. */
const signed = (high: number, low: number): number => high * 4_294_967_296 + (low >>> 0)

function ordered(rows: Rows): SymbolTable {
  const { high, low, length } = rows
  let lowest = low[0] as number
  let isNarrow = true
  for (let i = 0; i < length; i++) {
    if (high[i] !== high[0]) isNarrow = false
    // With the highest bit turned over signed numbers are in the order of unsigned ones.
    if (((low[i] as number) ^ 0x8000_0000) < (lowest ^ 0x8000_0000)) lowest = low[i] as number
  }
  return isNarrow ? orderedNarrow(rows, lowest) : orderedWide(rows)
}

/** All in 4 GiB, as on x86: pairs of row and distance are 64-bit numbers, which the engine sorts itself. */
function orderedNarrow(rows: Rows, lowest: number): SymbolTable {
  const { high, low, length } = rows
  const pairs = new Uint32Array(2 * length)
  for (let i = 0; i < length; i++) {
    pairs[2 * i] = i
    pairs[2 * i + 1] = (low[i] as number) - lowest
  }
  new BigUint64Array(pairs.buffer).sort()
  const start = new Uint32Array(length)
  const order = new Uint32Array(length)
  for (let i = 0; i < length; i++) {
    order[i] = pairs[2 * i] as number
    start[i] = pairs[2 * i + 1] as number
  }
  return inOrder(rows, order, { base: signed(high[0] as number, lowest), start })
}

/** Modules may be far from the kernel. */
function orderedWide(rows: Rows): SymbolTable {
  const address = Float64Array.from({ length: rows.length }, (_, i) =>
    signed(rows.high[i] as number, rows.low[i] as number),
  )
  const order = Uint32Array.from(address, (_, i) => i).sort((a, b) => (address[a] as number) - (address[b] as number))
  const base = address[order[0] as number] as number
  return inOrder(rows, order, { base, start: Float64Array.from(order, (row) => (address[row] as number) - base) })
}

function inOrder(
  { name, rank }: Rows,
  order: Uint32Array,
  { base, start }: { base: number; start: Uint32Array | Float64Array },
): SymbolTable {
  const names = new Uint32Array(order.length)
  const ranks = new Uint8Array(order.length)
  for (let i = 0; i < order.length; i++) {
    names[i] = name[order[i] as number] as number
    ranks[i] = rank[order[i] as number] as number
  }
  const size = new Uint32Array(order.length).fill(maxReachBytes)
  return symbolTable({ base, start, size, name: names, rank: ranks })
}

function lineSymbols(
  table: SymbolTable,
  { names, textStart }: { names: Uint8Array; textStart: number | undefined },
): LineSymbols {
  return {
    // Names are not compared: of aliases the last one wins, since only that one reaches to the next.
    find: (address) => table.find(address, () => ''),
    startAt: (symbol) => table.startAt(symbol),
    readName(symbol) {
      const from = table.nameAt(symbol)
      return decodeName(names.subarray(from, names.indexOf(0, from)))
    },
    textStart,
    bytes: table.bytes + names.length,
  }
}

function countLines(text: Uint8Array): number {
  let count = 1
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) count++
  return count
}
