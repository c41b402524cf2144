// The sections of DWARF debug information (https://dwarfstd.org, versions 2 to 5), packed ones (elf(5), SHF_COMPRESSED)
// unpacked when they are first read.
import { unzstd } from '../../profile/zstd.ts'
import { type ByteSource, memorySource, readBytes } from '../byte-source.ts'
import { type Elf, type ElfSection, elf, sectionNamed, u64, viewOf } from '../elf.ts'

export interface DwarfSections {
  /** Entries (DIEs) of all units. */
  readonly info: ByteSource
  /** What entries look like. */
  readonly abbrev: ByteSource
  readonly str: ByteSource
  readonly lineStr: ByteSource
  readonly strOffsets: ByteSource
  readonly addr: ByteSource
  /** Address ranges of units; only gcc writes it. */
  readonly aranges: ByteSource
  /** Address ranges of versions 2 to 4. */
  readonly ranges: ByteSource
  /** Address ranges of version 5. */
  readonly rnglists: ByteSource
  /** Which source line addresses belong to. */
  readonly line: ByteSource
  /** Memory that unpacked sections take. */
  readonly bytes: number
}

/** What packed sections of one file may take together; Debian's largest, of Chromium, are several gigabytes. */
const maxUnpackedBytes = 256 << 20
/** Elf64_Chdr: {u32 type, u32 reserved, u64 size, u64 alignment}. */
const headerBytes = 24
const zlibType = 1
const zstdType = 2

/** @returns undefined when the file has none, or is of 32 bits */
export function readDwarfSections(file: Elf): DwarfSections | undefined {
  const info = sectionNamed(file, '.debug_info')
  if (!file.is64 || !info || info.size === 0) return undefined
  const memory = { bytes: 0 }
  const source = (name: string): ByteSource => sourceOf(file, sectionNamed(file, name), memory)
  return {
    info: source('.debug_info'),
    abbrev: source('.debug_abbrev'),
    str: source('.debug_str'),
    lineStr: source('.debug_line_str'),
    strOffsets: source('.debug_str_offsets'),
    addr: source('.debug_addr'),
    aranges: source('.debug_aranges'),
    ranges: source('.debug_ranges'),
    rnglists: source('.debug_rnglists'),
    line: source('.debug_line'),
    get bytes() {
      return memory.bytes
    },
  }
}

const nothing = memorySource(new Uint8Array(0))

function sourceOf(file: Elf, section: ElfSection | undefined, memory: { bytes: number }): ByteSource {
  if (!section) return nothing
  const { source } = file
  const { offset, size } = section
  if (!(section.flags & elf.sectionCompressed)) {
    return {
      size,
      readInto(target, at) {
        if (!(at >= 0) || at >= size) return 0
        return source.readInto(target.length > size - at ? target.subarray(0, size - at) : target, offset + at)
      },
    }
  }
  const header = readBytes(source, offset, headerBytes)
  if (header.length < headerBytes) return nothing
  const view = viewOf(header)
  const type = view.getUint32(0, true)
  const unpackedBytes = u64(view, 8)
  if (!(unpackedBytes > 0) || unpackedBytes > maxUnpackedBytes) return nothing
  let unpacked: ByteSource | undefined
  return {
    size: unpackedBytes,
    readInto(target, at) {
      if (!unpacked) {
        const room = Math.min(unpackedBytes, maxUnpackedBytes - memory.bytes)
        const packed = readBytes(source, offset + headerBytes, size - headerBytes)
        unpacked = memorySource(unpack(packed, type, room) ?? new Uint8Array(0))
        memory.bytes += unpacked.size
      }
      return unpacked.readInto(target, at)
    },
  }
}

function unpack(packed: Uint8Array, type: number, maxBytes: number): Uint8Array | undefined {
  if (maxBytes <= 0) return undefined
  // Not imported: loading it takes longer than most files take, and packed sections are rare.
  const { inflateSync, zstdDecompressSync } = process.getBuiltinModule('node:zlib')
  try {
    if (type === zlibType) return inflateSync(packed, { maxOutputLength: maxBytes })
    if (type !== zstdType) return undefined
    // Node 20, which an installed package may run on, has no zstd of its own.
    if (zstdDecompressSync as unknown) return zstdDecompressSync(packed, { maxOutputLength: maxBytes })
    return unzstd(packed, { maxBytes }).bytes
  } catch {
    // Damaged, or larger than it says: then there are no inlined calls, and symbols name the functions.
    return undefined
  }
}
