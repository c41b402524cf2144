// The calls that were inlined into one function, and which of them an address belongs to.
//
//   DW_TAG_subprogram                         the function that is called
//     DW_TAG_inlined_subroutine  origin →     a call that was inlined, its ranges, what it is a copy of
//       DW_TAG_lexical_block                  a block of it: nothing to us, but what is in it
//         DW_TAG_inlined_subroutine           a call inside that call
import type { AbbreviationTable } from './abbreviations.ts'
import { EntryWalker, type FormValue, tag, type UnitBytes } from './entries.ts'
import { form } from './forms.ts'
import { eachRange, type RangeContext } from './ranges.ts'
import type { DwarfUnit } from './units.ts'

export interface FunctionCalls {
  readonly bytes: number
  /** Offsets in .debug_info of what was inlined at an address, innermost first. */
  at(address: number): readonly number[]
  /** Where those calls are written, in the same order: row in the unit's table of files, and line, 0 = not said. */
  sitesAt(address: number): readonly CallSite[]
}

export interface CallSite {
  readonly file: number
  readonly line: number
}

/** Most functions fit; of others more is read. */
const pieceBytes = 4 << 10
/** Deepest nest of inlined calls that is told; 30 are seen in iterators of Rust and in templates. */
const maxDepth = 256
const none: readonly number[] = []
export const noCalls: FunctionCalls = { bytes: 0, at: () => none, sitesAt: () => [] }

/** Offsets from here on are those of another file, which several share (dwz -m); no file is so large. */
export const sharedStart = 2 ** 48

/** Offset of the entry that a reference means; -1 where it is of a type unit, which holds no calls. */
export function referenceOf({ form: kind, value }: Readonly<FormValue>, unit: UnitBytes): number {
  switch (kind) {
    case form.ref1:
    case form.ref2:
    case form.ref4:
    case form.ref8:
    case form.refUdata:
      return unit.offset + value
    case form.refAddr:
      return value
    case form.gnuRefAlt:
    case form.refSup4:
    case form.refSup8:
      return sharedStart + value
    default:
      return -1
  }
}

/** @param entry offset of the function in .debug_info */
export function readCalls(
  entry: number,
  unit: DwarfUnit,
  { abbreviations, context }: { abbreviations: AbbreviationTable; context: RangeContext },
): FunctionCalls {
  const { sections, budget } = context
  const walker = new EntryWalker(sections.info, unit, {
    abbreviations,
    from: entry,
    pieceBytes,
    budget,
    only: tag.inlinedSubroutine,
  })
  /** By call: the call around it or -1, how deep it is, what it is a copy of. */
  const parents: number[] = []
  const levels: number[] = []
  const origins: number[] = []
  const files: number[] = []
  const lines: number[] = []
  const ranges: number[] = []
  /** Calls that the current entry is inside of, and their depths. */
  const open: { call: number; depth: number }[] = []
  /** Depth of a function inside the function: its calls are not ours. */
  let foreign = Number.POSITIVE_INFINITY
  if (!walker.next() || !walker.hasChildren) return noCalls
  while (walker.next()) {
    const { depth } = walker
    if (walker.tag === 0) {
      if (depth <= 1) break
      continue
    }
    if (depth <= foreign) foreign = Number.POSITIVE_INFINITY
    else continue
    if (walker.tag === tag.subprogram) foreign = depth
    while ((open.at(-1)?.depth ?? -1) >= depth) open.pop()
    if (walker.tag !== tag.inlinedSubroutine) continue
    const parent = open.at(-1)?.call ?? -1
    const call = parents.push(parent) - 1
    levels.push(parent < 0 ? 1 : (levels[parent] as number) + 1)
    origins.push(referenceOf(walker.values.abstractOrigin, unit))
    files.push(walker.values.callFile)
    lines.push(walker.values.callLine)
    open.push({ call, depth })
    eachRange(walker.values, { unit, context }, (start, end) => ranges.push(start, end, call))
  }
  const places = Float64Array.from(ranges)
  const callsAt = (address: number): readonly number[] => {
    let innermost = -1
    for (let i = 0; i < places.length; i += 3) {
      if (address < (places[i] as number) || address >= (places[i + 1] as number)) continue
      const call = places[i + 2] as number
      if (innermost < 0 || (levels[call] as number) > (levels[innermost] as number)) innermost = call
    }
    if (innermost < 0) return none
    const calls: number[] = []
    for (let call = innermost; call >= 0 && calls.length < maxDepth; call = parents[call] as number) calls.push(call)
    return calls
  }
  return {
    bytes: 200 + places.byteLength + 40 * parents.length,
    at: (address) => callsAt(address).map((call) => origins[call] as number),
    sitesAt: (address) =>
      callsAt(address).map((call) => ({ file: files[call] as number, line: lines[call] as number })),
  }
}
