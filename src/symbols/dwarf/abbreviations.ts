// What the entries of a unit look like (.debug_abbrev, DWARF 5 section 7.5.3): an entry is a number of this table and
// the values of the attributes that the table lists.
//
//   1  11 01  25 0e 13 05 03 1f 00 00    1: DW_TAG_compile_unit, has children; producer as strp, language as data2, …
import { type ByteSource, readBytes } from '../byte-source.ts'
import { DwarfCursor } from './cursor.ts'
import { form, formBytes, type UnitShape } from './forms.ts'

export interface Abbreviation {
  readonly tag: number
  readonly hasChildren: boolean
  /** Attribute, form, attribute, form, … */
  readonly attributes: Int32Array
  /** By index in `attributes`: values that stand here and not in the entries. */
  readonly constants: ReadonlyMap<number, number>
  /** Bytes of all values together, -1 where that differs from entry to entry. */
  readonly fixedBytes: number
}

export interface AbbreviationTable {
  /** By code; codes count from 1. */
  readonly rows: readonly (Abbreviation | undefined)[]
  readonly bytes: number
}

/** A table is a few kilobytes; one of a whole program that was optimised as one unit has some hundred. */
const firstBytes = 4096
/** What describes a unit's first entry. */
const oneRowBytes = 128
const maxBytes = 4 << 20
/** Compilers count codes from 1; the largest table met has 2 600. */
const maxCode = 1 << 16

/** @returns undefined when the table does not end, or is none */
export function readAbbreviations(source: ByteSource, offset: number, shape: UnitShape): AbbreviationTable | undefined {
  return read(source, offset, { shape, until: 0 })
}

/** The table up to the row of a code: that of a unit's first entry stands first, and a unit may not be asked for more. */
export function readAbbreviation(
  source: ByteSource,
  offset: number,
  { shape, code }: { shape: UnitShape; code: number },
): AbbreviationTable | undefined {
  return read(source, offset, { shape, until: code })
}

const noConstants = new Map<number, number>()

interface ReadOptions {
  readonly shape: UnitShape
  /** The last code that is wanted, 0 = all. */
  readonly until: number
}

function read(source: ByteSource, offset: number, options: ReadOptions): AbbreviationTable | undefined {
  for (let length = options.until > 0 ? oneRowBytes : firstBytes; ; length *= 8) {
    const bytes = readBytes(source, offset, length)
    const table = parse(bytes, options)
    if (table !== 'short') return table
    if (bytes.length < length || length >= maxBytes) return undefined
  }
}

function parse(bytes: Uint8Array, { shape, until }: ReadOptions): AbbreviationTable | undefined | 'short' {
  const cursor = new DwarfCursor(bytes)
  const rows: (Abbreviation | undefined)[] = []
  const attributes: number[] = []
  for (;;) {
    const code = cursor.uleb()
    if (cursor.isPast) return 'short'
    if (code === 0) return { rows, bytes: 64 + rows.length * 120 }
    if (code > maxCode) return undefined
    const tag = cursor.uleb()
    const hasChildren = cursor.u8() !== 0
    attributes.length = 0
    let constants: Map<number, number> = noConstants
    let fixedBytes = 0
    for (;;) {
      const name = cursor.uleb()
      const kind = cursor.uleb()
      if (cursor.isPast) return 'short'
      if (name === 0 && kind === 0) break
      if (kind === form.implicitConst) {
        const value = cursor.sleb()
        if (constants === noConstants) constants = new Map()
        constants.set(attributes.length, value)
      }
      const width = formBytes(kind, shape)
      fixedBytes = width < 0 || fixedBytes < 0 ? -1 : fixedBytes + width
      attributes.push(name, kind)
    }
    rows[code] = { tag, hasChildren, attributes: Int32Array.from(attributes), constants, fixedBytes }
    if (code === until) return { rows, bytes: 0 }
  }
}
