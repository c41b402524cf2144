// Rows of a relocation table (elf(5), Elf64_Rela): which word of memory gets which symbol's address or which number.
import { type Elf, type ElfSection, elf, u64 } from './elf.ts'

export interface Relocation {
  /** Address of the word. */
  slot: number
  type: number
  /** Row of the linked symbol table, 0 = none. */
  symbol: number
  addend: number
}

/** `.rela.dyn` of a large PIE holds a million rows, 24 MB; it is looked through in pieces of 96 kB. */
const maxRows = 16_000_000
const rowsPerRead = 4096
/** Those of arm64 begin at 1024. */
const maxType = 2047
const rowBytes = 24
const rowWords = 6

/**
 * @param types of relocations that are wanted; most rows of a large table are of others
 * @param visit gets the same object each time
 */
export function eachRelocation(
  file: Elf,
  { section, types }: { section: ElfSection; types: readonly number[] },
  visit: (relocation: Relocation) => void,
): void {
  if (!file.is64 || section.type !== elf.rela) return
  const isWanted = new Uint8Array(maxType + 1)
  for (const type of types) isWanted[type] = 1
  const relocation = { slot: 0, type: 0, symbol: 0, addend: 0 }
  const words = new Uint32Array(rowsPerRead * rowWords)
  const bytes = new Uint8Array(words.buffer)
  const view = new DataView(words.buffer)
  const count = Math.min(maxRows, Math.floor(section.size / rowBytes))
  for (let first = 0; first < count; first += rowsPerRead) {
    const rows = Math.min(rowsPerRead, count - first)
    const got = file.source.readInto(bytes.subarray(0, rows * rowBytes), section.offset + first * rowBytes)
    // slot u64, type u32, symbol u32, addend i64
    for (let w = 0; w + rowWords <= got >>> 2; w += rowWords) {
      const type = words[w + 2] as number
      if (type > maxType || isWanted[type] === 0) continue
      relocation.slot = u64(view, w * 4)
      relocation.type = type
      relocation.symbol = words[w + 3] as number
      relocation.addend = u64(view, w * 4 + 16)
      visit(relocation)
    }
    if (got < rows * rowBytes) return
  }
}
