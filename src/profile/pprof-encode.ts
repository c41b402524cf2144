// Writes a profile as pprof's profile.proto, uncompressed; the reader is pprof-decode.ts and shows the bytes.
// Only what the samples reach is written, so that a selection of one pod does not carry the names of all others.
// The string table stands in front of the samples: a file that was cut in transit still has its names.
import { printLoss } from './carried-losses.ts'
import { wordsOf } from './int64.ts'
import { offsetLabel } from './pprof-offset.ts'
import type { Label, Profile, ValueType } from './profile.ts'
import { ProtobufWriter } from './protobuf-writer.ts'
import { LazyStrings } from './string-table.ts'

/**
 * @returns the uncompressed file; pprof files are gzip-compressed by convention, see `gzip`
 */
export function encodePprof(profile: Profile): Uint8Array<ArrayBuffer> {
  const used = findUsed(profile)
  const strings = new StringIds(profile)
  const writer = new ProtobufWriter()
  for (const type of profile.sampleTypes) writeValueType(writer, 1, { type, strings })

  // Everything that names a string is written into a second buffer, because the string table comes first.
  const body = new ProtobufWriter()
  writeMappings(body, { profile, used, strings })
  writeFunctions(body, { profile, used, strings })
  writeLocations(body, { profile, used })
  body.number(7, strings.ofText(profile.dropFrames))
  body.number(8, strings.ofText(profile.keepFrames))
  body.bigint(9, profile.timeNanos)
  body.bigint(10, profile.durationNanos)
  if (profile.periodType) writeValueType(body, 11, { type: profile.periodType, strings })
  body.bigint(12, profile.period)
  for (const comment of [...profile.comments, ...profile.losses.map(printLoss)]) {
    body.number(13, strings.ofText(comment))
  }
  const shown = profile.sampleTypes[profile.defaultType]?.type ?? ''
  // A name that two columns share would mean the first of them.
  if (profile.sampleTypes.findIndex(({ type }) => type === shown) === profile.defaultType) {
    body.number(14, strings.ofText(shown))
  }
  body.number(15, strings.ofText(profile.docUrl))
  writeSamples(body, { profile, used, strings })

  strings.write(writer)
  return joinBytes(writer.toBytes(), body.toBytes())
}

/** New ids by old index, 0 = not reached by any sample. */
interface Used {
  readonly mapping: Uint32Array
  readonly location: Uint32Array
  readonly function: Uint32Array
}

function findUsed({ samples, stacks, locations, lines, functions, mappings }: Profile): Used {
  const used: Used = {
    mapping: new Uint32Array(mappings.length),
    location: new Uint32Array(locations.length),
    function: new Uint32Array(functions.length),
  }
  // pprof takes the first mapping for the main program, so it always stays.
  if (mappings.length > 0) used.mapping[0] = 1
  const seen = new Uint8Array(stacks.length)
  for (let sample = 0; sample < samples.length; sample++) {
    const stack = samples.stack[sample] as number
    if (seen[stack] === 1) continue
    seen[stack] = 1
    const end = stacks.offsets[stack + 1] as number
    for (let at = stacks.offsets[stack] as number; at < end; at++) used.location[stacks.locations[at] as number] = 1
  }
  for (let i = 0; i < locations.length; i++) {
    if (used.location[i] === 0) continue
    if (locations.mapping[i]! >= 0) used.mapping[locations.mapping[i]!] = 1
    for (let row = locations.lineOffsets[i]!; row < locations.lineOffsets[i + 1]!; row++) {
      used.function[lines.function[row]!] = 1
    }
  }
  for (const column of [used.mapping, used.location, used.function]) {
    let id = 0
    for (let i = 0; i < column.length; i++) if (column[i] !== 0) column[i] = ++id
  }
  return used
}

/** The string table as it grows: strings of the profile's table by their index there, others by what they say. */
class StringIds {
  private readonly profile: Profile
  private readonly byIndex: Uint32Array
  private readonly byText = new Map<string, number>([['', 0]])
  /** Old index, or text. */
  private readonly items: (number | string)[] = ['']

  constructor(profile: Profile) {
    this.profile = profile
    this.byIndex = new Uint32Array(profile.strings.length)
  }

  ofIndex(index: number): number {
    if (index === 0) return 0
    if (this.byIndex[index] === 0) this.byIndex[index] = this.items.push(index) - 1
    return this.byIndex[index]!
  }

  ofText(text: string): number {
    let id = this.byText.get(text)
    if (id === undefined) {
      id = this.items.push(text) - 1
      this.byText.set(text, id)
    }
    return id
  }

