// Calls that compilers of C, C++ and Rust inlined, from the debug information of a file. Nothing is read before an
// address is asked for, then only which unit it belongs to, that unit's functions, and the entries of its function.
import type { SymbolFrame } from '../../profile/symbolizer.ts'
import { readCString } from '../byte-source.ts'
import type { Elf } from '../elf.ts'
import { type CallSite, type FunctionCalls, noCalls, readCalls } from './calls.ts'
import type { Budget, FormValue } from './entries.ts'
import { form } from './forms.ts'
import { indexFunctions } from './functions.ts'
import { IntervalList, type Intervals } from './intervals.ts'
import { type LineTable, readLineTable } from './line-table.ts'
import { CallNames } from './names.ts'
import { codeTest, type RangeContext } from './ranges.ts'
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
  /** Where in the source that is: of each of those calls, and last of the function that they were inlined into. */
  placesAt(address: number): readonly SourcePlace[]
}

export type SourcePlace = Pick<SymbolFrame, 'file' | 'line'>

/** What is kept of a file: indexes of units are about 1 % of their entries, so this is enough for gigabytes. */
const maxKeptBytes = 16 << 20
/** All entries are read once for functions and once for calls; a file that makes us read more than this is hostile. */
const leastBudget = 64 << 20
const budgetPerByte = 6
const noFrames: readonly SymbolFrame[] = []

/**
 * Reads nothing but section headers.
 * @param openShared finds the file that holds what this one has in common with others (dwz -m), when it is needed
 * @returns undefined when the file has no debug information that can be read
 */
export function openInlinedCalls(
  file: Elf,
  openShared: () => Elf | undefined = () => undefined,
): InlinedCalls | undefined {
  const sections = readDwarfSections(file)
  return sections && new FileCalls(sections, codeTest(file), openShared)
}

/** The lines of a unit, and paths of its files by their number, once asked for. */
interface UnitLines {
  readonly table: LineTable
  readonly names: Map<number, string>
}

class FileCalls implements InlinedCalls {
  private readonly sections: DwarfSections
  private readonly budget: Budget
  private readonly context: RangeContext
  private readonly units: DwarfUnits
  private readonly names: CallNames
  /** By the unit's offset. */
  private readonly functions = new Map<number, Intervals>()
  /** By the function's offset. */
  private readonly calls = new Map<number, FunctionCalls>()
  /** By their offset; undefined = cannot be read. */
  private readonly lines = new Map<number, UnitLines | undefined>()
  private keptBytes = 0
  private missed = 0

  constructor(sections: DwarfSections, isCode: (address: number) => boolean, openShared: () => Elf | undefined) {
    this.sections = sections
    this.budget = { left: leastBudget + budgetPerByte * sections.info.size }
    this.context = { sections, budget: this.budget, isCode }
    this.units = new DwarfUnits(this.context)
    this.names = new CallNames(this.context, this.units, openShared)
  }

  get bytes(): number {
    return this.sections.bytes + this.keptBytes + this.names.bytes + this.units.bytes
  }

  get unread(): number {
    return this.missed + this.units.unread + this.names.unread
  }

  at(address: number): readonly SymbolFrame[] {
    for (const unit of this.units.at(address)) {
      if (this.budget.left < 0) break
      const [entry] = this.functionsOf(unit).covering(address)
      if (entry === undefined) continue
      return this.framesOf(this.callsOf(entry, unit).at(address))
    }
    if (this.budget.left < 0) this.missed++
    return noFrames
  }

  placesAt(address: number): readonly SourcePlace[] {
    let places: readonly SourcePlace[] = noPlaces
    for (const unit of this.units.at(address)) {
      if (this.budget.left < 0) break
      const [entry] = this.functionsOf(unit).covering(address)
      const lines = this.linesOf(unit)
      const own = lines?.table.at(address)
      const sites = entry === undefined ? [] : this.callsOf(entry, unit).sitesAt(address)
      const found = [own, ...sites].map((site) => (lines && site ? this.placeOf(site, lines, unit) : nowhere))
      if (entry !== undefined) return found
      // Assembly has lines without a function; another unit may have the function.
      if (own && places.length === 0) places = found
    }
    return places
  }

  private placeOf({ file, line }: CallSite, { table, names }: UnitLines, unit: DwarfUnit): SourcePlace {
    if (line === 0) return nowhere
    let name = names.get(file)
    if (name === undefined) {
      name = this.fileName(file, table, unit)
      names.set(file, name)
    }
    return name === '' ? { line } : { file: name, line }
  }

  /** As addr2line prints it: the folder as it was given to the compiler, from where it was started. */
  private fileName(index: number, { files, folders, version }: LineTable, unit: DwarfUnit): string {
    const first = version >= 5 ? 0 : 1
    const file = files[index - first]
    const name = file && this.lineText(file.name, unit)
    if (!file || !name) return ''
    if (name.startsWith('/')) return name
    const startName = (version >= 5 ? this.lineText(folders[0], unit) : this.names.text(unit.compDir, unit)) ?? ''
    if (file.folder === 0) return joined(startName, name)
    const folderName = this.lineText(folders[file.folder - first], unit) ?? ''
    return joined(folderName.startsWith('/') ? folderName : joined(startName, folderName), name)
  }

  /** Of a table of lines: text in the table itself, or where texts of units are. */
  private lineText(value: FormValue | undefined, unit: DwarfUnit): string | undefined {
    if (value?.form === form.string) return readCString(this.sections.line, value.value) || undefined
    return value && this.names.text(value, unit)
  }

  private linesOf(unit: DwarfUnit): UnitLines | undefined {
    const { stmtList } = unit
    if (stmtList < 0) return undefined
    let lines = this.lines.get(stmtList)
    if (!lines && !this.lines.has(stmtList)) {
      const table = readLineTable(stmtList, this.context)
      if (!table) this.missed++
      lines = table && { table, names: new Map() }
      this.keep(table?.bytes ?? 0)
      this.lines.set(stmtList, lines)
    }
    return lines
  }

  private framesOf(origins: readonly number[]): readonly SymbolFrame[] {
    if (origins.length === 0) return noFrames
    const frames = origins.flatMap((origin) => this.names.of(origin) ?? [])
    // Their names are in another file (dwz -m) that is not here, or damaged.
    if (frames.length < origins.length) this.missed++
    return frames
  }

  private functionsOf(unit: DwarfUnit): Intervals {
    let functions = this.functions.get(unit.offset)
    if (!functions) {
      const abbreviations = this.units.abbreviationsOf(unit)
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
      const abbreviations = this.units.abbreviationsOf(unit)
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
      this.lines.clear()
      this.keptBytes = 0
    }
    this.keptBytes += bytes
  }
}

const noFunctions = new IntervalList(0).sorted()
const noPlaces: readonly SourcePlace[] = []
const nowhere: SourcePlace = {}
const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)
