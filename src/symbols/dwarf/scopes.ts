// What stands around an entry: the namespaces, classes and functions that a name without a linkage name is qualified
// with. gcc gives none to what has to do with a lambda or another type that only one unit knows.
//
//   DW_TAG_namespace std
//     DW_TAG_structure_type thread
//       DW_TAG_subprogram thread<main(int, char**)::<lambda()> >         std::thread::thread<…>
import { firstAbove } from '../../lib/first-above.ts'
import type { AbbreviationTable } from './abbreviations.ts'
import { tag } from './entries.ts'
import type { RangeContext } from './ranges.ts'
import { type DwarfUnit, walkUnit } from './units.ts'

export interface Scopes {
  readonly bytes: number
  /** Offsets of what an entry is inside of, outermost first. */
  around(entry: number): readonly number[]
}

const named: ReadonlySet<number> = new Set([tag.namespace, tag.classType, tag.structure, tag.union, tag.subprogram])
/** DW_LANG_*: C++ 98 to 20 and Rust. Other languages have no scopes, or always linkage names. */
const languages: ReadonlySet<number> = new Set([0x04, 0x19, 0x1a, 0x1c, 0x21, 0x2a, 0x2b])

export const hasScopes = ({ language }: DwarfUnit): boolean => languages.has(language)

export function readScopes(unit: DwarfUnit, abbreviations: AbbreviationTable, context: RangeContext): Scopes {
  const walker = walkUnit(unit, tag.namespace, { abbreviations, context })
  const entries: number[] = []
  const ends: number[] = []
  const parents: number[] = []
  /** Scopes that the current entry is inside of. */
  const open: { scope: number; depth: number }[] = []
  while (walker.next()) {
    const { depth, offset } = walker
    // The end of children stands one deeper than their parent.
    const least = walker.tag === 0 ? depth - 1 : depth
    for (let top = open.at(-1); top && top.depth >= least; top = open.at(-1)) {
      ends[top.scope] = offset
      open.pop()
    }
    if (!walker.hasChildren || !named.has(walker.tag)) continue
    const scope = entries.push(offset) - 1
    ends.push(unit.end)
    parents.push(open.at(-1)?.scope ?? -1)
    open.push({ scope, depth })
  }
  return {
    bytes: 100 + 24 * entries.length,
    around(entry) {
      const found: number[] = []
      // A scope that begins at the entry is not around it.
      for (let scope = firstAbove(entries, entry - 1) - 1; scope >= 0; scope = parents[scope] as number) {
        if ((ends[scope] as number) > entry) found.unshift(entries[scope] as number)
      }
      return found
    },
  }
}
