// `puts@plt`: names for the stubs through which a program calls other files. They are in no symbol table;
// each stub jumps through a slot of the GOT, and the relocation of that slot knows the name.
//
//   401030: ff 25 e2 2f 00 00   jmp *0x2fe2(%rip)   # 404018
//   0000000000404018  0000000200000007 R_X86_64_JUMP_SLOT  puts@GLIBC_2.2.5
import { readBytes } from './byte-source.ts'
import { type Elf, type ElfSection, elf, sectionNamed, u64, viewOf } from './elf.ts'

export interface PltStub {
  readonly address: number
  readonly size: number
  /** Offset in the string table of `.dynsym`. */
  readonly name: number
}

/** libjvm, clang and node have 1 000 to 3 000 stubs; a table a hundred times as long is damage. */
const maxStubs = 300_000
/** `.rela.dyn` of a large PIE holds a million relative relocations, 24 MB; it is looked through in pieces. */
const maxRelocations = 4_000_000
const relocationsPerRead = 4096

const x64 = { globalData: 6, jumpSlot: 7 } as const

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
  const names = namesOfSlots(file, { all: plt.some((section) => section.name === '.plt.got') })
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
        const name = names.get(slot)
        if (name !== undefined) stubs.push({ address: section.address + at, size: step, name })
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
  eachRelocation(file, relocations, (_slot, _type, name) => {
    const address = plt.address + header + stubs.length * entry
    if (address + entry <= plt.address + plt.size) stubs.push({ address, size: entry, name })
  })
  return stubs.filter((stub) => stub.name !== 0)
}

/** From the address of a GOT slot to the name that is put there. */
function namesOfSlots(file: Elf, { all }: { all: boolean }): Map<number, number> {
  const names = new Map<number, number>()
  for (const section of file.sections) {
    if (section.type !== elf.rela || !(section.name === '.rela.plt' || (all && section.name === '.rela.dyn'))) continue
    eachRelocation(file, section, (slot, type, name) => {
      if ((type === x64.globalData || type === x64.jumpSlot) && name !== 0 && names.size < maxStubs) {
        names.set(slot, name)
      }
    })
  }
  return names
}

/** Rows of 24 bytes: slot u64, type u32, symbol u32, addend i64. */
function eachRelocation(
  file: Elf,
  section: ElfSection,
  visit: (slot: number, type: number, name: number) => void,
): void {
  const symbols = file.sections[section.link]
  if (!file.is64 || symbols?.type !== elf.dynsym) return
  const count = Math.min(maxRelocations, Math.floor(section.size / 24))
  for (let first = 0; first < count; first += relocationsPerRead) {
    const rows = Math.min(relocationsPerRead, count - first)
    const bytes = readBytes(file.source, section.offset + first * 24, rows * 24)
    const view = viewOf(bytes)
    for (let p = 0; p + 24 <= bytes.length; p += 24) {
      const symbol = view.getUint32(p + 12, true)
      const type = view.getUint32(p + 8, true)
      let name = 0
      if (symbol !== 0 && symbol * 24 < symbols.size) {
        const row = readBytes(file.source, symbols.offset + symbol * 24, 4)
        if (row.length === 4) name = viewOf(row).getUint32(0, true)
      }
      visit(u64(view, p), type, name)
    }
    if (bytes.length < rows * 24) return
  }
}
