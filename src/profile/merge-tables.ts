// The tables of a merged profile, and the way into them from the tables of each profile that is merged.
// Equal means, as in pprof: mappings by size, offset and build-id (or file), so that address-space randomisation does
// not matter; locations by address in the mapping and lines; functions by name, system name, file and start line.
import { wordsOf } from './int64.ts'
import { functionColumns, highWordOf, lineWidth, locationColumns, locationHead, lowWord } from './interned-tables.ts'
import type { Mapping, Profile, StringTable } from './profile.ts'
import { RowInterner } from './row-interner.ts'
import { StringInterner } from './string-interner.ts'

/** 4 KiB: sizes of mappings are compared in pages, as pprof does. */
const pageBytes = 4096n

export class MergedTables {
  readonly mappings: Mapping[] = []
  private readonly mappingIds = new Map<string, number>()
  private readonly strings = new StringInterner()
  /** Rows of functions and locations are those of interned-tables.ts; addresses are those within the mapping. */
  private readonly functions = new RowInterner()
  private readonly locations = new RowInterner()

  internMapping(mapping: Mapping): number {
    const pages = (mapping.limit - mapping.start + pageBytes - 1n) / pageBytes
    const key = `${pages} ${mapping.offset} ${mapping.buildId || mapping.file}`
    let id = this.mappingIds.get(key)
    if (id === undefined) {
      id = this.mappings.push(mapping) - 1
      this.mappingIds.set(key, id)
    }
    return id
  }

  internString(strings: StringTable, index: number): number {
    return this.strings.internFrom(strings, index)
  }

  internFunction(row: Uint32Array): number {
    return this.functions.intern(row, 0, row.length)
  }

  internLocation(row: Uint32Array, length: number): number {
    return this.locations.intern(row, 0, length)
  }

  /** The columns; locations have their addresses moved to where the merged mapping lies. */
  toTables(): Pick<Profile, 'strings' | 'functions' | 'mappings' | 'locations' | 'lines'> {
    const { locations, lines } = locationColumns(this.locations)
    const { address, mapping } = locations
    for (let i = 0; i < locations.length; i++) {
      const start = this.mappings[mapping[i] as number]?.start ?? 0n
      if (start !== 0n) address[i] = (address[i] as bigint) + start
    }
    return {
      strings: this.strings.toTable(),
      functions: functionColumns(this.functions),
      mappings: this.mappings,
      locations,
      lines,
    }
  }
}

/** From the rows of one profile to those of the merged one, each looked up once and only when a sample reaches it. */
export class Translation {
  private readonly merged: MergedTables
  private readonly profile: Profile
  /** Merged row + 1; 0 = not looked up yet. */
  private readonly strings: Uint32Array
  private readonly mappings: Uint32Array
  private readonly functions: Uint32Array
  private readonly locations: Uint32Array
  private readonly functionKey = new Uint32Array(5)
  private key = new Uint32Array(64)
  private readonly addressWords: Int32Array
  private readonly mappingStarts: Int32Array

  constructor(merged: MergedTables, profile: Profile) {
    this.merged = merged
    this.profile = profile
    this.strings = new Uint32Array(profile.strings.length)
    this.mappings = new Uint32Array(profile.mappings.length)
    this.functions = new Uint32Array(profile.functions.length)
    this.locations = new Uint32Array(profile.locations.length)
    this.addressWords = wordsOf(profile.locations.address)
    this.mappingStarts = wordsOf(BigUint64Array.from(profile.mappings, ({ start }) => start))
  }

  mapping(row: number): number {
    if (this.mappings[row] === 0) this.mappings[row] = this.merged.internMapping(this.profile.mappings[row]!) + 1
    return (this.mappings[row] as number) - 1
  }

  location(row: number): number {
    const known = this.locations[row] as number
    if (known !== 0) return known - 1
    const made = this.makeLocation(row)
    this.locations[row] = made + 1
    return made
  }

  private makeLocation(row: number): number {
    const { locations, lines } = this.profile
    const mapping = locations.mapping[row] as number
    let low = (this.addressWords[2 * row] as number) >>> 0
    let high = this.addressWords[2 * row + 1] as number
    if (mapping >= 0) {
      const startLow = (this.mappingStarts[2 * mapping] as number) >>> 0
      high -= (this.mappingStarts[2 * mapping + 1] as number) + (low < startLow ? 1 : 0)
      low -= startLow
    }
    const first = locations.lineOffsets[row] as number
    const end = locations.lineOffsets[row + 1] as number
    const key = this.keyOf(locationHead + (end - first) * lineWidth)
    key[0] = mapping < 0 ? -1 : this.mapping(mapping)
    key[1] = low
    key[2] = high
    key[3] = locations.isFolded[row] as number
    let length = locationHead
    for (let at = first; at < end; at++) {
      const line = lines.line[at] as number
      const column = lines.column[at] as number
      key[length] = this.functionRow(lines.function[at] as number)
      key[length + 1] = lowWord(line)
      key[length + 2] = highWordOf(line)
      key[length + 3] = lowWord(column)
      key[length + 4] = highWordOf(column)
      length += lineWidth
    }
    return this.merged.internLocation(key, length)
  }

  /** A row to fill; one for all locations. */
  private keyOf(length: number): Uint32Array {
    if (length > this.key.length) this.key = new Uint32Array(length * 2)
    return this.key
  }

  private functionRow(row: number): number {
    if (this.functions[row] === 0) {
      const { name, systemName, filename, startLine } = this.profile.functions
      const key = this.functionKey
      key[0] = this.string(name[row] as number)
      key[1] = this.string(systemName[row] as number)
      key[2] = this.string(filename[row] as number)
      key[3] = lowWord(startLine[row] as number)
      key[4] = highWordOf(startLine[row] as number)
      this.functions[row] = this.merged.internFunction(key) + 1
    }
    return (this.functions[row] as number) - 1
  }

  private string(index: number): number {
    if (this.strings[index] === 0) this.strings[index] = this.merged.internString(this.profile.strings, index) + 1
    return (this.strings[index] as number) - 1
  }
}
