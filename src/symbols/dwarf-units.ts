// Which compile unit an address belongs to, from the first entry of each (.debug_info, DWARF 5 section 7.5.1).
//
//   length u32, version u16, [type u8, address size u8,] abbreviations u32[, address size u8], entries
//
// Not from .debug_aranges: clang and rustc write none, and the first entries have the same ranges.
import { readBytes } from './byte-source.ts'
import { type AbbreviationTable, readAbbreviations } from './dwarf-abbreviations.ts'
import { DwarfCursor } from './dwarf-cursor.ts'
import { EntryWalker, tag } from './dwarf-entries.ts'
import { addressOf, eachRange, type RangeContext, type RangeUnit } from './dwarf-ranges.ts'

export interface DwarfUnit extends RangeUnit {
  readonly abbreviations: number
  /** Offset of its first entry. */
  readonly first: number
  readonly strOffsetsBase: number
}

/** The longest header: length of 12 bytes, version, type, sizes, two times 8 bytes. */
const maxHeaderBytes = 40
/** Chromium has 40 000 and their ranges are a million; ten times that is damage. */
const maxUnits = 1 << 19
const maxRanges = 1 << 24
/** Tables of abbreviations that are kept: neighbouring units are asked for together, and rustc's share one. */
const maxTables = 64
/** First entries hold some dozens of bytes, and two paths. */
const firstEntryBytes = 256

/** DW_UT_*: what else .debug_info holds are types, which no function refers to. */
const unitType = { compile: 1, partial: 3, skeleton: 4 } as const

export class DwarfUnits {
  /** Units whose code is in another file (-gsplit-dwarf). */
  split = 0
  /** Units that cannot be read, or are of a version or machine that is not known. */
  unread = 0
  private readonly context: RangeContext
  /** Ascending by offset. */
  private units: DwarfUnit[] = []
  private starts = new Float64Array(0)
  private ends = new Float64Array(0)
  private rows = new Uint32Array(0)
  /** Largest end up to a range: where the search for an enclosing one stops. */
  private reach = new Float64Array(0)
  private readonly tables = new Map<string, AbbreviationTable | undefined>()
  private tableBytes = 0

  constructor(context: RangeContext) {
    this.context = context
    this.read()
  }

  get bytes(): number {
    return this.units.length * 200 + this.starts.length * 28 + this.tableBytes
  }

  /** Units that say an address is theirs, the one with the last range first. */
  *at(address: number): Generator<DwarfUnit> {
    const { starts, ends, reach } = this
    let low = 0
    let high = starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((starts[middle] as number) <= address) low = middle + 1
      else high = middle
    }
    for (let i = low - 1; i >= 0 && (reach[i] as number) > address; i--) {
      if ((ends[i] as number) > address) yield this.units[this.rows[i] as number] as DwarfUnit
    }
  }

  /** The unit that an offset of .debug_info is in. */
  holding(offset: number): DwarfUnit | undefined {
    let low = 0
    let high = this.units.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.units[middle] as DwarfUnit).first <= offset) low = middle + 1
      else high = middle
    }
    const unit = this.units[low - 1]
    return unit && offset < unit.end ? unit : undefined
  }

  /** @returns undefined when its abbreviations are damaged */
  abbreviationsOf({ abbreviations, version, is64 }: DwarfUnit | Header): AbbreviationTable | undefined {
    // Some values are as wide as the version says.
    const key = `${abbreviations}:${version <= 2}:${is64}`
    const known = this.tables.get(key)
    if (known || this.tables.has(key)) return known
    const { abbrev } = this.context.sections
    const table = readAbbreviations(abbrev, abbreviations, { version, is64 })
    if (this.tables.size >= maxTables) {
      this.tables.clear()
      this.tableBytes = 0
    }
    this.tables.set(key, table)
    this.tableBytes += table?.bytes ?? 0
    return table
  }

  private read(): void {
    const { info } = this.context.sections
    const found: { start: number; end: number; row: number }[] = []
    for (let offset = 0; offset < info.size; ) {
      const header = readHeader(readBytes(info, offset, maxHeaderBytes), offset, info.size)
      if (!header || this.units.length >= maxUnits) {
        // What follows cannot be found without this one's length.
        this.unread++
        break
      }
      offset = header.end
      if (header.isUnknown) this.unread++
      else if (!header.isOther) this.add(header, found)
    }
    found.sort((a, b) => a.start - b.start)
    this.starts = Float64Array.from(found, ({ start }) => start)
    this.ends = Float64Array.from(found, ({ end }) => end)
    this.rows = Uint32Array.from(found, ({ row }) => row)
    let reach = 0
    this.reach = this.ends.map((end) => {
      reach = Math.max(reach, end)
      return reach
    })
  }

  private add(header: Header, found: { start: number; end: number; row: number }[]): void {
    const { sections, budget } = this.context
    const abbreviations = this.abbreviationsOf(header)
    const walker =
      abbreviations &&
      new EntryWalker(sections.info, header, {
        abbreviations,
        from: header.first,
        pieceBytes: firstEntryBytes,
        budget,
      })
    if (!walker?.next()) {
      this.unread++
      return
    }
    const { values } = walker
    const { strOffsetsBase, addrBase, rnglistsBase } = values
    const lowPc = values.lowPc.form === 0 ? 0 : addressOf(values.lowPc, values, sections)
    const { offset, end, version, is64, first } = header
    const bytes = { offset, end, version, is64, first, abbreviations: header.abbreviations }
    const unit = { ...bytes, strOffsetsBase, addrBase, rnglistsBase, lowPc: lowPc ?? 0 }
    const row = this.units.push(unit) - 1
    if (walker.tag === tag.skeletonUnit || header.isSkeleton) this.split++
    else if (walker.tag === tag.compileUnit) {
      eachRange(values, { unit, context: this.context }, (from, to) => {
        if (found.length < maxRanges) found.push({ start: from, end: to, row })
      })
    }
  }
}

interface Header {
  readonly offset: number
  readonly end: number
  readonly version: number
  readonly is64: boolean
  readonly abbreviations: number
  readonly first: number
  /** Types, which no function refers to. */
  readonly isOther: boolean
  readonly isSkeleton: boolean
  readonly isUnknown: boolean
}

/** @returns undefined where there is none, or it is longer than the section */
function readHeader(bytes: Uint8Array, offset: number, size: number): Header | undefined {
  const cursor = new DwarfCursor(bytes)
  let length = cursor.u32()
  const is64 = length === 0xffff_ffff
  if (is64) length = cursor.u64()
  const end = offset + cursor.at + length
  const version = cursor.u16()
  if (cursor.isPast || !(length > 2) || end > size) return undefined
  const type = version >= 5 ? cursor.u8() : unitType.compile
  let addressBytes = version >= 5 ? cursor.u8() : 0
  const abbreviations = cursor.offset(is64)
  if (version < 5) addressBytes = cursor.u8()
  // The id of the file that holds the rest.
  if (type === unitType.skeleton) cursor.at += 8
  const isOther = version >= 5 && type !== unitType.compile && type !== unitType.partial && type !== unitType.skeleton
  return {
    offset,
    end,
    version,
    is64,
    abbreviations,
    first: offset + cursor.at,
    isOther,
    isSkeleton: type === unitType.skeleton,
    isUnknown: version < 2 || version > 5 || addressBytes !== 8,
  }
}
