// First step of reading a pprof: where in the file each message lies, and the few plain numbers of the top level.
import { Uint32Column } from './columns.ts'
import type { Loss } from './profile.ts'
import { failAt, last, lastInt64, readLength, readVarint, skipField } from './protobuf.ts'

/** Byte ranges of messages of one kind, in file order. */
export class Ranges {
  readonly starts = new Uint32Column()
  readonly ends = new Uint32Column()

  get length(): number {
    return this.starts.length
  }

  push(start: number, end: number): void {
    this.starts.push(start)
    this.ends.push(end)
  }

  /** Makes the last range longer when this one follows it without a gap. */
  extend(start: number, end: number): void {
    if (this.length > 0 && this.ends.at(this.length - 1) === start) this.ends.set(this.length - 1, end)
    else this.push(start, end)
  }
}

export interface PprofIndex {
  readonly sampleTypes: Ranges
  /** Stretches of the file that hold nothing but samples, with their tags and lengths; nearly always one. */
  readonly sampleRuns: Ranges
  sampleCount: number
  readonly mappings: Ranges
  readonly locations: Ranges
  readonly functions: Ranges
  readonly strings: Ranges
  readonly periodTypes: Ranges
  /** String indexes, not checked yet. */
  readonly comments: number[]
  dropFrames: number
  keepFrames: number
  defaultType: number
  docUrl: number
  timeNanos: bigint
  durationNanos: bigint
  period: bigint
  readonly losses: Loss[]
}

/**
 * @param salvage stop at damage and count what is behind it, instead of throwing
 * @throws Failure MALFORMED with the byte position
 */
export function indexPprof(bytes: Uint8Array, salvage: boolean): PprofIndex {
  const index: PprofIndex = {
    sampleTypes: new Ranges(),
    sampleRuns: new Ranges(),
    sampleCount: 0,
    mappings: new Ranges(),
    locations: new Ranges(),
    functions: new Ranges(),
    strings: new Ranges(),
    periodTypes: new Ranges(),
    comments: [],
    dropFrames: 0,
    keepFrames: 0,
    defaultType: 0,
    docUrl: 0,
    timeNanos: 0n,
    durationNanos: 0n,
    period: 0n,
    losses: [],
  }
  let at = 0
  try {
    while (at < bytes.length) at = indexField(bytes, at, index)
  } catch (error) {
    if (!salvage) throw error
    index.losses.push({ what: 'bytes behind the damage that were not read', count: bytes.length - at, isCut: true })
  }
  return index
}

/** @returns the first byte after the field at `at` */
function indexField(bytes: Uint8Array, at: number, index: PprofIndex): number {
  const start = at
  const tag = readVarint(bytes, at, bytes.length)
  at = last.next
  switch (tag) {
    case 0x0a:
      return pushRange(bytes, at, index.sampleTypes)
    case 0x12:
      index.sampleCount++
      at = readLength(bytes, at, bytes.length)
      index.sampleRuns.extend(start, at)
      return at
    case 0x1a:
      return pushRange(bytes, at, index.mappings)
    case 0x22:
      return pushRange(bytes, at, index.locations)
    case 0x2a:
      return pushRange(bytes, at, index.functions)
    case 0x32:
      return pushRange(bytes, at, index.strings)
    case 0x5a:
      return pushRange(bytes, at, index.periodTypes)
    case 0x6a: {
      const end = readLength(bytes, at, bytes.length)
      for (at = last.next; at < end; at = last.next) index.comments.push(readVarint(bytes, at, end))
      return end
    }
    default:
      if (tag < 0x38 || tag > 0x78 || tag % 8 !== 0) return skipField(bytes, tag, { at, end: bytes.length })
  }
  const value = readVarint(bytes, at, bytes.length)
  if (tag === 0x38) index.dropFrames = value
  else if (tag === 0x40) index.keepFrames = value
  else if (tag === 0x48) {
    if (index.timeNanos !== 0n) failAt(start, 'a second profile begins here')
    index.timeNanos = lastInt64()
  } else if (tag === 0x50) index.durationNanos = lastInt64()
  else if (tag === 0x60) index.period = lastInt64()
  else if (tag === 0x68) index.comments.push(value)
  else if (tag === 0x70) index.defaultType = value
  else if (tag === 0x78) index.docUrl = value
  return last.next
}

function pushRange(bytes: Uint8Array, at: number, ranges: Ranges): number {
  const end = readLength(bytes, at, bytes.length)
  ranges.push(last.next, end)
  return end
}
