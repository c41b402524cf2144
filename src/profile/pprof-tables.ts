// The small messages of a pprof: sample types, mappings and functions; locations are in pprof-locations.ts. Each kind has a
// reader with a method, not a closure: closures are made anew for every file, and a thousand small files would each be
// read by code that is not compiled yet.
import { wordsOf } from './int64.ts'
import { checkString, type DecodeContext, eachMessage, type MessageReader } from './pprof-context.ts'
import { IdTable } from './pprof-ids.ts'
import type { MessageRuns } from './pprof-index.ts'
import type { FunctionTable, Mapping, ValueType } from './profile.ts'
import { failAt, last, lastNumber, readVarint, skipField } from './protobuf.ts'

export function decodeValueTypes(context: DecodeContext, runs: MessageRuns): ValueType[] {
  const reader = new ValueTypeReader(context)
  eachMessage(context, runs, reader)
  return reader.types
}

class ValueTypeReader implements MessageReader {
  readonly types: ValueType[] = []
  private readonly context: DecodeContext

  constructor(context: DecodeContext) {
    this.context = context
  }

  read(start: number, end: number): void {
    const { bytes, strings } = this.context
    let type = 0
    let unit = 0
    for (let at = start; at < end; ) {
      let tag = bytes[at] as number
      if (tag < 128) at++
      else {
        tag = readVarint(bytes, at, end)
        at = last.next
      }
      if (tag === 0x08) type = checkString(this.context, readVarint(bytes, at, end), at)
      else if (tag === 0x10) unit = checkString(this.context, readVarint(bytes, at, end), at)
      else last.next = skipField(bytes, tag, { at, end })
      at = last.next
    }
    this.types.push({ type: strings.get(type), unit: strings.get(unit) })
  }
}

export function decodeMappings(context: DecodeContext, runs: MessageRuns): { mappings: Mapping[]; ids: IdTable } {
  const reader = new MappingReader(context)
  eachMessage(context, runs, reader)
  return reader
}

class MappingReader implements MessageReader {
  readonly mappings: Mapping[] = []
  readonly ids = new IdTable()
  private readonly context: DecodeContext
  /** Fields 1 to 10, all varints. */
  private readonly fields = new BigUint64Array(11)
  private readonly words = wordsOf(this.fields)

  constructor(context: DecodeContext) {
    this.context = context
  }

  read(start: number, end: number): void {
    const { context, fields, words } = this
    const { bytes, strings } = context
    fields.fill(0n)
    for (let at = start; at < end; ) {
      let tag = bytes[at] as number
      if (tag < 128) at++
      else {
        tag = readVarint(bytes, at, end)
        at = last.next
      }
      if (tag >= 0x08 && tag <= 0x50 && tag % 8 === 0) {
        readVarint(bytes, at, end)
        words[tag / 4] = last.low
        words[tag / 4 + 1] = last.high
      } else last.next = skipField(bytes, tag, { at, end })
      at = last.next
    }
    if (!this.ids.add(words[2]!, words[3]!)) failAt(start, `mapping id ${fields[1]} is 0 or used twice`)
    this.mappings.push({
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
  }
}

export function decodeFunctions(context: DecodeContext, runs: MessageRuns): { functions: FunctionTable; ids: IdTable } {
  const reader = new FunctionReader(context, runs.length)
  eachMessage(context, runs, reader)
  return { functions: reader.toTable(), ids: reader.ids }
}

class FunctionReader implements MessageReader {
  readonly ids = new IdTable()
  private readonly context: DecodeContext
  private length = 0
  private readonly name: Int32Array
  private readonly systemName: Int32Array
  private readonly filename: Int32Array
  private readonly startLine: Float64Array

  constructor(context: DecodeContext, count: number) {
    this.context = context
    this.name = new Int32Array(count)
    this.systemName = new Int32Array(count)
    this.filename = new Int32Array(count)
    this.startLine = new Float64Array(count)
  }

  read(start: number, end: number): void {
    const { context } = this
    const { bytes } = context
    let low = 0
    let high = 0
    let name = 0
    let systemName = 0
    let filename = 0
    let startLine = 0
    for (let at = start; at < end; at = last.next) {
      let tag = bytes[at] as number
      if (tag < 128) at++
      else {
        tag = readVarint(bytes, at, end)
        at = last.next
      }
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
    if (!this.ids.add(low, high)) failAt(start, 'a function id is 0 or used twice')
    const row = this.length++
    this.name[row] = name
    this.systemName[row] = systemName
    this.filename[row] = filename
    this.startLine[row] = startLine
  }

  toTable(): FunctionTable {
    const { length, name, systemName, filename, startLine } = this
    return { length, name, systemName, filename, startLine }
  }
}
