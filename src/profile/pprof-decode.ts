// Reads pprof's profile.proto into columns, without an object per message.
//
//   0a 04 08 01 10 02        field 1 (sample_type), 4 bytes: type = string 1, unit = string 2
//   12 0a 0a 03 03 02 01 ..  field 2 (sample), 10 bytes: locations 3, 2, 1 (packed, leaf first), then values
//   32 00                    field 6 (string_table), 0 bytes: string 0 is always ""
//
// Grammar: https://github.com/google/pprof/blob/main/proto/profile.proto. Fields come in any order (the string table
// is usually last), so the file is indexed first and decoded after.
// Numeric labels `offset_ms` (unit `milliseconds`) become the column `samples.offsetMs`; pprof-encode.ts writes them.
import { Failure } from '../model/errors.ts'
import { splitComments } from './carried-losses.ts'
import { Losses } from './losses.ts'
import { checkString, type DecodeContext } from './pprof-context.ts'
import { indexPprof } from './pprof-index.ts'
import { decodeLocations } from './pprof-locations.ts'
import { decodeSamples } from './pprof-samples.ts'
import { decodeFunctions, decodeMappings, decodeValueTypes } from './pprof-tables.ts'
import type { Profile } from './profile.ts'
import { failAt } from './protobuf.ts'
import { LazyStrings } from './string-table.ts'

export interface PprofDecodeOptions {
  /**
   * Read what a cut or damaged file still holds and count the rest as losses.
   * Without it any damage is a Failure with the byte position.
   */
  readonly salvage?: boolean
}

/** Tags of the profile's fields: 1 to 6, 11 and 13 length-delimited, 7 to 15 as numbers. */
const profileTags = new Set([10, 18, 26, 34, 42, 50, 90, 106, 0x38, 0x40, 0x48, 0x50, 0x60, 0x68, 0x70, 0x78])

/**
 * Is this an uncompressed profile.proto? There is no magic number, so all fields in the head must be the profile's, and
 * among them a well-formed sample type, or the empty string that every string table begins with.
 */
export function matchesPprof(head: Uint8Array): boolean {
  let isSure = false
  let at = 0
  while (at < head.length) {
    const tag = head[at] as number
    if (!profileTags.has(tag)) return false
    let end = at + 1
    while ((head[end] as number) > 127) end++
    end++
    if (end > head.length) return isSure
    if (tag % 8 === 2) {
      const start = end
      end = start + lengthAt(head, at + 1)
      if (tag === 0x0a) {
        if (end <= head.length && !isValueType(head, start, end)) return false
        isSure = true
      } else if (tag === 0x32 && end === start) isSure = true
    }
    at = end
  }
  return isSure
}

function lengthAt(head: Uint8Array, at: number): number {
  let length = 0
  for (let weight = 1; ; weight *= 128) {
    const byte = head[at++] as number
    length += (byte & 127) * weight
    if (byte < 128) return length
  }
}

/** Two numbers, type and unit, in this order and each at most once. */
function isValueType(head: Uint8Array, start: number, end: number): boolean {
  let previous = 0
  for (let at = start; at < end; ) {
    const tag = head[at++] as number
    if ((tag !== 0x08 && tag !== 0x10) || tag <= previous) return false
    previous = tag
    while (at < end && (head[at] as number) > 127) at++
    if (++at > end) return false
  }
  return previous !== 0
}

/**
 * @param bytes the uncompressed file, below 2 GiB
 * @throws Failure MALFORMED with the byte position; NOT_A_PROFILE when it has no sample types or strings
 */
export function decodePprof(bytes: Uint8Array, { salvage = false }: PprofDecodeOptions = {}): Profile {
  const index = indexPprof(bytes, salvage)
  if (index.sampleTypes.length === 0 || index.strings.length === 0) {
    throw new Failure('NOT_A_PROFILE', 'This is not a whole pprof profile: it has no sample types or no strings.')
  }
  const { starts, ends } = index.strings.ranges(bytes)
  if (starts[0] !== ends[0]) failAt(starts[0] as number, 'string 0 of the string table is not empty')
  const strings = new LazyStrings(bytes, starts, ends)
  const context: DecodeContext = { bytes, strings, salvage, losses: new Map() }

  const sampleTypes = decodeValueTypes(context, index.sampleTypes)
  const { mappings, ids: mappingIds } = decodeMappings(context, index.mappings)
  const { functions, ids: functionIds } = decodeFunctions(context, index.functions)
  const { locations, lines, ids: locationIds } = decodeLocations(context, index.locations, { mappingIds, functionIds })
  const { samples, stacks, labelSets } = decodeSamples(context, index.samples, {
    locationIds,
    typeCount: sampleTypes.length,
  })
  const periodType = decodeValueTypes(context, index.periodTypes).at(-1)

  const text = (string: number): string => strings.get(checkString(context, string, bytes.length))
  const defaultName = text(index.defaultType)
  const named = defaultName === '' ? -1 : sampleTypes.findIndex(({ type }) => type === defaultName)
  const { comments, losses: carried } = splitComments(index.comments.map(text))
  const losses = new Losses()
  losses.addAll(carried)
  losses.addAll(index.losses)
  for (const [what, count] of context.losses) losses.add({ what, count })
  return {
    sampleTypes,
    // As pprof chooses: the named column, else the last one.
    defaultType: named >= 0 ? named : Math.max(0, sampleTypes.length - 1),
    strings,
    functions,
    mappings,
    locations,
    lines,
    stacks,
    samples,
    labelSets,
    timeNanos: index.timeNanos,
    durationNanos: index.durationNanos,
    periodType: periodType && (periodType.type || periodType.unit) ? periodType : undefined,
    period: index.period,
    comments,
    dropFrames: text(index.dropFrames),
    keepFrames: text(index.keepFrames),
    docUrl: text(index.docUrl),
    losses: losses.toList(),
  }
}

/** As `decodePprof`; a damaged file is salvaged where samples can still be read, and what is lost is counted. */
export function readPprof(bytes: Uint8Array): Profile {
  try {
    return decodePprof(bytes)
  } catch (error) {
    const salvaged = error instanceof Failure && error.code === 'MALFORMED' ? salvage(bytes) : undefined
    if (!salvaged) throw error
    return salvaged
  }
}

function salvage(bytes: Uint8Array): Profile | undefined {
  try {
    const profile = decodePprof(bytes, { salvage: true })
    return profile.samples.length > 0 ? profile : undefined
  } catch (error) {
    // The first failure says where the damage is; that nothing can be salvaged adds nothing to it.
    if (error instanceof Failure) return undefined
    throw error
  }
}
