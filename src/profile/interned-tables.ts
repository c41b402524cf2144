// The tables of a profile as interned rows, and the columns made of them. Shared by builder and merge.
//   function: name, systemName, filename, start line (low, high word)
//   location: mapping, address (low, high), folded, then per line: function, line (low, high), column (low, high)
import { highWord, wordsOf } from './int64.ts'
import type { FunctionTable, LineTable, LocationTable } from './profile.ts'
import type { RowInterner } from './row-interner.ts'

/** Numbers of a location row before its lines, and per line. */
export const locationHead = 4
export const lineWidth = 5

export const lowWord = (value: number): number => value >>> 0
export const highWordOf = (value: number): number => Math.floor(value / highWord) >>> 0

/** The signed 64-bit integer of two words, as a double. */
function join(low: number, high: number): number {
  return (high | 0) * highWord + low
}

export function functionColumns(rows: RowInterner): FunctionTable {
  const { length } = rows
  const functions = {
    length,
    name: new Int32Array(length),
    systemName: new Int32Array(length),
    filename: new Int32Array(length),
    startLine: new Float64Array(length),
  }
  for (let i = 0; i < length; i++) {
    functions.name[i] = rows.at(i, 0)
    functions.systemName[i] = rows.at(i, 1)
    functions.filename[i] = rows.at(i, 2)
    functions.startLine[i] = join(rows.at(i, 3), rows.at(i, 4))
  }
  return functions
}

export function locationColumns(rows: RowInterner): { locations: LocationTable; lines: LineTable } {
  const { offsets, values } = rows.rows()
  const { length } = rows
  const lineCount = (values.length - length * locationHead) / lineWidth
  const locations = {
    length,
    mapping: new Int32Array(length),
    address: new BigUint64Array(length),
    isFolded: new Uint8Array(length),
    lineOffsets: new Uint32Array(length + 1),
  }
  const lines = {
    function: new Int32Array(lineCount),
    line: new Float64Array(lineCount),
    column: new Float64Array(lineCount),
  }
  const addressWords = wordsOf(locations.address)
  let row = 0
  for (let i = 0; i < length; i++) {
    const start = offsets[i] as number
    locations.mapping[i] = values[start] as number
    addressWords[2 * i] = values[start + 1] as number
    addressWords[2 * i + 1] = values[start + 2] as number
    locations.isFolded[i] = values[start + 3] as number
    for (let at = start + locationHead; at < (offsets[i + 1] as number); at += lineWidth) {
      lines.function[row] = values[at] as number
      lines.line[row] = join(values[at + 1] as number, values[at + 2] as number)
      lines.column[row++] = join(values[at + 3] as number, values[at + 4] as number)
    }
    locations.lineOffsets[i + 1] = row
  }
  return { locations, lines }
}
