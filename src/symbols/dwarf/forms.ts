// How values of attributes are written (DWARF 5 section 7.5.6).
import type { DwarfCursor } from './cursor.ts'

/** How wide some values are in a unit. */
export interface UnitShape {
  readonly version: number
  readonly is64: boolean
}

/** DW_FORM_*; those of GNU are of dwz and of split DWARF before version 5. */
export const form = {
  addr: 0x01,
  block2: 0x03,
  block4: 0x04,
  data2: 0x05,
  data4: 0x06,
  data8: 0x07,
  string: 0x08,
  block: 0x09,
  block1: 0x0a,
  data1: 0x0b,
  flag: 0x0c,
  sdata: 0x0d,
  strp: 0x0e,
  udata: 0x0f,
  refAddr: 0x10,
  ref1: 0x11,
  ref2: 0x12,
  ref4: 0x13,
  ref8: 0x14,
  refUdata: 0x15,
  indirect: 0x16,
  secOffset: 0x17,
  exprloc: 0x18,
  flagPresent: 0x19,
  strx: 0x1a,
  addrx: 0x1b,
  refSup4: 0x1c,
  strpSup: 0x1d,
  data16: 0x1e,
  lineStrp: 0x1f,
  refSig8: 0x20,
  implicitConst: 0x21,
  loclistx: 0x22,
  rnglistx: 0x23,
  refSup8: 0x24,
  strx1: 0x25,
  strx2: 0x26,
  strx3: 0x27,
  strx4: 0x28,
  addrx1: 0x29,
  addrx2: 0x2a,
  addrx3: 0x2b,
  addrx4: 0x2c,
  gnuRefAlt: 0x1f20,
  gnuStrpAlt: 0x1f21,
} as const

const fixed = new Map<number, number>([
  [form.addr, 8],
  [form.data1, 1],
  [form.data2, 2],
  [form.data4, 4],
  [form.data8, 8],
  [form.data16, 16],
  [form.flag, 1],
  [form.flagPresent, 0],
  [form.implicitConst, 0],
  [form.ref1, 1],
  [form.ref2, 2],
  [form.ref4, 4],
  [form.ref8, 8],
  [form.refSig8, 8],
  [form.refSup4, 4],
  [form.refSup8, 8],
  [form.strx1, 1],
  [form.strx2, 2],
  [form.strx3, 3],
  [form.strx4, 4],
  [form.addrx1, 1],
  [form.addrx2, 2],
  [form.addrx3, 3],
  [form.addrx4, 4],
])

const offsetForms = new Set<number>([
  form.strp,
  form.secOffset,
  form.lineStrp,
  form.strpSup,
  form.gnuRefAlt,
  form.gnuStrpAlt,
])

/** Bytes of a value, -1 where it says so itself. */
export function formBytes(kind: number, { version, is64 }: UnitShape): number {
  if (offsetForms.has(kind)) return is64 ? 8 : 4
  // Until version 2 it was as wide as an address.
  if (kind === form.refAddr) return version <= 2 || is64 ? 8 : 4
  return fixed.get(kind) ?? -1
}

/**
 * Reads a value that is a number: a constant, an address or its index, a reference, an offset.
 * Of text and blocks it passes over the bytes and gives 0.
 * @returns undefined for a form that is not known: nothing behind it can be read
 */
export function readForm(cursor: DwarfCursor, kind: number, shape: UnitShape): number | undefined {
  switch (kind) {
    case form.data1:
    case form.flag:
    case form.ref1:
    case form.strx1:
    case form.addrx1:
      return cursor.u8()
    case form.data2:
    case form.ref2:
    case form.strx2:
    case form.addrx2:
      return cursor.u16()
    case form.strx3:
    case form.addrx3:
      return cursor.u24()
    case form.data4:
    case form.ref4:
    case form.strx4:
    case form.addrx4:
    case form.refSup4:
      return cursor.u32()
    case form.addr:
    case form.data8:
    case form.ref8:
    case form.refSig8:
    case form.refSup8:
      return cursor.u64()
    case form.udata:
    case form.refUdata:
    case form.strx:
    case form.addrx:
    case form.loclistx:
    case form.rnglistx:
      return cursor.uleb()
    case form.strp:
    case form.secOffset:
    case form.lineStrp:
    case form.strpSup:
    case form.gnuRefAlt:
    case form.gnuStrpAlt:
      return cursor.offset(shape.is64)
    case form.refAddr:
      return cursor.offset(shape.version <= 2 || shape.is64)
    case form.flagPresent:
    case form.implicitConst:
      return 0
    case form.sdata:
      cursor.skipLeb()
      return 0
    case form.string:
      cursor.skipText()
      return 0
    case form.data16:
      cursor.at += 16
      return 0
    case form.block1:
      cursor.skip(cursor.u8())
      return 0
    case form.block2:
      cursor.skip(cursor.u16())
      return 0
    case form.block4:
      cursor.skip(cursor.u32())
      return 0
    case form.block:
    case form.exprloc:
      cursor.skip(cursor.uleb())
      return 0
    default:
      return undefined
  }
}
