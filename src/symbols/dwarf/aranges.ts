// Which unit an address belongs to, as gcc writes it in a table of its own (.debug_aranges, DWARF 5 section 6.1.2).
//
//   length u32, version u16 = 2, unit u32, address size u8 = 8, segment size u8 = 0, padding to 16, {start, length} u64 …, 0 0
import { readBytes } from '../byte-source.ts'
import { DwarfCursor } from './cursor.ts'
import { IntervalList, type Intervals } from './intervals.ts'
import type { RangeContext } from './ranges.ts'

/** Of Chromium it has 30 MB. */
const maxBytes = 128 << 20
const maxRanges = 1 << 23

export interface Aranges {
  /** The numbers are offsets of units. */
  readonly ranges: Intervals
  /** Units that the table has. */
  readonly units: ReadonlySet<number>
}

/** Empty where the table is not there or damaged. */
export function readAranges({ sections, budget, isCode }: RangeContext): Aranges {
  const units = new Set<number>()
  const found = new IntervalList(maxRanges)
  const { aranges } = sections
  const size = Math.min(aranges.size, maxBytes)
  budget.left -= size
  const cursor = new DwarfCursor(readBytes(aranges, 0, size))
  while (cursor.at < cursor.length) {
    const from = cursor.at
    let length = cursor.u32()
    const is64 = length === 0xffff_ffff
    if (is64) length = cursor.u64()
    const end = cursor.at + length
    const version = cursor.u16()
    const unit = cursor.offset(is64)
    const isFlat = cursor.u8() === 8 && cursor.u8() === 0
    if (cursor.isPast || !(length > 0)) break
    if (version === 2 && isFlat) {
      units.add(unit)
      cursor.at = from + Math.ceil((cursor.at - from) / 16) * 16
      while (cursor.at + 16 <= end && !cursor.isPast) {
        const start = cursor.u64()
        const bytes = cursor.u64()
        if (bytes > 0 && isCode(start)) found.add(start, start + bytes, unit)
      }
    }
    cursor.at = end
  }
  return { ranges: found.sorted(), units }
}
