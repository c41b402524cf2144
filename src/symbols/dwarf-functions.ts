// The functions of one compile unit that became code, by address: one walk over all its entries, after which 24 bytes
// for each are left.
import type { AbbreviationTable } from './dwarf-abbreviations.ts'
import { EntryWalker, tag } from './dwarf-entries.ts'
import { eachRange, type RangeContext } from './dwarf-ranges.ts'
import type { DwarfUnit } from './dwarf-units.ts'

export interface FunctionIndex {
  readonly bytes: number
  /** The unit ended before its end. */
  readonly isDamaged: boolean
  /** Offset in .debug_info of the innermost function that has the address; -1 = none. */
  find(address: number): number
}

/** Large enough that reading costs less than walking. */
const pieceBytes = 256 << 10
/** The largest unit met, a Rust program optimised as one, has 60 000. */
const maxFunctions = 4 << 20

export function indexFunctions(
  unit: DwarfUnit,
  abbreviations: AbbreviationTable,
  context: RangeContext,
): FunctionIndex {
  const { sections, budget } = context
  const walker = new EntryWalker(sections.info, unit, {
    abbreviations,
    from: unit.first,
    pieceBytes,
    budget,
    passesCalls: true,
  })
  const found: { start: number; end: number; entry: number }[] = []
  while (walker.next()) {
    if (walker.tag !== tag.subprogram) continue
    const entry = walker.offset
    eachRange(walker.values, { unit, context }, (start, end) => {
      if (found.length < maxFunctions) found.push({ start, end, entry })
    })
  }
  // Of those that begin together the shortest is innermost: it comes last.
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  const starts = Float64Array.from(found, ({ start }) => start)
  const ends = Float64Array.from(found, ({ end }) => end)
  const entries = Float64Array.from(found, ({ entry }) => entry)
  let reach = 0
  const reaches = ends.map((end) => {
    reach = Math.max(reach, end)
    return reach
  })
  return {
    bytes: 100 + 32 * starts.length,
    isDamaged: walker.isDamaged,
    find(address) {
      let low = 0
      let high = starts.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((starts[middle] as number) <= address) low = middle + 1
        else high = middle
      }
      for (let i = low - 1; i >= 0 && (reaches[i] as number) > address; i--) {
        if ((ends[i] as number) > address) return entries[i] as number
      }
      return -1
    },
  }
}
