// Calls that compilers of C, C++ and Rust inlined, from the debug information of a file. Nothing is read before an
// address is asked for, then only which unit it belongs to, that unit's functions, and the entries of its function.
import type { SymbolFrame } from '../../profile/symbolizer.ts'
import { readBytes, readCString } from '../byte-source.ts'
import { demangle } from '../demangle.ts'
import type { Elf } from '../elf.ts'
import { type FunctionCalls, readCalls, referenceOf } from './calls.ts'
import { DwarfCursor } from './cursor.ts'
import { type Budget, EntryWalker, type FormValue, tag } from './entries.ts'
import { form } from './forms.ts'
import { indexFunctions } from './functions.ts'
import { IntervalList, type Intervals } from './intervals.ts'
import { codeTest, type RangeContext } from './ranges.ts'
import { hasScopes, readScopes, type Scopes } from './scopes.ts'
import { type DwarfSections, readDwarfSections } from './sections.ts'
import { type DwarfUnit, DwarfUnits } from './units.ts'

export interface InlinedCalls {
  /** Memory that is held, roughly. */
  readonly bytes: number
  /** Units and addresses that could not be answered for. */
  readonly unread: number
  /**
   * Innermost first, and without the function that they were inlined into, which the symbol table names.
   * @param address inside the instruction in question: of a return address the byte before it
   */
  at(address: number): readonly SymbolFrame[]
}

/** What is kept of a file: indexes of units are about 1 % of their entries, so this is enough for gigabytes. */
const maxKeptBytes = 16 << 20
const maxNames = 8192
const nameBytes = 200
/** A function is named where it is declared: a copy refers to its original, and that to its declaration. */
const maxReferences = 16
const entryBytes = 256
/** All entries are read once for functions and once for calls; a file that makes us read more than this is hostile. */
const leastBudget = 64 << 20
const budgetPerByte = 6
const noFrames: readonly SymbolFrame[] = []

/** @returns undefined when the file has no debug information that can be read; reads nothing but its section headers */
export function openInlinedCalls(file: Elf): InlinedCalls | undefined {
  const sections = readDwarfSections(file)
  return sections && new FileCalls(sections, codeTest(file))
}

class FileCalls implements InlinedCalls {
  private readonly sections: DwarfSections
  private readonly budget: Budget
  private readonly context: RangeContext
  private units: DwarfUnits | undefined
  /** By the unit's offset. */
  private readonly functions = new Map<number, Intervals>()
  /** By the function's offset. */
  private readonly calls = new Map<number, FunctionCalls>()
  /** By the unit's offset. */
  private readonly scopes = new Map<number, Scopes>()
  /** By the offset of what was inlined. */
  private readonly names = new Map<number, SymbolFrame | undefined>()
  private keptBytes = 0
  private missed = 0

  constructor(sections: DwarfSections, isCode: (address: number) => boolean) {
    this.sections = sections
    this.budget = { left: leastBudget + budgetPerByte * sections.info.size }
    this.context = { sections, budget: this.budget, isCode }
  }

  get bytes(): number {
    return this.sections.bytes + this.keptBytes + this.names.size * nameBytes + (this.units?.bytes ?? 0)
  }

  get unread(): number {
    return this.missed + (this.units?.unread ?? 0)
  }

  at(address: number): readonly SymbolFrame[] {
    this.units ??= new DwarfUnits(this.context)
    for (const unit of this.units.at(address)) {
      if (this.budget.left < 0) break
      const [entry] = this.functionsOf(unit).covering(address)
      if (entry === undefined) continue
      return this.framesOf(this.callsOf(entry, unit).at(address))
    }
    if (this.budget.left < 0) this.missed++
    return noFrames
  }

  private framesOf(origins: readonly number[]): readonly SymbolFrame[] {
    if (origins.length === 0) return noFrames
    const frames = origins.flatMap((origin) => this.nameOf(origin) ?? [])
    // Their names are in another file (dwz -m), or damaged.
    if (frames.length < origins.length) this.missed++
    return frames
  }

  private functionsOf(unit: DwarfUnit): Intervals {
    let functions = this.functions.get(unit.offset)
    if (!functions) {
      const abbreviations = this.units?.abbreviationsOf(unit)
      const index = abbreviations && indexFunctions(unit, abbreviations, this.context)
      if (!index || index.isDamaged) this.missed++
      functions = index?.functions ?? noFunctions
      this.keep(functions.bytes)
      this.functions.set(unit.offset, functions)
    }
    return functions
  }

