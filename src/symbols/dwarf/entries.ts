// Walks the entries (DIEs) of a unit: of those that are wanted it reads what says where they are and what they are
// called, over everything else it passes as fast as it can.
import { type ByteSource, readBytes } from '../byte-source.ts'
import type { Abbreviation, AbbreviationTable } from './abbreviations.ts'
import { DwarfCursor } from './cursor.ts'
import { form, readForm, type UnitShape } from './forms.ts'

/** DW_TAG_* that are looked at. */
export const tag = {
  classType: 0x02,
  compileUnit: 0x11,
  structure: 0x13,
  union: 0x17,
  inlinedSubroutine: 0x1d,
  subprogram: 0x2e,
  namespace: 0x39,
  partialUnit: 0x3c,
  skeletonUnit: 0x4a,
} as const

/** DW_AT_* that are looked at; the first linkage name is that of old MIPS compilers, and of gcc below DWARF 4. */
const attribute = {
  name: 0x03,
  stmtList: 0x10,
  lowPc: 0x11,
  highPc: 0x12,
  language: 0x13,
  compDir: 0x1b,
  abstractOrigin: 0x31,
  specification: 0x47,
  ranges: 0x55,
  callFile: 0x58,
  callLine: 0x59,
  linkageName: 0x6e,
  strOffsetsBase: 0x72,
  addrBase: 0x73,
  rnglistsBase: 0x74,
  mipsLinkageName: 0x2007,
} as const

/** Where a unit's bytes are, and how to read them. */
export interface UnitBytes extends UnitShape {
  /** Of its header in .debug_info, and the byte behind its last. */
  readonly offset: number
  readonly end: number
}

/** A value as it stands in an entry; form 0 = the entry has none. */
export interface FormValue {
  form: number
  value: number
}

/** What is known of an entry. The object is used again for the next one. */
export class EntryValues {
  readonly name: FormValue = { form: 0, value: 0 }
  readonly linkageName: FormValue = { form: 0, value: 0 }
  readonly lowPc: FormValue = { form: 0, value: 0 }
  readonly highPc: FormValue = { form: 0, value: 0 }
  readonly ranges: FormValue = { form: 0, value: 0 }
  readonly abstractOrigin: FormValue = { form: 0, value: 0 }
  readonly specification: FormValue = { form: 0, value: 0 }
  readonly compDir: FormValue = { form: 0, value: 0 }
  strOffsetsBase = -1
  addrBase = -1
  rnglistsBase = -1
  /** DW_LANG_*, 0 = not said. */
  language = 0
  /** Where the unit's lines are in .debug_line, -1 = nowhere. */
  stmtList = -1
  /** Where an inlined call is written: row of the table of files, and line, 0 = not said. */
  callFile = 0
  callLine = 0

  reset(): void {
    this.name.form = 0
    this.linkageName.form = 0
    this.lowPc.form = 0
    this.highPc.form = 0
    this.ranges.form = 0
    this.abstractOrigin.form = 0
    this.specification.form = 0
    this.compDir.form = 0
    this.strOffsetsBase = -1
    this.addrBase = -1
    this.rnglistsBase = -1
    this.language = 0
    this.stmtList = -1
    this.callFile = 0
    this.callLine = 0
  }

  /** The value of an attribute that is kept with its form; undefined for others. */
  slot(name: number): FormValue | undefined {
    switch (name) {
      case attribute.name:
        return this.name
      case attribute.linkageName:
      case attribute.mipsLinkageName:
        return this.linkageName
      case attribute.lowPc:
        return this.lowPc
      case attribute.highPc:
        return this.highPc
      case attribute.ranges:
        return this.ranges
      case attribute.abstractOrigin:
        return this.abstractOrigin
      case attribute.specification:
        return this.specification
      case attribute.compDir:
        return this.compDir
      default:
        return undefined
    }
  }

  /** The value of an attribute that is a number in any form. */
  setNumber(name: number, value: number): void {
    if (name === attribute.callLine) this.callLine = value
    else if (name === attribute.callFile) this.callFile = value
    else if (name === attribute.language) this.language = value
    else if (name === attribute.stmtList) this.stmtList = value
    else if (name === attribute.strOffsetsBase) this.strOffsetsBase = value
    else if (name === attribute.addrBase) this.addrBase = value
    else if (name === attribute.rnglistsBase) this.rnglistsBase = value
  }
}

