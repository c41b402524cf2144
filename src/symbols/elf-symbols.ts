// Function symbols of one ELF file: which rows of .symtab or .dynsym count, as perf's symbol-elf.c chooses them.

import { release } from '../profile/perf-data/release.ts'
import { AskedSymbols } from './asked-symbols.ts'
import { memorySource, readBytes, readCString } from './byte-source.ts'
import { type Elf, type ElfSection, elf, readElf, sectionNamed } from './elf.ts'
import { maxSize, rank, type SymbolTable, symbolTable } from './symbol-table.ts'
import { unpackXz } from './xz.ts'

export interface ElfSymbols {
  readonly table: SymbolTable
  /** Name of a symbol of `table`, as in the file; read from it on demand. */
  readName(index: number): string
  /** Memory it takes. */
  readonly bytes: number
}

/** Rows of 24 bytes that are held while a table is made. The largest met, a debug build of Chromium, has 3 million. */
const maxRows = 4_000_000
const rowWords = 6
/** String tables are read whole only to find Arm's mapping symbols. */
const maxStringBytes = 64 << 20

/**
 * Symbols from the better of `.symtab` and `.dynsym`; undefined when there are none.
 * @param addresses ascending; where given, the table answers for these alone and takes a fifth of the time
 */
export function readElfSymbols(file: Elf, addresses?: Float64Array): ElfSymbols | undefined {
  const symbols = tableOfType(file, elf.symtab) ?? tableOfType(file, elf.dynsym)
  const strings = symbols && file.sections[symbols.link]
  if (!symbols || !strings) return undefined
  const rows = readRows(file, symbols)
  const code = codeSections(file)
  const asked = addresses && new AskedSymbols(addresses, code)
  const pairs = orderedCode(rows, { code, isMark: mappingSymbols(file, strings), asked })
  if (pairs.length === 0) return undefined
  const table = gather(rows, code, pairs)
  release(rows, pairs)
  const readName = (index: number): string => {
    const name = table.nameAt(index)
    return name < strings.size ? readCString(file.source, strings.offset + name) : ''
  }
  return { table, bytes: table.bytes, readName }
}

/** Packed symbols are 0.1 to 1 MB; unpacked five times that. */
const maxPackedBytes = 32 << 20
const maxUnpackedBytes = 64 << 20

/** Local functions from `.gnu_debugdata`: an .xz with a small ELF file that Fedora, RHEL and UBI put into stripped ones. */
export function readEmbeddedSymbols(file: Elf): ElfSymbols | undefined {
  const section = sectionNamed(file, '.gnu_debugdata')
  if (!section || section.size > maxPackedBytes) return undefined
  try {
    const bytes = unpackXz(readBytes(file.source, section.offset, section.size), { maxBytes: maxUnpackedBytes })
    const inner = readElf(memorySource(bytes))
    const symbols = inner && readElfSymbols(inner)
    return symbols && { ...symbols, bytes: symbols.bytes + bytes.length }
  } catch {
    // Damaged, or of a size that only an attack has: what the file exports is still named.
    return undefined
  }
}

/** Whether a file has a full symbol table, not only what it exports. */
export const hasSymtab = (file: Elf): boolean => tableOfType(file, elf.symtab) !== undefined

function tableOfType(file: Elf, type: number): ElfSection | undefined {
  return file.sections.find((section) => section.type === type && section.size > 0)
}

/** Rows as 64-bit files have them: name u32, info u8, other u8, section u16, value u64, size u64. */
function readRows(file: Elf, symbols: ElfSection): Uint32Array {
  const rowBytes = file.is64 ? 24 : 16
  const count = Math.min(maxRows, Math.floor(symbols.size / rowBytes))
  const words = new Uint32Array((count * rowBytes) / 4)
  file.source.readInto(new Uint8Array(words.buffer), symbols.offset)
  const rows = file.is64 ? words : widened(words)
  // Thumb code has the lowest bit of its address set as a flag (ELF for the Arm Architecture, 5.5.3).
  if (file.machine === elf.machineArm) {
    for (let w = 0; w < rows.length; w += rowWords) rows[w + 2] = ((rows[w + 2] as number) & ~1) >>> 0
  }
  return rows
}

/** 32-bit files have: name, value, size, info u8, other u8, section u16. */
function widened(words: Uint32Array): Uint32Array {
  const rows = new Uint32Array((words.length / 4) * rowWords)
  for (let from = 0, to = 0; from < words.length; from += 4, to += rowWords) {
    rows[to] = words[from] as number
    rows[to + 1] = words[from + 3] as number
    rows[to + 2] = words[from + 1] as number
    rows[to + 4] = words[from + 2] as number
  }
  return rows
}

interface CodeSections {
  /** Lowest address of code. */
  readonly base: number
  /** How far the end of the code is from it. */
  readonly span: number
  /** By section number: where its code ends, from `base`; 0 = it has none. */
  readonly end: Uint32Array
  /** Whether labels without a type count there, too: hand-written code. */
  readonly hasLabels: Uint8Array
}

/** A row names its section in 16 bits. The same for all files: making them anew for each takes longer than its sort. */
const sectionEnd = new Uint32Array(65_536)
const sectionHasLabels = new Uint8Array(65_536)

