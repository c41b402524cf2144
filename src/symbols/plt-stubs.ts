// `puts@plt`: names for the stubs through which a program calls other files. They are in no symbol table;
// each stub jumps through a slot of the GOT, and the relocation of that slot knows the name.
//
//   401030: ff 25 e2 2f 00 00   jmp *0x2fe2(%rip)   # 404018
//   0000000000404018  0000000200000007 R_X86_64_JUMP_SLOT  puts@GLIBC_2.2.5
import { readBytes } from './byte-source.ts'
import { type Elf, type ElfSection, elf, sectionNamed, viewOf } from './elf.ts'
import { eachRelocation } from './elf-relocations.ts'

export interface PltStub {
  readonly address: number
  readonly size: number
  /** Offset in the string table of `.dynsym`; 0 where the target is known by address only. */
  readonly name: number
  /** Address of the function that chooses the target at start (STT_GNU_IFUNC), as in static programs. */
  readonly resolver?: number
}

/** libjvm, clang and node have 1 000 to 3 000 stubs; a table a hundred times as long is damage. */
const maxStubs = 300_000
const x64 = { globalData: 6, jumpSlot: 7, indirectRelative: 37 } as const

export function readPltStubs(file: Elf): PltStub[] {
  if (file.machine === elf.machineX64) return readX64Stubs(file)
  if (file.machine === elf.machineArm64) return readOrderedStubs(file, { header: 32, entry: 16 })
  return []
}

function readX64Stubs(file: Elf): PltStub[] {
  const plt = file.sections.filter(
    (section) =>
      section.flags & elf.sectionExecutable && section.type !== elf.nobits && /^\.plt(\.|$)/.test(section.name),
  )
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
  eachRelocation(file, relocations, ({ symbol }) => {
    const name = nameOfSymbol(file, relocations, symbol)
    if (name !== 0 && address + entry <= plt.address + plt.size) stubs.push({ address, size: entry, name })
    address += entry
  })
  return stubs
}

type Target = Pick<PltStub, 'name' | 'resolver'>

/** From the address of a GOT slot to what is put there. */
function targetsOfSlots(file: Elf, { all }: { all: boolean }): Map<number, Target> {
  const targets = new Map<number, Target>()
  for (const section of file.sections) {
    if (section.name !== '.rela.plt' && !(all && section.name === '.rela.dyn')) continue
    eachRelocation(file, section, ({ slot, type, symbol, addend }) => {
      if (targets.size >= maxStubs) return
      if (type === x64.indirectRelative) targets.set(slot, { name: 0, resolver: addend })
      if (type !== x64.globalData && type !== x64.jumpSlot) return
      const name = nameOfSymbol(file, section, symbol)
      if (name !== 0) targets.set(slot, { name })
    })
  }
  return targets
}

function nameOfSymbol(file: Elf, relocations: ElfSection, symbol: number): number {
  const symbols = file.sections[relocations.link]
  if (symbols?.type !== elf.dynsym || symbol === 0 || symbol * 24 >= symbols.size) return 0
  const row = readBytes(file.source, symbols.offset + symbol * 24, 4)
  return row.length === 4 ? viewOf(row).getUint32(0, true) : 0
}