  private callsOf(entry: number, unit: DwarfUnit): FunctionCalls {
    let calls = this.calls.get(entry)
    if (!calls) {
      const abbreviations = this.units?.abbreviationsOf(unit)
      if (!abbreviations) return noCalls
      calls = readCalls(entry, unit, { abbreviations, context: this.context })
      this.keep(calls.bytes)
      this.calls.set(entry, calls)
    }
    return calls
  }

  /** Makes room for something new. */
  private keep(bytes: number): void {
    if (this.keptBytes + bytes > maxKeptBytes) {
      this.functions.clear()
      this.calls.clear()
      this.scopes.clear()
      this.keptBytes = 0
    }
    this.keptBytes += bytes
  }

  /** @param origin offset of the entry that a call is a copy of */
  private nameOf(origin: number): SymbolFrame | undefined {
    if (this.names.has(origin)) return this.names.get(origin)
    const systemName = this.readName(origin)
    const name = systemName && demangle(systemName)
    const frame = systemName && name ? (name === systemName ? { name } : { name, systemName }) : undefined
    if (this.names.size >= maxNames) this.names.clear()
    this.names.set(origin, frame)
    return frame
  }

  /** The name that linkers see, else the one in the source with what it stands in. */
  private readName(origin: number): string | undefined {
    let plain: string | undefined
    let named: DwarfUnit | undefined
    let namedAt = origin
    let at = origin
    for (let i = 0; i < maxReferences; i++) {
      const unit = this.units?.holding(at)
      const entry = unit && this.entryAt(at, unit)
      if (!entry) break
      const { linkageName, name, abstractOrigin, specification } = entry.values
      const linked = this.textOf(linkageName, unit)
      if (linked) return linked
      if (plain === undefined) {
        plain = this.textOf(name, unit)
        named = unit
        namedAt = at
      }
      const next = abstractOrigin.form !== 0 ? abstractOrigin : specification
      if (next.form === 0) break
      at = referenceOf(next, unit)
    }
    return plain && named && hasScopes(named) ? this.qualified(plain, namedAt, named) : plain
  }

  /** The entry that begins at an offset. */
  private entryAt(from: number, unit: DwarfUnit): EntryWalker | undefined {
    const abbreviations = this.units?.abbreviationsOf(unit)
    if (!abbreviations) return undefined
    const { sections, budget } = this
    const walker = new EntryWalker(sections.info, unit, { abbreviations, from, pieceBytes: entryBytes, budget })
    return walker.next() ? walker : undefined
  }

  /** `std::sort<…>` for `sort<…>`. */
  private qualified(plain: string, at: number, unit: DwarfUnit): string {
    const abbreviations = this.units?.abbreviationsOf(unit)
    if (!abbreviations) return plain
    let scopes = this.scopes.get(unit.offset)
    if (!scopes) {
      scopes = readScopes(unit, abbreviations, this.context)
      this.keep(scopes.bytes)
      this.scopes.set(unit.offset, scopes)
    }
    let text = ''
    for (const scope of scopes.around(at)) {
      const entry = this.entryAt(scope, unit)
      if (!entry) continue
      const name = this.textOf(entry.values.name, unit)
      if (name) text += `${name}::`
      else if (entry.tag === tag.namespace) text += '(anonymous namespace)::'
      else text += plain.startsWith('operator()') ? '{lambda}::' : '{unnamed}::'
    }
    return text + plain
  }

  private textOf({ form: kind, value }: FormValue, unit: DwarfUnit): string | undefined {
    const { info, str, lineStr } = this.sections
    switch (kind) {
      case 0:
        return undefined
      case form.string:
        return readCString(info, value) || undefined
      case form.strp:
        return readCString(str, value) || undefined
      case form.lineStrp:
        return readCString(lineStr, value) || undefined
      case form.strx:
      case form.strx1:
      case form.strx2:
      case form.strx3:
      case form.strx4:
        return this.indexedText(value, unit)
      default:
        return undefined
    }
  }

  private indexedText(index: number, { strOffsetsBase, is64 }: DwarfUnit): string | undefined {
    const width = is64 ? 8 : 4
    // Without a base the table begins behind its header (DWARF 5 section 7.26).
    const base = strOffsetsBase >= 0 ? strOffsetsBase : is64 ? 16 : 8
    const bytes = readBytes(this.sections.strOffsets, base + index * width, width)
    if (bytes.length < width) return undefined
    return readCString(this.sections.str, new DwarfCursor(bytes).offset(is64)) || undefined
  }
}

const noFunctions = new IntervalList(0).sorted()
const noCalls: FunctionCalls = { bytes: 0, at: () => [] }
