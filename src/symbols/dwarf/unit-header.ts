// What a unit of .debug_info begins with (DWARF 5 section 7.5.1).
//
//   length u32, version u16, [type u8, address size u8,] abbreviations u32[, address size u8], entries
import { type ByteSource, readBytes } from '../byte-source.ts'
import { DwarfCursor } from './cursor.ts'
import type { UnitBytes } from './entries.ts'

export interface UnitHeader extends UnitBytes {
  /** Offset of its abbreviations. */
  readonly abbreviations: number
  /** Offset of its first entry. */
  readonly first: number
  /** Before version 5 a partial unit, which others include, is only told by its first entry. */
  readonly kind: 'code' | 'partial' | 'types' | 'skeleton' | 'unknown'
}

/** The longest header: length of 12 bytes, version, type, sizes, two times 8 bytes. */
const maxHeaderBytes = 40
/** DW_UT_*: compile and partial units hold functions, skeletons say in which other file those are. */
const unitType = { compile: 1, partial: 3, skeleton: 4 } as const

/** @returns undefined where there is none, or it is longer than the section */
export function readUnitHeader(info: ByteSource, offset: number): UnitHeader | undefined {
  const cursor = new DwarfCursor(readBytes(info, offset, maxHeaderBytes))
  let length = cursor.u32()
  const is64 = length === 0xffff_ffff
  if (is64) length = cursor.u64()
  const end = offset + cursor.at + length
  const version = cursor.u16()
  if (cursor.isPast || !(length > 2) || !(end <= info.size)) return undefined
  const type = version >= 5 ? cursor.u8() : unitType.compile
  let addressBytes = version >= 5 ? cursor.u8() : 0
  const abbreviations = cursor.offset(is64)
  if (version < 5) addressBytes = cursor.u8()
  // The id of the file that holds the rest.
  if (type === unitType.skeleton) cursor.at += 8
  const isKnown = version >= 2 && version <= 5 && addressBytes === 8
  return {
    offset,
    end,
    version,
    is64,
    abbreviations,
    first: offset + cursor.at,
    kind: isKnown ? kindOf(type) : 'unknown',
  }
}

function kindOf(type: number): UnitHeader['kind'] {
  if (type === unitType.compile) return 'code'
  if (type === unitType.partial) return 'partial'
  return type === unitType.skeleton ? 'skeleton' : 'types'
}
