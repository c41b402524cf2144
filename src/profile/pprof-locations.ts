// Locations of a pprof with their lines, read as the messages of pprof-tables.ts are.
//
//   22 0e 08 01 10 01 18 80 80 04 22 04 08 07 10 2a   id 1, mapping 1, address 0x10000, one line: function 7, line 42
import { wordsOf } from './int64.ts'
import { countLoss, type DecodeContext, eachMessage, type MessageReader } from './pprof-context.ts'
import { IdTable } from './pprof-ids.ts'
import type { MessageRuns } from './pprof-index.ts'
import type { LineTable, LocationTable } from './profile.ts'
import { failAt, last, lastNumber, readLength, readVarint, skipField } from './protobuf.ts'

export function decodeLocations(
  context: DecodeContext,
  runs: MessageRuns,
  { mappingIds, functionIds }: { mappingIds: IdTable; functionIds: IdTable },
): { locations: LocationTable; lines: LineTable; ids: IdTable } {
  const lines = new LineReader(context, functionIds, runs.length)
  const reader = new LocationReader(context, { count: runs.length, mappingIds, lines })
  eachMessage(context, runs, reader)
  return { locations: reader.toTable(), lines: lines.toTable(), ids: reader.ids }
}

class LocationReader implements MessageReader {
  readonly ids = new IdTable()
  private readonly context: DecodeContext
  private readonly mappingIds: IdTable
  private readonly lines: LineReader
  private length = 0
  private readonly mapping: Int32Array
  private readonly address: BigUint64Array
  private readonly addressWords: Int32Array
  private readonly isFolded: Uint8Array
  private readonly lineOffsets: Uint32Array

  constructor(
    context: DecodeContext,
    { count, mappingIds, lines }: { count: number; mappingIds: IdTable; lines: LineReader },
  ) {
    this.context = context
    this.mappingIds = mappingIds
    this.lines = lines
    this.mapping = new Int32Array(count)
    this.address = new BigUint64Array(count)
    this.addressWords = wordsOf(this.address)
    this.isFolded = new Uint8Array(count)
    this.lineOffsets = new Uint32Array(count + 1)
  }

  read(start: number, end: number): void {
    const { lines, length } = this
    const { bytes } = this.context
    let low = 0
    let high = 0
    let mapping = -1
    let addressLow = 0
    let addressHigh = 0
    let isFolded = 0
    // What a damaged predecessor left behind does not count.
    lines.length = this.lineOffsets[length] as number
    for (let at = start; at < end; at = last.next) {
      let tag = bytes[at] as number
      if (tag < 128) at++
      else {
        tag = readVarint(bytes, at, end)
        at = last.next
      }
      if (tag === 0x22) {
        const lineEnd = readLength(bytes, at, end)
        lines.read(last.next, lineEnd)
        last.next = lineEnd
        continue
      }
      if (tag > 0x28 || tag % 8 !== 0) {
        last.next = skipField(bytes, tag, { at, end })
        continue
      }
      const value = readVarint(bytes, at, end)
      if (tag === 0x08) {
        low = last.low
        high = last.high
      } else if (tag === 0x10) {
        mapping = value === 0 ? -1 : this.mappingIds.find(last.low, last.high)
        if (value !== 0 && mapping === -1) countLoss(this.context, 'locations whose mapping is missing')
      } else if (tag === 0x18) {
        addressLow = last.low
        addressHigh = last.high
      } else if (tag === 0x28) isFolded = value === 0 ? 0 : 1
    }
    if (!this.ids.add(low, high)) failAt(start, 'a location id is 0 or used twice')
    this.mapping[length] = mapping
    this.addressWords[2 * length] = addressLow
    this.addressWords[2 * length + 1] = addressHigh
    this.isFolded[length] = isFolded
    this.lineOffsets[length + 1] = lines.length
    this.length = length + 1
  }

  toTable(): LocationTable {
    const { length, mapping, address, isFolded } = this
    return { length, mapping, address, isFolded, lineOffsets: this.lineOffsets.subarray(0, length + 1) }
  }
}

/** Line rows as they are read; nearly always one per location. */
class LineReader implements MessageReader {
  length = 0
  private readonly context: DecodeContext
  private readonly functionIds: IdTable
  private fn: Int32Array
  private line: Float64Array
  private column: Float64Array

  constructor(context: DecodeContext, functionIds: IdTable, capacity: number) {
    this.context = context
    this.functionIds = functionIds
    this.fn = new Int32Array(capacity)
    this.line = new Float64Array(capacity)
    this.column = new Float64Array(capacity)
  }

  read(start: number, end: number): void {
    const { bytes } = this.context
    let fn = -1
    let line = 0
    let column = 0
    for (let at = start; at < end; at = last.next) {
      let tag = bytes[at] as number
      if (tag < 128) at++
      else {
        tag = readVarint(bytes, at, end)
        at = last.next
      }
      if (tag > 0x18 || tag % 8 !== 0) {
        last.next = skipField(bytes, tag, { at, end })
        continue
      }
      readVarint(bytes, at, end)
      if (tag === 0x08) fn = this.findFunction(at)
      else if (tag === 0x10) line = lastNumber()
      else if (tag === 0x18) column = lastNumber()
    }
    // A line that names no function says nothing that could be shown.
    if (fn < 0) countLoss(this.context, 'lines without a function')
    else this.push(fn, line, column)
  }

  /** Row of the function id that was read last, at `at`; -1 for id 0, which is none. */
  private findFunction(at: number): number {
    const { low, high } = last
    const row = this.functionIds.find(low, high)
    if (row < 0 && (low !== 0 || high !== 0) && !this.context.salvage) {
      failAt(at, `function ${low >>> 0} does not exist`)
    }
    return row
  }

  private push(fn: number, line: number, column: number): void {
    if (this.length === this.fn.length) this.grow()
    this.fn[this.length] = fn
    this.line[this.length] = line
    this.column[this.length++] = column
  }

  toTable(): LineTable {
    const { length } = this
    // Not copied to size: memory that was never written costs nothing, a copy does.
    return {
      function: this.fn.subarray(0, length),
      line: this.line.subarray(0, length),
      column: this.column.subarray(0, length),
    }
  }

  private grow(): void {
    const capacity = this.length * 2 + 16
    const { fn, line, column } = this
    this.fn = new Int32Array(capacity)
    this.fn.set(fn)
    this.line = new Float64Array(capacity)
    this.line.set(line)
    this.column = new Float64Array(capacity)
    this.column.set(column)
  }
}