  write(writer: ProtobufWriter): void {
    const { strings } = this.profile
    for (const item of this.items) {
      if (typeof item === 'string') writer.text(6, item)
      else if (strings instanceof LazyStrings) writer.bytes(6, strings.bytes(item))
      else writer.text(6, strings.get(item))
    }
  }
}

interface Source {
  readonly profile: Profile
  readonly used: Used
  readonly strings: StringIds
}

function writeValueType(
  writer: ProtobufWriter,
  field: number,
  { type, strings }: { type: ValueType; strings: StringIds },
): void {
  const start = writer.begin(field)
  writer.number(1, strings.ofText(type.type))
  writer.number(2, strings.ofText(type.unit))
  writer.end(start)
}

function writeMappings(writer: ProtobufWriter, { profile, used, strings }: Source): void {
  profile.mappings.forEach((mapping, i) => {
    if (used.mapping[i] === 0) return
    const start = writer.begin(3)
    writer.number(1, used.mapping[i]!)
    writer.bigint(2, mapping.start)
    writer.bigint(3, mapping.limit)
    writer.bigint(4, mapping.offset)
    writer.number(5, strings.ofText(mapping.file))
    writer.number(6, strings.ofText(mapping.buildId))
    writer.number(7, mapping.hasFunctions ? 1 : 0)
    writer.number(8, mapping.hasFilenames ? 1 : 0)
    writer.number(9, mapping.hasLineNumbers ? 1 : 0)
    writer.number(10, mapping.hasInlineFrames ? 1 : 0)
    writer.end(start)
  })
}

function writeFunctions(writer: ProtobufWriter, { profile: { functions }, used, strings }: Source): void {
  for (let i = 0; i < functions.length; i++) {
    if (used.function[i] === 0) continue
    const start = writer.begin(5)
    writer.number(1, used.function[i]!)
    writer.number(2, strings.ofIndex(functions.name[i]!))
    writer.number(3, strings.ofIndex(functions.systemName[i]!))
    writer.number(4, strings.ofIndex(functions.filename[i]!))
    writer.number(5, functions.startLine[i]!)
    writer.end(start)
  }
}

function writeLocations(
  writer: ProtobufWriter,
  { profile: { locations, lines }, used }: { profile: Profile; used: Used },
): void {
  const addressWords = wordsOf(locations.address)
  for (let i = 0; i < locations.length; i++) {
    if (used.location[i] === 0) continue
    const start = writer.begin(4)
    writer.number(1, used.location[i]!)
    if (locations.mapping[i]! >= 0) writer.number(2, used.mapping[locations.mapping[i]!]!)
    if (addressWords[2 * i] !== 0 || addressWords[2 * i + 1] !== 0) {
      writer.varint(3 * 8)
      writer.varint64(addressWords[2 * i]!, addressWords[2 * i + 1]!)
    }
    for (let row = locations.lineOffsets[i]!; row < locations.lineOffsets[i + 1]!; row++) {
      const lineStart = writer.begin(4)
      writer.number(1, used.function[lines.function[row]!]!)
      writer.number(2, lines.line[row]!)
      writer.number(3, lines.column[row]!)
      writer.end(lineStart)
    }
    writer.number(5, locations.isFolded[i]!)
    writer.end(start)
  }
}

function writeSamples(writer: ProtobufWriter, { profile, used, strings }: Source): void {
  const { samples, stacks, labelSets } = profile
  const columns = samples.values.map(wordsOf)
  for (let i = 0; i < samples.length; i++) {
    const start = writer.begin(2)
    const stack = samples.stack[i]!
    const end = stacks.offsets[stack + 1]!
    if (end > stacks.offsets[stack]!) {
      const idStart = writer.begin(1)
      for (let at = stacks.offsets[stack]!; at < end; at++) writer.varint(used.location[stacks.locations[at]!]!)
      writer.end(idStart)
    }
    const valueStart = writer.begin(2)
    for (const words of columns) writer.varint64(words[2 * i]!, words[2 * i + 1]!)
    writer.end(valueStart)
    for (const label of labelSets[samples.labels[i]!]!) writeLabel(writer, label, strings)
    const offset = samples.offsetMs?.[i]
    if (offset !== undefined && !Number.isNaN(offset)) {
      writeLabel(writer, { ...offsetLabel, num: BigInt(Math.round(offset)) }, strings)
    }
    writer.end(start)
  }
}

function writeLabel(writer: ProtobufWriter, { key, str, num = 0n, unit = '' }: Label, strings: StringIds): void {
  const start = writer.begin(3)
  writer.number(1, strings.ofText(key))
  if (str !== undefined) writer.number(2, strings.ofText(str))
  else {
    writer.bigint(3, num)
    writer.number(4, strings.ofText(unit))
  }
  writer.end(start)
}

function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
