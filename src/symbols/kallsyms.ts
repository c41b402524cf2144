// Symbols of the running kernel from /proc/kallsyms: 122 000 lines, not sorted, modules named after a tab.
//
//   ffffffff81000000 T _text
//   ffffffff8105f0a0 t __pi_memcpy
//   ffffffffc0a01000 t nf_conntrack_in	[nf_conntrack]
//
// All addresses zero means that kptr_restrict hides them and we lack CAP_SYSLOG (proc(5)).
import { decodeName, hexDigit } from './byte-source.ts'
import { rank, type SymbolTable, SymbolTableBuilder } from './symbol-table.ts'

export interface KernelSymbols {
  readonly table: SymbolTable
  readName(index: number): string
  /** Signed address of `_text`, to see whether another kernel was loaded elsewhere (KASLR). */
  readonly textStart: number | undefined
  /** Names kept in memory plus the table. */
  readonly bytes: number
}

/**
 * Symbols have no size here, so each reaches to the next; at most this far, so that the last one of the kernel does
 * not name the gigabyte before the modules. The longest kernel function is some tens of kilobytes.
 */
const maxReachBytes = 1 << 20

/**
 * @param text the file's bytes
 * @returns undefined when there is no text symbol with an address
 */
export function parseKallsyms(text: Uint8Array): KernelSymbols | undefined {
  const lines = countLines(text)
  const builder = new SymbolTableBuilder(lines)
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
    // T t W w: code. The rest is data, which no instruction pointer is in.
    const kind = type | 32
    const isCode = p > from && text[p] === 32 && text[p + 2] === 32 && (kind === 116 || kind === 119)
    if (isCode && builder.length < lines) {
      // As a signed double: 0xffffffff81000000 is -2130706432.
      const address = (high | 0) * 4_294_967_296 + (low >>> 0)
      const name = used
      p += 3
      let byte = text[p] as number
      while (byte > 32) {
        names[used++] = byte
        byte = text[++p] as number
      }
      names[used++] = 0
      if (address !== 0) anyAddress = true
      const bits = rank.unsized | (kind === 119 ? rank.weak : type === 84 ? rank.global : 0)
      builder.add(address, maxReachBytes, { name, rank: bits })
      if (textStart === undefined && used - name === 6 && decodeName(names.subarray(name, used - 1)) === '_text') {
        textStart = address
      }
    }
    const end = text.indexOf(10, p)
    p = end < 0 ? text.length : end + 1
  }
  if (!anyAddress) return undefined
  return kernelSymbols(builder.build(), { names: names.slice(0, used), textStart })
}

function kernelSymbols(
  table: SymbolTable,
  { names, textStart }: { names: Uint8Array; textStart: number | undefined },
): KernelSymbols {
  return {
    table,
    readName(index) {
      const from = table.nameAt(index)
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
