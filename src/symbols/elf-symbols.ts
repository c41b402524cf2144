// Function symbols of one ELF file: which rows of .symtab or .dynsym count, as perf's symbol-elf.c chooses them.
import { type ByteSource, memorySource, readBytes, readCString } from './byte-source.ts'
import { type Elf, type ElfSection, elf, readElf, sectionNamed } from './elf.ts'
import { readPltStubs } from './plt-stubs.ts'
import { rank, type SymbolTable, SymbolTableBuilder } from './symbol-table.ts'
import { unpackXz } from './xz.ts'

export interface ElfSymbols {
  readonly table: SymbolTable
  /** Name of a symbol of `table`, as in the file; read from it on demand. */
  readName(index: number): string
  /** Memory it takes. */
  readonly bytes: number
}

/** The name is that of a PLT stub and gets `@plt`. String tables stay below 1 GiB, so 30 bits remain. */
const pltName = 0x8000_0000
/** Not a name but the number of a stub whose target is known by address. */
const pltResolver = 0x4000_0000

/** Rows read at once: 96 kB of them stay in the second-level cache while they are looked through. */
const rowsPerRead = 4096
/** The largest table seen (a debug build of chromium) has 3 million rows; 16 million would need 200 MB. */
const maxRows = 16_000_000
/** String tables are read whole only to find ARM's mapping symbols. */
const maxStringBytes = 64 << 20

const hiddenOrInternal = (other: number): boolean => (other & 3) === 1 || (other & 3) === 2

/**
 * Symbols from the better of `.symtab` and `.dynsym`, and `name@plt` for the stubs.
 * @param file the file that has the symbols; for a separate debug file, that one
 * @param stubs the file that has the code, when it is another one
 */
export function readElfSymbols(file: Elf, { stubs = file }: { stubs?: Elf } = {}): ElfSymbols | undefined {
  const symbols = tableOfType(file, elf.symtab) ?? tableOfType(file, elf.dynsym)
  const plt = readPltStubs(stubs)
  const rows = symbols ? rowsOf(file, symbols) : 0
  const builder = new SymbolTableBuilder(rows + plt.length)
  const strings = symbols && file.sections[symbols.link]
  if (symbols && strings) addRows(file, { symbols, strings, rows, builder })
  // Stubs come last: where a zero-size `_init` stands before them, perf's tree finds the stub.
  const resolvers: number[] = []
  for (const { address, size, name, resolver } of plt) {
    const bits = resolver === undefined ? name : pltResolver | (resolvers.push(resolver) - 1)
    builder.add(address, size, { name: (pltName | bits) >>> 0, rank: rank.global })
  }
  if (builder.length === 0) return undefined
  const table = builder.build()
  const names = strings ?? { offset: 0, size: 0 }
  const dynamic = tableOfType(stubs, elf.dynsym)
  const dynamicNames = (dynamic && stubs.sections[dynamic.link]) ?? { offset: 0, size: 0 }
  const readName = (index: number): string => {
    const name = table.nameAt(index)
    if (name < pltName) return nameIn(file.source, names, name)
    if (!(name & pltResolver)) return `${nameIn(stubs.source, dynamicNames, name - pltName)}@plt`
    const target = table.find(resolvers[name & (pltResolver - 1)] ?? 0, readName)
    return target < 0 || table.nameAt(target) >= pltName ? 'indirect@plt' : `${readName(target)}@plt`
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

function nameIn(source: ByteSource, strings: { offset: number; size: number }, name: number): string {
  return name < strings.size ? readCString(source, strings.offset + name) : ''
}

function tableOfType(file: Elf, type: number): ElfSection | undefined {
  return file.sections.find((section) => section.type === type && section.size > 0)
}

const rowBytes = (file: Elf): number => (file.is64 ? 24 : 16)

function rowsOf(file: Elf, symbols: ElfSection): number {
  const bytes = Math.min(symbols.size, Math.max(0, file.source.size - symbols.offset))
  return Math.min(maxRows, Math.floor(bytes / rowBytes(file)))
}

interface Rows {
  readonly symbols: ElfSection
  readonly strings: ElfSection
  readonly rows: number
  readonly builder: SymbolTableBuilder
}

function addRows(file: Elf, { symbols, strings, rows, builder }: Rows): void {
  const words = rowBytes(file) / 4
  const buffer = new Uint32Array(words * Math.min(rows, rowsPerRead))
  const bytes = new Uint8Array(buffer.buffer)
  const codeEnd = file.sections.map((section) =>
    section.flags & elf.sectionExecutable ? section.address + section.size : 0,
  )
  const labels = file.sections.map((section) => section.name.includes('text'))
  const isMappingSymbol = mappingSymbols(file, strings)
  const isThumb = file.machine === elf.machineArm
  for (let row = 0; row < rows; row += rowsPerRead) {
    const count = Math.min(rowsPerRead, rows - row)
    const got = file.source.readInto(bytes.subarray(0, count * words * 4), symbols.offset + row * words * 4)
    for (let w = 0; w + words <= got / 4; w += words) {
      const name = buffer[w] as number
      // 64 bit: name u32, info u8, other u8, section u16, value u64, size u64. 32 bit: name, value, size, info…
      const kind = file.is64 ? (buffer[w + 1] as number) : (buffer[w + 3] as number)
      const type = kind & 0xf
      const section = kind >>> 16
      // STT_NOTYPE 0, STT_OBJECT 1, STT_FUNC 2, STT_GNU_IFUNC 10; section 0 is SHN_UNDEF, 0xfff1 SHN_ABS.
      if ((type > 2 && type !== 10) || section === 0 || name === 0 || name >= strings.size) continue
      const end = codeEnd[section] ?? 0
      if (end === 0) continue
      if (type === 0 && (!labels[section] || hiddenOrInternal((kind >>> 8) & 0xff))) continue
      if (type === 0 && isMappingSymbol(name)) continue
      let address = file.is64
        ? (buffer[w + 2] as number) + ((buffer[w + 3] as number) | 0) * 4_294_967_296
        : (buffer[w + 1] as number)
      // Thumb code has the lowest bit set as a flag (ELF for the Arm Architecture, 5.5.3).
      if (isThumb && type === 2) address -= address % 2
      const size = file.is64
        ? (buffer[w + 4] as number) + (buffer[w + 5] as number) * 4_294_967_296
        : (buffer[w + 2] as number)
      const bind = (kind >>> 4) & 0xf
      const bits = (bind === 1 ? rank.global : 0) | (bind === 2 ? rank.weak : 0) | (size === 0 ? rank.unsized : 0)
      builder.add(address, size || Math.max(0, end - address), { name, rank: bits })
    }
  }
}

/** `$x`, `$d.12`: marks of Arm assemblers, not functions (ELF for the Arm 64-bit Architecture, 5.5.2). */
function mappingSymbols(file: Elf, strings: ElfSection): (name: number) => boolean {
  if (file.machine !== elf.machineArm && file.machine !== elf.machineArm64) return () => false
  const text = readBytes(file.source, strings.offset, Math.min(strings.size, maxStringBytes))
  return (name) => {
    const third = text[name + 2]
    return (
      text[name] === 0x24 && 'adtx'.includes(String.fromCharCode(text[name + 1] ?? 0)) && (!third || third === 0x2e)
    )
  }
}
