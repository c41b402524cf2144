// Rows of a relocation table (elf(5), Elf64_Rela): which word of memory gets which symbol's address or which number.
import { readBytes } from './byte-source.ts'
import { type Elf, type ElfSection, elf, u64, viewOf } from './elf.ts'

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
const rowBytes = 24

/** @param visit gets the same object each time */
export function eachRelocation(file: Elf, section: ElfSection, visit: (relocation: Relocation) => void): void {
  if (!file.is64 || section.type !== elf.rela) return
  const relocation = { slot: 0, type: 0, symbol: 0, addend: 0 }
  const count = Math.min(maxRows, Math.floor(section.size / rowBytes))
  for (let first = 0; first < count; first += rowsPerRead) {
    const rows = Math.min(rowsPerRead, count - first)
    const bytes = readBytes(file.source, section.offset + first * rowBytes, rows * rowBytes)
    const view = viewOf(bytes)
    for (let p = 0; p + rowBytes <= bytes.length; p += rowBytes) {
      relocation.slot = u64(view, p)
      relocation.type = view.getUint32(p + 8, true)
      relocation.symbol = view.getUint32(p + 12, true)
      relocation.addend = u64(view, p + 16)
      visit(relocation)
    }
    if (bytes.length < rows * rowBytes) return
  }
}
