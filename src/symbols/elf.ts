// The frame of an ELF file (elf(5)): sections, loadable segments, build-id; and the way from file offset to address.
// Little-endian, 32 and 64 bit, which is every machine that Node runs containers on.
import { type ByteSource, decodeName, readBytes } from './byte-source.ts'

export interface ElfSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly address: number
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly entrySize: number
}

export interface ElfSegment {
  readonly type: number
  readonly flags: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
}

export interface Elf {
  readonly source: ByteSource
  readonly is64: boolean
  readonly machine: number
  readonly sections: readonly ElfSection[]
  readonly segments: readonly ElfSegment[]
  /** Lower-case hex of NT_GNU_BUILD_ID. */
  readonly buildId: string | undefined
}

/** Names of elf(5) and /usr/include/elf.h. */
export const elf = {
  ptLoad: 1,
  ptNote: 4,
  segmentExecutable: 1,
  symtab: 2,
  rela: 4,
  note: 7,
  nobits: 8,
  rel: 9,
  dynsym: 11,
  sectionExecutable: 4,
  sectionCompressed: 0x800,
  machine386: 3,
  machineArm: 40,
  machineX64: 62,
  machineArm64: 183,
} as const

/** More than any linker writes (node has 42; -ffunction-sections objects have thousands): beyond is damage. */
const maxSections = 65_536
const maxSegments = 1024
const maxSectionNameBytes = 4 << 20
/** Notes hold ids and properties, some kilobytes; node's own 20 kB of build attributes are the largest seen. */
const maxNoteBytes = 64 << 10

/** @returns undefined when the bytes are not a little-endian ELF file */
export function readElf(source: ByteSource): Elf | undefined {
  const head = readBytes(source, 0, 64)
  if (head.length < 52 || head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) return undefined
  const is64 = head[4] === 2
  if ((!is64 && head[4] !== 1) || head[5] !== 1 || (is64 && head.length < 64)) return undefined
  const view = viewOf(head)
  const segmentTable = is64 ? u64(view, 32) : view.getUint32(28, true)
  const sectionTable = is64 ? u64(view, 40) : view.getUint32(32, true)
  const counts = is64 ? 54 : 42
  const segments = readSegments(source, { is64, at: segmentTable, count: view.getUint16(counts + 2, true) })
  const sections = readSections(source, {
    is64,
    at: sectionTable,
    count: view.getUint16(counts + 6, true),
    names: view.getUint16(counts + 8, true),
  })
  const machine = view.getUint16(18, true)
  return { source, is64, machine, sections, segments, buildId: readBuildId(source, sections, segments) }
}

/** Where byte `offset` of the file is in memory, before relocation; undefined outside the loaded segments. */
export function addressOfOffset(file: Elf, offset: number): number | undefined {
  for (const segment of file.segments) {
    if (segment.type === elf.ptLoad && offset >= segment.offset && offset < segment.offset + segment.fileSize) {
      return offset - segment.offset + segment.address
    }
  }
  return undefined
}

/** The way back: which byte of the file is loaded at `address`. */
export function offsetOfAddress(file: Elf, address: number): number | undefined {
  for (const segment of file.segments) {
    if (segment.type === elf.ptLoad && address >= segment.address && address < segment.address + segment.fileSize) {
      return address - segment.address + segment.offset
    }
  }
  return undefined
}