/** Of one file at a time. */
function codeSections({ sections }: Elf): CodeSections {
  const isCode = ({ flags, size }: ElfSection) => (flags & elf.sectionExecutable) !== 0 && size > 0
  const code = sections.filter(isCode)
  const base = Math.min(...code.map(({ address }) => address))
  const span = Math.min(maxSize, Math.max(0, ...code.map(({ address, size }) => address + size - base)))
  const end = sectionEnd.fill(0)
  const hasLabels = sectionHasLabels.fill(0)
  sections.forEach((section, i) => {
    if (!isCode(section)) return
    end[i] = Math.min(span, section.address + section.size - base)
    if (section.name.includes('text')) hasLabels[i] = 1
  })
  return { base, span, end, hasLabels }
}

/** Bit n: symbols of type n are code or stand in it. STT_OBJECT 1, STT_FUNC 2, STT_GNU_IFUNC 10. */
const codeTypes = (1 << 1) | (1 << 2) | (1 << 10)
/** So that the engine, which compiles what is called often, has compiled the loop long before a large table ends. */
const rowsPerStep = 2048

interface Wanted {
  readonly code: CodeSections
  readonly isMark: ((name: number) => boolean) | undefined
  readonly asked: AskedSymbols | undefined
}

/**
 * Rows of code by address, as pairs of words: row, address from `base`. Each pair is one 64-bit number, which the engine
 * sorts itself, without a comparison in JavaScript; equal addresses keep their order.
 */
function orderedCode(rows: Uint32Array, wanted: Wanted): Uint32Array {
  const pairs = new Uint32Array(rows.length / 3)
  const count = rows.length / rowWords
  let length = 0
  for (let row = 0; row < count; row += rowsPerStep) {
    const step = rows.subarray(row * rowWords, (row + rowsPerStep) * rowWords)
    length = addCode(step, wanted, { pairs, length, row })
  }
  if (wanted.asked) length = wanted.asked.addNearest(pairs, length)
  new BigUint64Array(pairs.buffer, 0, length / 2).sort()
  return pairs.subarray(0, length)
}

/** @returns the new length of `pairs` */
function addCode(
  rows: Uint32Array,
  { code: { base, span, end, hasLabels }, isMark, asked }: Wanted,
  { pairs, length, row }: { pairs: Uint32Array; length: number; row: number },
): number {
  const baseHigh = Math.floor(base / 4_294_967_296) | 0
  const baseLow = base >>> 0
  for (let w = 0; w < rows.length; row++, w += rowWords) {
    const kind = rows[w + 1] as number
    if (end[kind >>> 16] === 0 || rows[w] === 0) continue
    if (((codeTypes >>> (kind & 0xf)) & 1) === 0) {
      const isLabel = (kind & 0xf) === 0 && hasLabels[kind >>> 16] !== 0 && !isHiddenOrInternal(kind)
      if (!isLabel || isMark?.(rows[w] as number)) continue
    }
    const low = rows[w + 2] as number
    const from = (low - baseLow) >>> 0
    // The high half may be one more where the code crosses a multiple of 4 GiB.
    if (from >= span || ((rows[w + 3] as number) | 0) !== baseHigh + (low < baseLow ? 1 : 0)) continue
    if (asked !== undefined && !asked.isCovering(from, sizeOf(rows, w), row)) continue
    pairs[length] = row
    pairs[length + 1] = from
    length += 2
  }
  return length
}

function gather(rows: Uint32Array, { base, end }: CodeSections, pairs: Uint32Array): SymbolTable {
  const length = pairs.length / 2
  const start = new Uint32Array(length)
  const size = new Uint32Array(length)
  const name = new Uint32Array(length)
  const ranks = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const w = (pairs[2 * i] as number) * rowWords
    const from = pairs[2 * i + 1] as number
    const kind = rows[w + 1] as number
    const bytes = sizeOf(rows, w)
    start[i] = from
    size[i] = bytes !== 0 ? bytes : Math.max(0, (end[kind >>> 16] as number) - from)
    name[i] = rows[w] as number
    // STB_GLOBAL 1, STB_WEAK 2.
    const bind = (kind >>> 4) & 0xf
    ranks[i] = (bind === 1 ? rank.global : 0) | (bind === 2 ? rank.weak : 0) | (bytes === 0 ? rank.unsized : 0)
  }
  return symbolTable({ base, start, size, name, rank: ranks })
}

const sizeOf = (rows: Uint32Array, w: number): number => (rows[w + 5] === 0 ? (rows[w + 4] as number) : maxSize)

/** STV_HIDDEN and STV_INTERNAL in the second byte of a row's second word. */
const isHiddenOrInternal = (kind: number): boolean => ((kind >>> 8) & 3) === 1 || ((kind >>> 8) & 3) === 2

/** `$x`, `$d.12`: marks of Arm assemblers, not functions (ELF for the Arm 64-bit Architecture, 5.5.2). */
function mappingSymbols(file: Elf, strings: ElfSection): ((name: number) => boolean) | undefined {
  if (file.machine !== elf.machineArm && file.machine !== elf.machineArm64) return undefined
  const text = readBytes(file.source, strings.offset, Math.min(strings.size, maxStringBytes))
  return (name) => {
    const third = text[name + 2]
    return (
      text[name] === 0x24 && 'adtx'.includes(String.fromCharCode(text[name + 1] ?? 0)) && (!third || third === 0x2e)
    )
  }
}
