// Where code of a unit, a function or an inlined call is: one range, or a list of them (DWARF 5 section 2.17).
import { type ByteSource, readBytes } from '../byte-source.ts'
import type { Elf } from '../elf.ts'
import { elf } from '../elf.ts'
import { DwarfCursor } from './cursor.ts'
import type { Budget, EntryValues, FormValue, UnitBytes } from './entries.ts'
import { form } from './forms.ts'
import type { DwarfSections } from './sections.ts'

/** A unit with what its first entry says of addresses. */
export interface RangeUnit extends UnitBytes {
  /** That ranges count from. */
  readonly lowPc: number
  readonly addrBase: number
  readonly rnglistsBase: number
}

export interface RangeContext {
  readonly sections: DwarfSections
  readonly budget: Budget
  /** Whether code can begin at an address: that of functions which the linker left out is 0, 1 or -1. */
  readonly isCode: (address: number) => boolean
}

/** Ranges of one list; a unit of 100 000 functions has so many. More is damage. */
const maxRanges = 1 << 20
const firstListBytes = 1024
const maxListBytes = 32 << 20

/** DW_RLE_* of .debug_rnglists. */
const entry = {
  end: 0,
  baseAddressx: 1,
  startxEndx: 2,
  startxLength: 3,
  offsetPair: 4,
  baseAddress: 5,
  startEnd: 6,
  startLength: 7,
} as const

/** @returns whether executable code can begin at an address, by the file's sections */
export function codeTest({ sections }: Elf): (address: number) => boolean {
  const code = sections.filter(({ flags, size }) => flags & elf.sectionExecutable && size > 0)
  return (at) => code.some(({ address, size }) => at >= address && at < address + size)
}

/** Calls `add` for every range of an entry that is code; an entry need not have any. */
export function eachRange(
  values: EntryValues,
  { unit, context }: { unit: RangeUnit; context: RangeContext },
  add: (start: number, end: number) => void,
): void {
  const take = (start: number, end: number): void => {
    if (end > start && context.isCode(start)) add(start, end)
  }
  const { ranges, lowPc, highPc } = values
  if (ranges.form !== 0) {
    if (unit.version >= 5) eachOfList(ranges, unit, context, take)
    else eachOfPairs(ranges.value, unit, context, take)
    return
  }
  if (lowPc.form === 0 || highPc.form === 0) return
  const start = addressOf(lowPc, unit, context.sections)
  if (start === undefined) return
  const end = isAddress(highPc.form) ? addressOf(highPc, unit, context.sections) : start + highPc.value
  if (end !== undefined) take(start, end)
}

const isAddress = (kind: number): boolean =>
  kind === form.addr || kind === form.addrx || (kind >= form.addrx1 && kind <= form.addrx4)

/** An address, also where the entry only has its row in .debug_addr. */
export function addressOf(
  { form: kind, value }: Readonly<FormValue>,
  { addrBase }: { readonly addrBase: number },
  sections: DwarfSections,
): number | undefined {
  if (kind === form.addr) return value
  return isAddress(kind) ? addressAt(value, addrBase, sections.addr) : undefined
}

function addressAt(index: number, base: number, source: ByteSource): number | undefined {
  // Without a base the table begins behind its header of 8 bytes (DWARF 5 section 7.27).
  const bytes = readBytes(source, (base < 0 ? 8 : base) + index * 8, 8)
  return bytes.length === 8 ? new DwarfCursor(bytes).u64() : undefined
}

/** .debug_ranges: pairs of addresses; 0 0 ends, -1 X makes X the base of what follows. */
function eachOfPairs(
  offset: number,
  unit: RangeUnit,
  { sections, budget }: RangeContext,
  take: (start: number, end: number) => void,
): void {
  let base = unit.lowPc
  eachPiece(sections.ranges, offset, budget, (cursor) => {
    const start = cursor.u64()
    const end = cursor.u64()
    if (cursor.isPast || (start === 0 && end === 0)) return false
    if (start === -1) base = end
    else take(base + start, base + end)
    return true
  })
}

function eachOfList(
  { form: kind, value }: FormValue,
  unit: RangeUnit,
  { sections, budget }: RangeContext,
  take: (start: number, end: number) => void,
): void {
  const { rnglists, addr } = sections
  let offset = value
  if (kind === form.rnglistx) {
    // Without a base the offsets stand behind the header of 12 bytes (DWARF 5 section 7.28).
    const table = unit.rnglistsBase < 0 ? 12 : unit.rnglistsBase
    const width = unit.is64 ? 8 : 4
    const bytes = readBytes(rnglists, table + value * width, width)
    if (bytes.length < width) return
    offset = table + new DwarfCursor(bytes).offset(unit.is64)
  }
  let base = unit.lowPc
  const at = (index: number): number => addressAt(index, unit.addrBase, addr) ?? -1
  eachPiece(rnglists, offset, budget, (cursor) => {
    let start = 0
    let end = 0
    switch (cursor.u8()) {
      case entry.baseAddressx:
        start = at(cursor.uleb())
        if (!cursor.isPast) base = start
        return true
      case entry.startxEndx:
        start = at(cursor.uleb())
        end = at(cursor.uleb())
        break
      case entry.startxLength:
        start = at(cursor.uleb())
        end = start + cursor.uleb()
        break
      case entry.offsetPair:
        start = base + cursor.uleb()
        end = base + cursor.uleb()
        break
      case entry.baseAddress:
        start = cursor.u64()
        if (!cursor.isPast) base = start
        return true
      case entry.startEnd:
        start = cursor.u64()
        end = cursor.u64()
        break
      case entry.startLength:
        start = cursor.u64()
        end = start + cursor.uleb()
        break
      default:
        return false
    }
    if (!cursor.isPast) take(start, end)
    return true
  })
}

/**
 * Reads a list whose length nobody knows before its end, in pieces that grow.
 * @param read takes one entry; false at the last. What it does with one that is cut off is done again.
 */
function eachPiece(source: ByteSource, offset: number, budget: Budget, read: (cursor: DwarfCursor) => boolean): void {
  const cursor = new DwarfCursor(new Uint8Array(0))
  let from = offset
  let count = 0
  for (let length = firstListBytes; length <= maxListBytes; length *= 4) {
    budget.left -= length
    if (budget.left < 0) return
    const bytes = readBytes(source, from, length)
    cursor.open(bytes)
    let done = 0
    for (;;) {
      const goesOn = read(cursor)
      if (cursor.isPast) break
      if (!goesOn || ++count > maxRanges) return
      done = cursor.at
    }
    if (bytes.length < length || done === 0) return
    from += done
  }
}