export function sectionNamed(file: Elf, name: string): ElfSection | undefined {
  return file.sections.find((section) => section.name === name && section.type !== elf.nobits)
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** 64 bits as a double of the signed value: offsets, user and kernel addresses (negative) are all exact. */
export const u64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getInt32(at + 4, true) * 4_294_967_296

interface TableAt {
  readonly is64: boolean
  readonly at: number
  readonly count: number
}

function readSegments(source: ByteSource, { is64, at, count }: TableAt): ElfSegment[] {
  const entry = is64 ? 56 : 32
  const bytes = readBytes(source, at, Math.min(count, maxSegments) * entry)
  const view = viewOf(bytes)
  const segments: ElfSegment[] = []
  for (let p = 0; p + entry <= bytes.length; p += entry) {
    segments.push(
      is64
        ? {
            type: view.getUint32(p, true),
            flags: view.getUint32(p + 4, true),
            offset: u64(view, p + 8),
            address: u64(view, p + 16),
            fileSize: u64(view, p + 32),
          }
        : {
            type: view.getUint32(p, true),
            flags: view.getUint32(p + 24, true),
            offset: view.getUint32(p + 4, true),
            address: view.getUint32(p + 8, true),
            fileSize: view.getUint32(p + 16, true),
          },
    )
  }
  return segments.map((segment) => ({ ...segment, fileSize: within(source, segment.offset, segment.fileSize) }))
}

/** So much of what a damaged file claims as is there. */
function within(source: ByteSource, offset: number, size: number): number {
  return offset >= 0 && size > 0 ? Math.max(0, Math.min(size, source.size - offset)) : 0
}

function readSections(source: ByteSource, { is64, at, count, names }: TableAt & { names: number }): ElfSection[] {
  const entry = is64 ? 64 : 40
  if (at === 0) return []
  // With 65 280 sections and more the real numbers stand in section 0 (elf(5), e_shnum and e_shstrndx).
  const first = viewOf(readBytes(source, at, entry))
  if (first.byteLength < entry) return []
  if (count === 0) count = is64 ? u64(first, 32) : first.getUint32(20, true)
  if (names === 0xffff) names = first.getUint32(is64 ? 40 : 24, true)
  const bytes = readBytes(source, at, Math.min(count, maxSections) * entry)
  const view = viewOf(bytes)
  const sections: (ElfSection & { nameAt: number })[] = []
  for (let p = 0; p + entry <= bytes.length; p += entry) {
    const nameAt = view.getUint32(p, true)
    const type = view.getUint32(p + 4, true)
    sections.push(
      is64
        ? {
            name: '',
            nameAt,
            type,
            flags: view.getUint32(p + 8, true),
            address: u64(view, p + 16),
            offset: u64(view, p + 24),
            size: u64(view, p + 32),
            link: view.getUint32(p + 40, true),
            entrySize: u64(view, p + 56),
          }
        : {
            name: '',
            nameAt,
            type,
            flags: view.getUint32(p + 8, true),
            address: view.getUint32(p + 12, true),
            offset: view.getUint32(p + 16, true),
            size: view.getUint32(p + 20, true),
            link: view.getUint32(p + 24, true),
            entrySize: view.getUint32(p + 36, true),
          },
    )
  }
  const table = sections[names]
  const text = table ? readBytes(source, table.offset, Math.min(table.size, maxSectionNameBytes)) : new Uint8Array(0)
  return sections.map(({ nameAt, ...section }) => {
    const end = text.indexOf(0, nameAt)
    // Code that was left out of a debug file keeps its size.
    const size = section.type === elf.nobits ? section.size : within(source, section.offset, section.size)
    const name = nameAt < text.length ? decodeName(text.subarray(nameAt, end < 0 ? nameAt : end)) : ''
    return { ...section, size, name }
  })
}

/** Looks in note sections, then in PT_NOTE: stripped files have no sections, debug files have empty segments. */
function readBuildId(source: ByteSource, sections: ElfSection[], segments: ElfSegment[]): string | undefined {
  for (const section of sections) {
    if (section.type !== elf.note) continue
    const id = buildIdOfNotes(readBytes(source, section.offset, Math.min(section.size, maxNoteBytes)))
    if (id) return id
  }
  for (const segment of segments) {
    if (segment.type !== elf.ptNote) continue
    const id = buildIdOfNotes(readBytes(source, segment.offset, Math.min(segment.fileSize, maxNoteBytes)))
    if (id) return id
  }
  return undefined
}

/** `{u32 nameSize=4, u32 size, u32 type=3, "GNU\0", id}`, each part padded to 4 bytes. */
export function buildIdOfNotes(notes: Uint8Array): string | undefined {
  const view = viewOf(notes)
  let p = 0
  while (p + 12 <= notes.length) {
    const nameSize = view.getUint32(p, true)
    const size = view.getUint32(p + 4, true)
    const type = view.getUint32(p + 8, true)
    const at = p + 12 + align4(nameSize)
    if (at + size > notes.length) return undefined
    // 0x00554e47 is "GNU\0".
    if (type === 3 && nameSize === 4 && view.getUint32(p + 12, true) === 0x00554e47) {
      return Array.from(notes.subarray(at, at + size), (byte) => byte.toString(16).padStart(2, '0')).join('')
    }
    p = at + align4(size)
  }
  return undefined
}

const align4 = (size: number): number => Math.ceil(size / 4) * 4
