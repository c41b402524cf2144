// What inlined functions are called: the entry that a call is a copy of says so, or the one that it refers to, which may
// be in a file that several share (dwz -m, DWARF 5 section 7.3.6).
//
//   DW_TAG_inlined_subroutine   origin →
//     DW_TAG_subprogram         linkage name, or name and specification →
//       DW_TAG_subprogram       linkage name, or name: inside a namespace, a class, a function
import type { SymbolFrame } from '../../profile/symbolizer.ts'
import { readBytes, readCString } from '../byte-source.ts'
import { demangle } from '../demangle.ts'
import type { Elf } from '../elf.ts'
import { referenceOf, sharedStart } from './calls.ts'
import { DwarfCursor } from './cursor.ts'
import { EntryWalker, type FormValue, tag } from './entries.ts'
import { form } from './forms.ts'
import type { RangeContext } from './ranges.ts'
import { hasScopes, readScopes, type Scopes } from './scopes.ts'
import { type DwarfSections, readDwarfSections } from './sections.ts'
import { type DwarfUnit, DwarfUnits } from './units.ts'

const maxNames = 8192
const nameBytes = 200
/** A function is named where it is declared: a copy refers to its original, and that to its declaration. */
const maxReferences = 16
const entryBytes = 256
/** Of which it is known what stands in what: 24 bytes for each namespace, class and function of a unit. */
const maxScopeBytes = 4 << 20

/** The debug information of one file. */
interface Part {
  readonly context: RangeContext
  readonly units: DwarfUnits
  /** What its offsets count from. */
  readonly start: number
}

interface Place {
  readonly part: Part
  readonly unit: DwarfUnit
  readonly entry: EntryWalker
  /** In the file's own .debug_info. */
  readonly offset: number
}

export class CallNames {
  private readonly own: Part
  private readonly openShared: () => Elf | undefined
  private shared: Part | undefined
  private isSharedOpen = false
  /** By the offset of what was inlined. */
  private readonly names = new Map<number, SymbolFrame | undefined>()
  private readonly scopes = new Map<DwarfUnit, Scopes>()
  private scopeBytes = 0

  /** @param openShared finds the other file when a name is there */
  constructor(context: RangeContext, units: DwarfUnits, openShared: () => Elf | undefined) {
    this.own = { context, units, start: 0 }
    this.openShared = openShared
  }

  /** Memory that is held, roughly, without that of the file itself. */
  get bytes(): number {
    const { shared } = this
    const ofShared = shared ? shared.context.sections.bytes + shared.units.bytes : 0
    return this.names.size * nameBytes + this.scopeBytes + ofShared
  }

  /** Units of the other file that could not be read. */
  get unread(): number {
    return this.shared?.units.unread ?? 0
  }

  /** @param origin offset of the entry that a call is a copy of */
  of(origin: number): SymbolFrame | undefined {
    if (this.names.has(origin)) return this.names.get(origin)
    const systemName = this.read(origin)
    const name = systemName && demangle(systemName)
    const frame = systemName && name ? (name === systemName ? { name } : { name, systemName }) : undefined
    if (this.names.size >= maxNames) this.names.clear()
    this.names.set(origin, frame)
    return frame
  }

  /** A text of the file itself, such as the name of a folder. */
  text(value: Readonly<FormValue>, unit: DwarfUnit): string | undefined {
    return this.textOf(value, { part: this.own, unit })
  }

  /** The name that linkers see, else the one in the source with what it stands in. */
  private read(origin: number): string | undefined {
    let plain: string | undefined
    let named: Place | undefined
    let at = origin
    for (let i = 0; i < maxReferences; i++) {
      const place = this.placeOf(at)
      if (!place) break
      const { linkageName, name, abstractOrigin, specification } = place.entry.values
      const linked = this.textOf(linkageName, place)
      if (linked) return linked
      if (plain === undefined) {
        plain = this.textOf(name, place)
        named = place
      }
      const next = abstractOrigin.form !== 0 ? abstractOrigin : specification
      if (next.form === 0) break
      at = referenceOf(next, place.unit)
      if (at >= 0 && at < sharedStart) at += place.part.start
    }
    return plain && named && hasScopes(named.unit) ? this.qualified(plain, named) : plain
  }

