// The small messages of a pprof: sample types, mappings, functions, and locations with their lines.
import { checkString, countLoss, type DecodeContext, eachMessage } from './pprof-context.ts'
import { IdTable } from './pprof-ids.ts'
import type { MessageRuns } from './pprof-index.ts'
import type { FunctionTable, LineTable, LocationTable, Mapping, ValueType } from './profile.ts'
import { failAt, last, lastNumber, readLength, readVarint, skipField } from './protobuf.ts'

export function decodeValueType(context: DecodeContext, start: number, end: number): ValueType {
  const { bytes, strings } = context
  let type = 0
  let unit = 0
  for (let at = start; at < end; ) {
    const tag = readVarint(bytes, at, end)
    at = last.next
    if (tag === 0x08) type = checkString(context, readVarint(bytes, at, end), at)
    else if (tag === 0x10) unit = checkString(context, readVarint(bytes, at, end), at)
    else last.next = skipField(bytes, tag, { at, end })
    at = last.next
  }
  return { type: strings.get(type), unit: strings.get(unit) }
}

export function decodeMappings(context: DecodeContext, runs: MessageRuns): { mappings: Mapping[]; ids: IdTable } {
  const { bytes, strings } = context
  const mappings: Mapping[] = []
  const ids = new IdTable()
  eachMessage(context, runs, (start, end) => {
    /** Fields 1 to 10, all varints. */
    const fields = new BigUint64Array(11)
    const words = new Int32Array(fields.buffer)
    for (let at = start; at < end; ) {
      const tag = readVarint(bytes, at, end)
      at = last.next
      if (tag >= 0x08 && tag <= 0x50 && tag % 8 === 0) {
        readVarint(bytes, at, end)
        words[tag / 4] = last.low
        words[tag / 4 + 1] = last.high
      } else last.next = skipField(bytes, tag, { at, end })
      at = last.next
    }
    if (!ids.add(words[2]!, words[3]!)) failAt(start, `mapping id ${fields[1]} is 0 or used twice`)
    mappings.push({
      start: fields[2]!,
      limit: fields[3]!,
      offset: fields[4]!,
      file: strings.get(checkString(context, Number(fields[5]), start)),
      buildId: strings.get(checkString(context, Number(fields[6]), start)),
      hasFunctions: fields[7] !== 0n,
      hasFilenames: fields[8] !== 0n,
      hasLineNumbers: fields[9] !== 0n,
      hasInlineFrames: fields[10] !== 0n,
    })
  })
  return { mappings, ids }
}

export function decodeFunctions(context: DecodeContext, runs: MessageRuns): { functions: FunctionTable; ids: IdTable } {
  const { bytes } = context
  const ids = new IdTable()
  const functions = {
    length: 0,
    name: new Int32Array(runs.length),
    systemName: new Int32Array(runs.length),
    filename: new Int32Array(runs.length),
    startLine: new Float64Array(runs.length),
  }
  eachMessage(context, runs, (start, end) => {
    let low = 0
    let high = 0
    let name = 0
    let systemName = 0
    let filename = 0
    let startLine = 0
    for (let at = start; at < end; at = last.next) {
      const tag = readVarint(bytes, at, end)
      at = last.next
      if (tag > 0x28 || tag % 8 !== 0) {
        last.next = skipField(bytes, tag, { at, end })
        continue
      }
      const value = readVarint(bytes, at, end)
      if (tag === 0x08) {
        low = last.low
        high = last.high
      } else if (tag === 0x10) name = checkString(context, value, at)
      else if (tag === 0x18) systemName = checkString(context, value, at)
      else if (tag === 0x20) filename = checkString(context, value, at)
      else if (tag === 0x28) startLine = lastNumber()
    }
    if (!ids.add(low, high)) failAt(start, 'a function id is 0 or used twice')
    const row = functions.length++
    functions.name[row] = name
    functions.systemName[row] = systemName
    functions.filename[row] = filename
    functions.startLine[row] = startLine
  })
  return { functions, ids }
}

export function decodeLocations(
  context: DecodeContext,
  runs: MessageRuns,
  { mappingIds, functionIds }: { mappingIds: IdTable; functionIds: IdTable },
): { locations: LocationTable; lines: LineTable; ids: IdTable } {
  const { bytes } = context
  const ids = new IdTable()
  const count = runs.length
  const mapping = new Int32Array(count)
  const address = new BigUint64Array(count)
  const addressWords = new Int32Array(address.buffer)
  const isFolded = new Uint8Array(count)
  const lineOffsets = new Uint32Array(count + 1)
  const lines = new LineReader(context, functionIds, count)
  let length = 0
  eachMessage(context, runs, (start, end) => {
    let low = 0
    let high = 0
    // What a damaged predecessor left behind does not count.
    lines.length = lineOffsets[length]!
    mapping[length] = -1
    address[length] = 0n
    isFolded[length] = 0
    for (let at = start; at < end; at = last.next) {
      const tag = readVarint(bytes, at, end)
      at = last.next
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
        mapping[length] = value === 0 ? -1 : mappingIds.find(last.low, last.high)
        if (value !== 0 && mapping[length] === -1) countLoss(context, 'locations whose mapping is missing')
      } else if (tag === 0x18) {
        addressWords[2 * length] = last.low
        addressWords[2 * length + 1] = last.high
      } else if (tag === 0x28) isFolded[length] = value === 0 ? 0 : 1
    }
    if (!ids.add(low, high)) failAt(start, 'a location id is 0 or used twice')
    lineOffsets[++length] = lines.length
  })
  return {
    locations: { length, mapping, address, isFolded, lineOffsets: lineOffsets.slice(0, length + 1) },
    lines: lines.toTable(),
    ids,
  }
}

/** Line rows as they are read; nearly always one per location. */
class LineReader {
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
      const tag = readVarint(bytes, at, end)
      at = last.next
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
    return {
      function: this.fn.slice(0, length),
      line: this.line.slice(0, length),
      column: this.column.slice(0, length),
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
