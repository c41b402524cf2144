// Which compile unit an address belongs to: by .debug_aranges where that knows, as of programs that gcc made; clang and
// rustc write none, then by the ranges in the first entry of every unit.

import { firstAbove } from '../../lib/first-above.ts'
import { readBytes } from '../byte-source.ts'
import { type AbbreviationTable, readAbbreviation, readAbbreviations } from './abbreviations.ts'
import { type Aranges, readAranges } from './aranges.ts'
import { DwarfCursor } from './cursor.ts'
import { EntryWalker, type FormValue, tag } from './entries.ts'
import { IntervalList, type Intervals } from './intervals.ts'
import { addressOf, eachRange, type RangeContext, type RangeUnit } from './ranges.ts'
import { readUnitHeader, type UnitHeader } from './unit-header.ts'

export interface DwarfUnit extends RangeUnit, UnitHeader {
  readonly strOffsetsBase: number
  /** DW_LANG_*, 0 = not said. */
  readonly language: number
  /** Where its lines are in .debug_line, -1 = nowhere. */
  readonly stmtList: number
  /** The folder that it was compiled in. */
  readonly compDir: Readonly<FormValue>
}

/** Chromium has 40 000 and their ranges are a million; ten times that is damage. */
const maxUnits = 1 << 19
const maxRanges = 1 << 23
/** Tables of abbreviations that are kept: neighbouring units are asked for together, and rustc's share one. */
const maxTables = 64
/** Units that were looked into and are kept, at 200 bytes each. */
const maxKept = 4096
const unitBytes = 200
/** First entries hold some dozens of bytes, and two paths. */
const firstEntryBytes = 256
/** Of all entries of a unit: large enough that reading costs less than walking. */
const pieceBytes = 256 << 10

/** Walks all entries of a unit. @param only DW_TAG_* of the entries whose values are wanted */
export function walkUnit(
  unit: DwarfUnit,
  only: number,
  { abbreviations, context }: { abbreviations: AbbreviationTable; context: RangeContext },
): EntryWalker {
  const { sections, budget } = context
  return new EntryWalker(sections.info, unit, { abbreviations, from: unit.first, pieceBytes, budget, only })
}

export class DwarfUnits {
  /** Units that cannot be read, are of a version or machine that is not known, or whose code is in another file. */
  unread = 0
  private readonly context: RangeContext
  /** Where units begin, ascending; read when a unit is asked for by an offset inside. */
  private offsets: Float64Array | undefined
  private aranges: Aranges | undefined
  /** From the first entries of those that are not in `aranges`. */
  private ranges: Intervals | undefined
  private readonly kept = new Map<number, DwarfUnit | undefined>()
  private readonly tables = new Map<string, AbbreviationTable | undefined>()
  private tableBytes = 0

  constructor(context: RangeContext) {
    this.context = context
  }

  get bytes(): number {
    const { aranges, ranges, offsets, kept, tableBytes } = this
    const index =
      (aranges ? aranges.ranges.bytes + aranges.units.size * 40 : 0) + (ranges?.bytes ?? 0) + (offsets?.byteLength ?? 0)
    return index + kept.size * unitBytes + tableBytes
  }

  /** Units that say an address is theirs. */
  *at(address: number): Generator<DwarfUnit> {
    this.aranges ??= readAranges(this.context)
    let isKnown = false
    for (const offset of this.aranges.ranges.covering(address)) {
      const unit = this.unitAt(offset)
      if (unit) yield unit
      isKnown ||= unit !== undefined
    }
    if (isKnown) return
    this.ranges ??= this.readRanges(this.aranges.units)
    for (const offset of this.ranges.covering(address)) {
      const unit = this.unitAt(offset)
      if (unit) yield unit
    }
  }

  /** The unit that an offset of .debug_info is in. */
  holding(offset: number): DwarfUnit | undefined {
    this.offsets ??= this.readOffsets()
    const above = firstAbove(this.offsets, offset)
    const unit = above === 0 ? undefined : this.unitAt(this.offsets[above - 1] as number)
    return unit && offset >= unit.first && offset < unit.end ? unit : undefined
  }

  /** @returns undefined when its abbreviations are damaged */
  abbreviationsOf({ abbreviations, version, is64 }: DwarfUnit): AbbreviationTable | undefined {
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

  private unitAt(offset: number): DwarfUnit | undefined {
    const known = this.kept.get(offset)
    if (known || this.kept.has(offset)) return known
    const header = readUnitHeader(this.context.sections.info, offset)
    const unit = header && this.readUnit(header)?.unit
    if (!unit) this.unread++
    if (this.kept.size >= maxKept) this.kept.clear()
    this.kept.set(offset, unit)
    return unit
  }

  /** A unit by its first entry. */
  private readUnit(header: UnitHeader): { unit: DwarfUnit; walker: EntryWalker } | undefined {
    if (header.kind !== 'code' && header.kind !== 'partial') return undefined
    const { sections, budget } = this.context
    const { info, abbrev } = sections
    const code = new DwarfCursor(readBytes(info, header.first, 4)).uleb()
    const abbreviations = readAbbreviation(abbrev, header.abbreviations, { shape: header, code })
    if (!abbreviations) return undefined
    const options = { abbreviations, from: header.first, pieceBytes: firstEntryBytes, budget }
    const walker = new EntryWalker(info, header, options)
    if (!walker.next()) return undefined
    const { strOffsetsBase, addrBase, rnglistsBase, language, stmtList, lowPc } = walker.values
    const base = lowPc.form === 0 ? 0 : (addressOf(lowPc, walker.values, sections) ?? 0)
    const compDir = { ...walker.values.compDir }
    const said = { strOffsetsBase, addrBase, rnglistsBase, language, stmtList, compDir, lowPc: base }
    return { unit: { ...header, ...said }, walker }
  }

  private readOffsets(): Float64Array {
    const offsets: number[] = []
    this.eachHeader((header) => offsets.push(header.offset))
    return Float64Array.from(offsets)
  }

  private readRanges(known: ReadonlySet<number>): Intervals {
    const found = new IntervalList(maxRanges)
    this.eachHeader((header) => {
      if (header.kind === 'types' || header.kind === 'partial' || known.has(header.offset)) return
      const read = this.readUnit(header)
      if (!read) this.unread++
      else if (read.walker.tag === tag.compileUnit) {
        const { unit, walker } = read
        eachRange(walker.values, { unit, context: this.context }, (start, end) => found.add(start, end, unit.offset))
      }
    })
    return found.sorted()
  }

  private eachHeader(visit: (header: UnitHeader) => void): void {
    const { info } = this.context.sections
    let count = 0
    for (let offset = 0; offset < info.size; count++) {
      const header = readUnitHeader(info, offset)
      if (!header || count >= maxUnits) {
        // What follows cannot be found without this one's length.
        this.unread++
        return
      }
      visit(header)
      offset = header.end
    }
  }
}
