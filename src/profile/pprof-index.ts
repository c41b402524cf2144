// First step of reading a pprof: where in the file the messages of each kind lie, and the few plain numbers of the top
// level. Writers put all messages of a kind one behind the other, so what is kept is where such a run begins and ends.
import type { Loss } from './profile.ts'
import { failAt, last, lastInt64, readLength, readVarint, skipField } from './protobuf.ts'

/** All messages of one kind, as stretches of the file that hold nothing else, each with its tag and length. */
export class MessageRuns {
  readonly starts: number[] = []
  readonly ends: number[] = []
  /** How many messages there are in all runs. */
  length = 0

  /**
   * Adds the messages from `start` on that have the tag of the first of them.
   * @returns the first byte behind them
   */
  add(bytes: Uint8Array, start: number): number {
    const tag = bytes[start]
    let at = start
    try {
      do {
        at = readLength(bytes, at + 1, bytes.length)
        this.length++
      } while (bytes[at] === tag)
    } finally {
      // Also when the next one is cut off: these are whole.
      if (at > start) {
        this.starts.push(start)
        this.ends.push(at)
      }
    }
    return at
  }

  /** Where each message begins and ends, without tag and length. */
  ranges(bytes: Uint8Array): { starts: Uint32Array; ends: Uint32Array } {
    const starts = new Uint32Array(this.length)
    const ends = new Uint32Array(this.length)
    let message = 0
    for (let run = 0; run < this.starts.length; run++) {
      const runEnd = this.ends[run] as number
      for (let at = this.starts[run] as number; at < runEnd; message++) {
        at = readLength(bytes, at + 1, runEnd)
        starts[message] = last.next
        ends[message] = at
      }
    }
    return { starts, ends }
  }
}

export interface PprofIndex {
  readonly sampleTypes: MessageRuns
  readonly samples: MessageRuns
  readonly mappings: MessageRuns
  readonly locations: MessageRuns
  readonly functions: MessageRuns
  readonly strings: MessageRuns
  readonly periodTypes: MessageRuns
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
    sampleTypes: new MessageRuns(),
    samples: new MessageRuns(),
    mappings: new MessageRuns(),
    locations: new MessageRuns(),
    functions: new MessageRuns(),
    strings: new MessageRuns(),
    periodTypes: new MessageRuns(),
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
    const read = Math.max(at, ...endsOf(index))
    index.losses.push({ what: 'bytes behind the damage that were not read', count: bytes.length - read, isCut: true })
  }
  return index
}

/** Where the last run of each kind ends. */
function endsOf({ sampleTypes, samples, mappings, locations, functions, strings, periodTypes }: PprofIndex): number[] {
  const kinds = [sampleTypes, samples, mappings, locations, functions, strings, periodTypes]
  return kinds.map(({ ends }) => ends.at(-1) ?? 0)
}

/** @returns the first byte after the field at `at`, and after those of its kind that follow it */
function indexField(bytes: Uint8Array, at: number, index: PprofIndex): number {
  const start = at
  const tag = readVarint(bytes, at, bytes.length)
  const runs = runsOf(tag, index)
  at = last.next
  if (runs) {
    if (at !== start + 1) failAt(start, 'a tag is longer than it has to be')
    return runs.add(bytes, start)
  }
  if (tag === 0x6a) {
    const end = readLength(bytes, at, bytes.length)
    for (at = last.next; at < end; at = last.next) index.comments.push(readVarint(bytes, at, end))
    return end
  }
  if (tag < 0x38 || tag > 0x78 || tag % 8 !== 0) return skipField(bytes, tag, { at, end: bytes.length })
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

function runsOf(tag: number, index: PprofIndex): MessageRuns | undefined {
  switch (tag) {
    case 0x0a:
      return index.sampleTypes
    case 0x12:
      return index.samples
    case 0x1a:
      return index.mappings
    case 0x22:
      return index.locations
    case 0x2a:
      return index.functions
    case 0x32:
      return index.strings
    case 0x5a:
      return index.periodTypes
    default:
      return undefined
  }
}
