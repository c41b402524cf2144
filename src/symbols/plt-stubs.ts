// `puts@plt`: names for the stubs through which a program calls other files. They are in no symbol table;
// each stub jumps through a slot of the GOT, and the relocation of that slot knows the name.
//
//   401030: ff 25 e2 2f 00 00   jmp *0x2fe2(%rip)   # 404018
//   0000000000404018  0000000200000007 R_X86_64_JUMP_SLOT  puts@GLIBC_2.2.5
import { readBytes, readCString } from './byte-source.ts'
import { type Elf, type ElfSection, elf, sectionNamed, viewOf } from './elf.ts'
import { eachRelocation } from './elf-relocations.ts'
import type { ElfSymbols } from './elf-symbols.ts'
import { rank, symbolTable } from './symbol-table.ts'

/**
 * The stubs of a file as a table of symbols.
 * @param nameAt name of the function at an address of the file, for stubs whose target has no other
 */
export function readPltSymbols(file: Elf, nameAt: (address: number) => string | undefined): ElfSymbols | undefined {
  const stubs = readPltStubs(file).sort((a, b) => a.address - b.address)
  if (stubs.length === 0) return undefined
  const base = (stubs[0] as PltStub).address
  const table = symbolTable({
    base,
    start: Float64Array.from(stubs, ({ address }) => address - base),
    size: Uint32Array.from(stubs, ({ size }) => size),
    name: Uint32Array.from(stubs, (_, i) => i),
    rank: new Uint8Array(stubs.length).fill(rank.global),
  })
  const readName = (index: number): string => {
    const { symbol, resolver } = stubs[table.nameAt(index)] as PltStub
    return `${(resolver === undefined ? dynamicName(file, symbol) : nameAt(resolver)) ?? 'indirect'}@plt`
  }
  return { table, bytes: table.bytes + stubs.length * stubBytes, readName }
}

/** Begin and end of the code that holds stubs: the relocations that name them are read only for addresses in there. */
export function pltRanges({ sections }: Elf): (readonly [number, number])[] {
  return sections.filter(isPlt).map(({ address, size }) => [address, address + size])
}

const isPlt = ({ flags, type, name }: ElfSection): boolean =>
  (flags & elf.sectionExecutable) !== 0 && type !== elf.nobits && /^\.plt(\.|$)/.test(name)

function dynamicName(file: Elf, symbol: number): string | undefined {
  const symbols = file.sections.find((section) => section.type === elf.dynsym)
  const strings = symbols && file.sections[symbols.link]
  if (!strings || symbol * symbolBytes >= symbols.size) return undefined
  const row = readBytes(file.source, symbols.offset + symbol * symbolBytes, 4)
  const name = row.length === 4 ? viewOf(row).getUint32(0, true) : 0
  return name > 0 && name < strings.size ? readCString(file.source, strings.offset + name) : undefined
}

const symbolBytes = 24
/** What an object of three numbers takes. */
const stubBytes = 40

interface PltStub {
  readonly address: number
  readonly size: number
  /** Row of `.dynsym`; 0 where the target is known by address only. */
  readonly symbol: number
  /** Address of the function that chooses the target at start (STT_GNU_IFUNC), as in static programs. */
  readonly resolver?: number
}

/** libjvm, clang and node have 1 000 to 3 000 stubs; a table a hundred times as long is damage. */
const maxStubs = 300_000
/** R_AARCH64_JUMP_SLOT, R_AARCH64_IRELATIVE: one stub each. */
const arm64Stubs = [1026, 1032]
const x64 = { globalData: 6, jumpSlot: 7, indirectRelative: 37 } as const

function readPltStubs(file: Elf): PltStub[] {
  if (file.machine === elf.machineX64) return readX64Stubs(file)
  if (file.machine === elf.machineArm64) return readOrderedStubs(file, { header: 32, entry: 16 })
  return []
}

function readX64Stubs(file: Elf): PltStub[] {
  const plt = file.sections.filter(isPlt)
  if (plt.length === 0) return []
  // `.plt.got` jumps through slots that are filled at start (GLOB_DAT); those stand among many others in .rela.dyn.
  const targets = targetsOfSlots(file, { all: plt.some((section) => section.name === '.plt.got') })
  const stubs: PltStub[] = []
  for (const section of plt) {
    const bytes = readBytes(file.source, section.offset, Math.min(section.size, maxStubs * 16))
    const view = viewOf(bytes)
    const step = section.entrySize === 8 || (section.name === '.plt.got' && section.entrySize !== 16) ? 8 : 16
    for (let at = 0; at + 6 <= bytes.length; at += step) {
      // ff 25 disp32, after `endbr64` (4 bytes) or `bnd` (1 byte) in code built with -fcf-protection or -fcheck-pointer.
      for (let p = at; p + 6 <= Math.min(at + step, bytes.length); p++) {
        if (bytes[p] !== 0xff || bytes[p + 1] !== 0x25) continue
        const slot = section.address + p + 6 + view.getInt32(p + 2, true)
        const target = targets.get(slot)
        if (target) stubs.push({ address: section.address + at, size: step, ...target })
        break
      }
    }
  }
  return stubs
}

/** Stubs in the order of their relocations, after a header; so on arm64. */
function readOrderedStubs(file: Elf, { header, entry }: { header: number; entry: number }): PltStub[] {
  const plt = sectionNamed(file, '.plt')
  const relocations = sectionNamed(file, '.rela.plt')
  if (!plt || !relocations) return []
  const stubs: PltStub[] = []
  let address = plt.address + header
  eachRelocation(file, { section: relocations, types: arm64Stubs }, ({ symbol }) => {
    if (symbol !== 0 && address + entry <= plt.address + plt.size) stubs.push({ address, size: entry, symbol })
    address += entry
  })
  return stubs
}

type Target = Pick<PltStub, 'symbol' | 'resolver'>

/** From the address of a GOT slot to what is put there. */
function targetsOfSlots(file: Elf, { all }: { all: boolean }): Map<number, Target> {
  const targets = new Map<number, Target>()
  for (const section of file.sections) {
    if (section.name !== '.rela.plt' && !(all && section.name === '.rela.dyn')) continue
    eachRelocation(file, { section, types: Object.values(x64) }, ({ slot, type, symbol, addend }) => {
      if (targets.size >= maxStubs) return
      if (type === x64.indirectRelative) targets.set(slot, { symbol: 0, resolver: addend })
      else if (symbol !== 0) targets.set(slot, { symbol })
    })
  }
  return targets
}
