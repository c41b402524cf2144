// Calls that compilers of C, C++ and Rust inlined, from the debug information of a file. Nothing is read before an
// address is asked for, then only which unit it belongs to, that unit's functions, and the entries of its function.
import type { SymbolFrame } from '../../profile/symbolizer.ts'
import type { Elf } from '../elf.ts'
import { type FunctionCalls, readCalls } from './calls.ts'
import type { Budget } from './entries.ts'
import { indexFunctions } from './functions.ts'
import { IntervalList, type Intervals } from './intervals.ts'
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
}

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
      this.keptBytes = 0
    }
    this.keptBytes += bytes
  }
}

const noFunctions = new IntervalList(0).sorted()
const noCalls: FunctionCalls = { bytes: 0, at: () => [] }
