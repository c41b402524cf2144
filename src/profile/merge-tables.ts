// The tables of a merged profile, and the way into them from the tables of each profile that is merged.
// Equal means, as in pprof: mappings by size, offset and build-id (or file), so that address-space randomisation does
// not matter; locations by address in the mapping and lines; functions by name, system name, file and start line.
import { wordsOf } from './int64.ts'
import { functionColumns, highWordOf, lineWidth, locationColumns, locationHead, lowWord } from './interned-tables.ts'
import type { Mapping, Profile, StringTable } from './profile.ts'
import { RowBatch } from './row-batch.ts'
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
  /** Where the rows of one profile after the other are put together. */
  readonly batch = new RowBatch()

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

  internStrings(strings: StringTable, marked: Uint8Array): Uint32Array {
    return this.strings.internMarked(strings, marked)
  }

  internFunctions(batch: RowBatch): void {
    this.functions.internAll(batch)
  }

  internLocations(batch: RowBatch): void {
    this.locations.internAll(batch)
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

/** From the rows of one profile to those of the merged one; only rows that samples reach are taken over. */
export class Translation {
  /** Merged row by location; of use for those that were reached. */
  readonly locations: Uint32Array
  private readonly merged: MergedTables
  private readonly profile: Profile
  /** Merged row + 1; 0 = not looked up yet. */
  private readonly mappings: Uint32Array

  /** @param reached not 0 for the locations that are wanted */
  constructor(merged: MergedTables, profile: Profile, reached: Uint8Array) {
    this.merged = merged
    this.profile = profile
    this.mappings = new Uint32Array(profile.mappings.length)
    // The first mapping of all is the main program's; it comes first whatever the samples reach.
    if (merged.mappings.length === 0 && profile.mappings.length > 0) this.mapping(0)
    this.locations = this.translateLocations(reached)
  }

  private translateLocations(reached: Uint8Array): Uint32Array {
    const { locations, lines, mappings } = this.profile
    const functions = this.translateFunctions(this.functionsOf(reached))
    const addressWords = wordsOf(locations.address)
    const mappingStarts = wordsOf(BigUint64Array.from(mappings, ({ start }) => start))
    const { batch } = this.merged
    batch.clear()
    for (let row = 0; row < locations.length; row++) {
      if (reached[row] === 0) continue
      const first = locations.lineOffsets[row] as number
      const end = locations.lineOffsets[row + 1] as number
      let at = batch.begin(locationHead + (end - first) * lineWidth)
      const { values } = batch
      const mapping = locations.mapping[row] as number
      let low = (addressWords[2 * row] as number) >>> 0
      let high = addressWords[2 * row + 1] as number
      if (mapping >= 0) {
        const startLow = (mappingStarts[2 * mapping] as number) >>> 0
        high -= (mappingStarts[2 * mapping + 1] as number) + (low < startLow ? 1 : 0)
        low -= startLow
      }
      values[at] = mapping < 0 ? -1 : this.mapping(mapping)
      values[at + 1] = low
      values[at + 2] = high
      values[at + 3] = locations.isFolded[row] as number
      at += locationHead
      for (let i = first; i < end; i++, at += lineWidth) {
        const line = lines.line[i] as number
        const column = lines.column[i] as number
        values[at] = functions[lines.function[i] as number] as number
        values[at + 1] = lowWord(line)
        values[at + 2] = highWordOf(line)
        values[at + 3] = lowWord(column)
        values[at + 4] = highWordOf(column)
      }
      batch.end(at)
    }
    this.merged.internLocations(batch)
    return spread(batch.ids, reached)
  }

  /** Marks what the lines of locations name. */
  private functionsOf(reached: Uint8Array): Uint8Array {
    const { locations, lines, functions } = this.profile
    const marked = new Uint8Array(functions.length)
    for (let row = 0; row < locations.length; row++) {
      if (reached[row] === 0) continue
      const end = locations.lineOffsets[row + 1] as number
      for (let i = locations.lineOffsets[row] as number; i < end; i++) marked[lines.function[i] as number] = 1
    }
    return marked
  }

  private translateFunctions(marked: Uint8Array): Uint32Array {
    const { name, systemName, filename, startLine, length } = this.profile.functions
    const named = new Uint8Array(this.profile.strings.length)
    for (let row = 0; row < length; row++) {
      if (marked[row] === 0) continue
      named[name[row] as number] = 1
      named[systemName[row] as number] = 1
      named[filename[row] as number] = 1
    }
    const strings = this.merged.internStrings(this.profile.strings, named)
    const { batch } = this.merged
    batch.clear()
    for (let row = 0; row < length; row++) {
      if (marked[row] === 0) continue
      const at = batch.begin(5)
      const { values } = batch
      values[at] = strings[name[row] as number] as number
      values[at + 1] = strings[systemName[row] as number] as number
      values[at + 2] = strings[filename[row] as number] as number
      values[at + 3] = lowWord(startLine[row] as number)
      values[at + 4] = highWordOf(startLine[row] as number)
      batch.end(at + 5)
    }
    this.merged.internFunctions(batch)
    return spread(batch.ids, marked)
  }

  private mapping(row: number): number {
    if (this.mappings[row] === 0) this.mappings[row] = this.merged.internMapping(this.profile.mappings[row]!) + 1
    return (this.mappings[row] as number) - 1
  }
}

/** Numbers of the marked rows, one behind the other, to where the rows are. */
function spread(ids: Uint32Array, marked: Uint8Array): Uint32Array {
  const spreadIds = new Uint32Array(marked.length)
  let next = 0
  for (let row = 0; row < marked.length; row++) if (marked[row] !== 0) spreadIds[row] = ids[next++] as number
  return spreadIds
}
