// The functions of one compile unit that became code, by address: one walk over all its entries, after which 32 bytes
// for each are left.
import type { AbbreviationTable } from './abbreviations.ts'
import { tag } from './entries.ts'
import { IntervalList, type Intervals } from './intervals.ts'
import { eachRange, type RangeContext } from './ranges.ts'
import { type DwarfUnit, walkUnit } from './units.ts'

export interface FunctionIndex {
  /** The numbers are offsets in .debug_info. */
  readonly functions: Intervals
  /** The unit ended before its end. */
  readonly isDamaged: boolean
}

/** The largest unit met, a Rust program optimised as one, has 60 000. */
const maxFunctions = 4 << 20

export function indexFunctions(
  unit: DwarfUnit,
  abbreviations: AbbreviationTable,
  context: RangeContext,
): FunctionIndex {
  const walker = walkUnit(unit, tag.subprogram, { abbreviations, context })
  const found = new IntervalList(maxFunctions)
  while (walker.next()) {
    if (walker.tag !== tag.subprogram) continue
    const entry = walker.offset
    eachRange(walker.values, { unit, context }, (start, end) => found.add(start, end, entry))
  }
  return { functions: found.sorted(), isDamaged: walker.isDamaged }
}