/** How much may still be read of a file; a hostile one could make every question walk all of it. */
export interface Budget {
  left: number
}

export interface WalkOptions {
  readonly abbreviations: AbbreviationTable
  /** Offset of the first entry, in .debug_info. */
  readonly from: number
  /** Bytes that are read at once. */
  readonly pieceBytes: number
  readonly budget: Budget
  /** DW_TAG_* of the entries whose values are wanted; absent = of all. */
  readonly only?: number
}

/** Longest entry that is read; those of compilers have less than a kilobyte, and a long name. */
const maxEntryBytes = 1 << 20

export class EntryWalker {
  /** DW_TAG_* of the current entry; 0 = the end of somebody's children. */
  tag = 0
  /** Offset of the current entry in .debug_info. */
  offset = 0
  hasChildren = false
  /** How many entries the current one is inside of, counted from where the walk began. */
  depth = 0
  /** Nothing behind this can be read. */
  isDamaged = false
  readonly values = new EntryValues()
  private readonly info: ByteSource
  private readonly unit: UnitBytes
  private readonly rows: AbbreviationTable['rows']
  private readonly budget: Budget
  private readonly only: number
  private readonly cursor = new DwarfCursor(new Uint8Array(0))
  private pieceBytes: number
  /** Where the piece at hand begins. */
  private start: number
  private inside = 0

  constructor(info: ByteSource, unit: UnitBytes, { abbreviations, from, pieceBytes, budget, only = 0 }: WalkOptions) {
    this.info = info
    this.unit = unit
    this.rows = abbreviations.rows
    this.pieceBytes = pieceBytes
    this.budget = budget
    this.only = only
    this.start = from
    this.load(from)
  }

  /** Goes to the next entry. @returns false behind the last one */
  next(): boolean {
    const { cursor } = this
    for (;;) {
      const at = this.start + cursor.at
      if (at >= this.unit.end || this.isDamaged) return false
      const found = this.read()
      if (!cursor.isPast) {
        if (!found) {
          this.isDamaged = true
          return false
        }
        this.offset = at
        return true
      }
      if (this.start + cursor.length >= this.unit.end || this.pieceBytes >= maxEntryBytes * 2) {
        this.isDamaged = true
        return false
      }
      // A piece that begins with this entry and is still too short.
      if (at === this.start) this.pieceBytes *= 4
      this.load(at)
    }
  }

  /** Reads the entry at the cursor. @returns false when it makes no sense */
  private read(): boolean {
    const { cursor, inside } = this
    const code = cursor.uleb()
    if (code === 0) {
      this.tag = 0
      this.hasChildren = false
      this.depth = inside
      if (!cursor.isPast) this.inside--
      return true
    }
    const row = this.rows[code]
    if (!row) return false
    this.tag = row.tag
    this.hasChildren = row.hasChildren
    this.depth = inside
    if (this.only === 0 || row.tag === this.only) {
      if (!this.readValues(row)) return false
    } else if (row.fixedBytes >= 0) cursor.at += row.fixedBytes
    else if (!this.pass(row)) return false
    if (row.hasChildren && !cursor.isPast) this.inside++
    return true
  }

  private readValues({ attributes, constants }: Abbreviation): boolean {
    const { cursor, values, unit } = this
    values.reset()
    for (let i = 0; i < attributes.length; i += 2) {
      const kind = attributes[i + 1] as number
      const at = this.start + cursor.at
      const value = kind === form.implicitConst ? (constants.get(i) as number) : readForm(cursor, kind, unit)
      if (value === undefined) return false
      const slot = values.slot(attributes[i] as number)
      if (slot) {
        slot.form = kind
        // Text that stands in the entry itself is where it begins.
        slot.value = kind === form.string ? at : value
      } else values.setNumber(attributes[i] as number, value)
    }
    return true
  }

  private pass({ attributes }: Abbreviation): boolean {
    const { cursor, unit } = this
    for (let i = 1; i < attributes.length; i += 2) {
      if (readForm(cursor, attributes[i] as number, unit) === undefined) return false
    }
    return true
  }

  private load(at: number): void {
    const wanted = Math.min(this.pieceBytes, this.unit.end - at)
    this.budget.left -= wanted
    this.start = at
    this.cursor.open(this.budget.left < 0 ? new Uint8Array(0) : readBytes(this.info, at, wanted))
    if (this.cursor.length < wanted) this.isDamaged = true
  }
}
