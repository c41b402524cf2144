// Places in code as the tables of a Profile: strings, functions, mappings, locations and their lines.
import { setInt64, wordsOf } from '../int64.ts'
import type { Mapping, Profile } from '../profile.ts'
import { TextNumbers } from '../string-table.ts'
import type { SymbolFrame } from '../symbolizer.ts'
import type { CodePlace } from './frame-table.ts'
import type { MappedFile } from './mapped-file.ts'

/** More than there are strings: two of their rows fit exactly into one number. */
const mostStrings = 2 ** 26

/** Tables of the profile whose location i is places[i]. */
export function placeTables(
  places: readonly CodePlace[],
): Pick<Profile, 'strings' | 'functions' | 'mappings' | 'locations' | 'lines'> {
  const strings = new TextNumbers()
  const functions: { name: number; systemName: number; filename: number; startLine: number }[] = []
  /** By name and system name as one number; functions of which more is known, by text. */
  const functionRows = new Map<string | number, number>()
  /** The symbolizer gives the same object for the same function, mostly. */
  const rowOfFrame = new Map<SymbolFrame, number>()
  const functionRow = (frame: SymbolFrame): number => {
    let row = rowOfFrame.get(frame)
    if (row !== undefined) return row
    const { name, systemName = name, file = '', startLine = 0 } = frame
    const nameRow = strings.intern(name)
    const systemRow = systemName === name ? nameRow : strings.intern(systemName)
    const isPlain = file === '' && startLine === 0
    const key = isPlain ? nameRow * mostStrings + systemRow : `${nameRow} ${systemRow} ${startLine} ${file}`
    row = functionRows.get(key)
    if (row === undefined) {
      row = functions.push({ name: nameRow, systemName: systemRow, filename: strings.intern(file), startLine }) - 1
      functionRows.set(key, row)
    }
    rowOfFrame.set(frame, row)
    return row
  }
  const files: MappedFile[] = []
  const fileRows = new Map<MappedFile, number>()
  const named = new Set<MappedFile>()
  const lineFunctions: number[] = []
  const lineNumbers: number[] = []
  const mapping = new Int32Array(places.length)
  const address = new BigUint64Array(places.length)
  const addressWords = wordsOf(address)
  const lineOffsets = new Uint32Array(places.length + 1)
  places.forEach(({ file, offset, frames }, i) => {
    mapping[i] = -1
    if (file) {
      let row = fileRows.get(file)
      if (row === undefined) {
        row = files.push(file) - 1
        fileRows.set(file, row)
      }
      mapping[i] = row
      setInt64(addressWords, i, file.base + offset)
      if (frames.length > 0) named.add(file)
    }
    for (const frame of frames) {
      lineFunctions.push(functionRow(frame))
      lineNumbers.push(frame.line ?? 0)
    }
    lineOffsets[i + 1] = lineFunctions.length
  })
  return {
    strings: strings.toTable(),
    functions: {
      length: functions.length,
      name: Int32Array.from(functions, (fn) => fn.name),
      systemName: Int32Array.from(functions, (fn) => fn.systemName),
      filename: Int32Array.from(functions, (fn) => fn.filename),
      startLine: Float64Array.from(functions, (fn) => fn.startLine),
    },
    mappings: files.map((file) =>
      mappingOf(
        file,
        named.has(file),
        lineNumbers.some((line) => line > 0),
      ),
    ),
    locations: { length: places.length, mapping, address, isFolded: new Uint8Array(places.length), lineOffsets },
    lines: {
      function: Int32Array.from(lineFunctions),
      line: Float64Array.from(lineNumbers),
      column: new Float64Array(lineNumbers.length),
    },
  }
}

function mappingOf(file: MappedFile, hasFunctions: boolean, hasLines: boolean): Mapping {
  const unsigned = (value: number): bigint => BigInt.asUintN(64, BigInt(Math.round(value)))
  const end = file.base + file.to
  return {
    start: unsigned(file.base + file.from),
    // The kernel reaches up to the last address.
    limit: end === 0 ? 0xffffffffffffffffn : unsigned(end),
    offset: file.isAbsolute ? 0n : unsigned(file.from),
    file: file.path,
    buildId: file.buildId ?? '',
    hasFunctions,
    hasFilenames: false,
    hasLineNumbers: hasFunctions && hasLines,
    hasInlineFrames: hasFunctions,
  }
}