  private placeOf(at: number): Place | undefined {
    const part = at < sharedStart ? this.own : this.sharedPart()
    const offset = at - (part?.start ?? 0)
    const unit = part?.units.holding(offset)
    const entry = part && unit && this.entryAt(offset, { part, unit })
    return entry && { part, unit, entry, offset }
  }

  private sharedPart(): Part | undefined {
    if (!this.isSharedOpen) {
      this.isSharedOpen = true
      const file = this.openShared()
      const sections = file && readDwarfSections(file)
      if (sections) {
        const { budget } = this.own.context
        budget.left += sections.info.size
        // Code is only in the files that share it.
        const context: RangeContext = { sections, budget, isCode: () => false }
        this.shared = { context, units: new DwarfUnits(context), start: sharedStart }
      }
    }
    return this.shared
  }

  /** The entry that begins at an offset. */
  private entryAt(from: number, { part, unit }: Pick<Place, 'part' | 'unit'>): EntryWalker | undefined {
    const abbreviations = part.units.abbreviationsOf(unit)
    if (!abbreviations) return undefined
    const { sections, budget } = part.context
    const walker = new EntryWalker(sections.info, unit, { abbreviations, from, pieceBytes: entryBytes, budget })
    return walker.next() ? walker : undefined
  }

  /** `std::sort<…>` for `sort<…>`. */
  private qualified(plain: string, place: Place): string {
    let text = ''
    for (const scope of this.scopesOf(place)?.around(place.offset) ?? []) {
      const entry = this.entryAt(scope, place)
      if (!entry) continue
      const name = this.textOf(entry.values.name, place)
      if (name) text += `${name}::`
      else if (entry.tag === tag.namespace) text += '(anonymous namespace)::'
      else text += plain.startsWith('operator()') ? '{lambda}::' : '{unnamed}::'
    }
    return text + plain
  }

  private scopesOf({ part, unit }: Place): Scopes | undefined {
    let scopes = this.scopes.get(unit)
    const abbreviations = scopes ? undefined : part.units.abbreviationsOf(unit)
    if (abbreviations) {
      scopes = readScopes(unit, abbreviations, part.context)
      if (this.scopeBytes + scopes.bytes > maxScopeBytes) {
        this.scopes.clear()
        this.scopeBytes = 0
      }
      this.scopes.set(unit, scopes)
      this.scopeBytes += scopes.bytes
    }
    return scopes
  }

  private textOf(
    { form: kind, value }: Readonly<FormValue>,
    { part, unit }: Pick<Place, 'part' | 'unit'>,
  ): string | undefined {
    const { sections } = part.context
    switch (kind) {
      case form.string:
        return readCString(sections.info, value) || undefined
      case form.strp:
        return readCString(sections.str, value) || undefined
      case form.lineStrp:
        return readCString(sections.lineStr, value) || undefined
      case form.gnuStrpAlt:
      case form.strpSup: {
        const shared = this.sharedPart()
        return shared && (readCString(shared.context.sections.str, value) || undefined)
      }
      case form.strx:
      case form.strx1:
      case form.strx2:
      case form.strx3:
      case form.strx4:
        return indexedText(value, unit, sections)
      default:
        return undefined
    }
  }
}

function indexedText(index: number, { strOffsetsBase, is64 }: DwarfUnit, sections: DwarfSections): string | undefined {
  const width = is64 ? 8 : 4
  // Without a base the table begins behind its header (DWARF 5 section 7.26).
  const base = strOffsetsBase >= 0 ? strOffsetsBase : is64 ? 16 : 8
  const bytes = readBytes(sections.strOffsets, base + index * width, width)
  if (bytes.length < width) return undefined
  return readCString(sections.str, new DwarfCursor(bytes).offset(is64)) || undefined
}
