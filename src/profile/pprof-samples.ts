// The part of a pprof that is large: samples, read into flat columns of location rows, values and label sets.
//
//   12 10              field 2, 16 bytes
//   0a 03 03 02 01     locations 3, 2, 1 packed (or 08 03 08 02 08 01 one by one), leaf first
//   12 02 01 0a        values 1, 10, one per sample type (negative ones take ten bytes)
//   1a 04 08 05 10 06  a label, see pprof-labels.ts
import { Failure } from '../model/errors.ts'
import { wordsOf } from './int64.ts'
import { countLoss, type DecodeContext } from './pprof-context.ts'
import type { IdTable } from './pprof-ids.ts'
import type { PprofIndex } from './pprof-index.ts'
import { LabelSets } from './pprof-labels.ts'
import type { Label, SampleTable, StackTable } from './profile.ts'
import { failAt, last, readLength, readVarint, skipField } from './protobuf.ts'

interface DecodedSamples {
  readonly samples: SampleTable
  readonly stacks: StackTable
  readonly labelSets: readonly (readonly Label[])[]
}

/** @throws Failure MALFORMED with the byte position, unless salvaging */
export function decodeSamples(
  context: DecodeContext,
  { sampleRuns, sampleCount }: PprofIndex,
  { locationIds, typeCount }: { locationIds: IdTable; typeCount: number },
): DecodedSamples {
  let payload = 0
  for (let i = 0; i < sampleRuns.length; i++) payload += sampleRuns.ends.at(i) - sampleRuns.starts.at(i)
  // Every value takes a byte at least: without this check a small file could ask for huge columns.
  if (sampleCount * typeCount > payload) {
    failAt(sampleRuns.starts.at(0), `${sampleCount} samples are too short for ${typeCount} values each`)
  }
  const reader = new SampleReader(context, { sampleCount, payload, typeCount, locationIds })
  for (let i = 0; i < sampleRuns.length; i++) reader.readRun(sampleRuns.starts.at(i), sampleRuns.ends.at(i))
  return reader.finish()
}

class SampleReader {
  private readonly context: DecodeContext
  private readonly locationIds: IdTable
  private readonly columns: readonly BigInt64Array[]
  /** The words of `columns`. */
  private readonly values: readonly Int32Array[]
  private readonly stackOffsets: Uint32Array
  private readonly labelColumn: Uint32Array
  private readonly labels: LabelSets
  /** Location rows of all stacks so far, and how many there are. */
  private locations: Uint32Array
  private locationCount = 0
  private sampleCount = 0

  constructor(
    context: DecodeContext,
    size: { sampleCount: number; payload: number; typeCount: number; locationIds: IdTable },
  ) {
    this.context = context
    this.locationIds = size.locationIds
    this.columns = Array.from({ length: size.typeCount }, () => new BigInt64Array(size.sampleCount))
    this.values = this.columns.map(wordsOf)
    this.stackOffsets = new Uint32Array(size.sampleCount + 1)
    this.labelColumn = new Uint32Array(size.sampleCount)
    this.labels = new LabelSets(context, size.sampleCount)
    // Ids of large profiles take two or three bytes each; the column grows where this guess is short.
    this.locations = new Uint32Array(size.payload >>> 1)
  }

  /** Reads the samples that lie between two bytes, tag by tag. */
  readRun(start: number, end: number): void {
    const { bytes, salvage } = this.context
    const isFast = this.locationIds.isDense && !salvage
    for (let at = start; at < end; ) {
      const sampleEnd = readLength(bytes, at + 1, end) // one byte of tag, as the index saw
      const sampleStart = last.next
      this.reserve(sampleEnd - sampleStart)
      if (!isFast || !this.readPlainSample(sampleStart, sampleEnd)) this.readAnySample(sampleStart, sampleEnd)
      at = sampleEnd
    }
  }

  /** Makes room for the locations of a sample of this many bytes. */
  private reserve(more: number): void {
    const needed = this.locationCount + more
    if (needed <= this.locations.length) return
    const larger = new Uint32Array(Math.max(needed, this.locations.length * 1.5))
    larger.set(this.locations)
    this.locations = larger
  }

  private endSample(): void {
    const row = this.sampleCount
    this.labelColumn[row] = this.labels.finish(row)
    this.stackOffsets[row + 1] = this.locationCount
    this.sampleCount = row + 1
  }

  /**
   * The hot path: a sample as writers make them, of a file whose location ids are 1, 2, 3, ... (row = id - 1).
   * @returns false when it is not like that, or damaged; then nothing was added and `readAnySample` says what it is
   */
  private readPlainSample(start: number, end: number): boolean {
    const { bytes } = this.context
    const { locations } = this
    const { length } = this.locationIds
    let count = this.locationCount
    let valueCount = 0
    let at = start
    while (at < end) {
      const tag = bytes[at++] as number
      if (tag === 0x0a) {
        let idsEnd = bytes[at++] as number
        // Two bytes of length are enough for stacks of five thousand frames.
        if (idsEnd > 127) {
          idsEnd = (idsEnd & 127) | ((bytes[at++] as number) << 7)
          if (idsEnd > 0x3fff) return this.refuse()
        }
        idsEnd += at
        if (idsEnd > end) return this.refuse()
        count = readDenseIds(bytes, at, idsEnd, locations, count, length)
        if (count < 0) return this.refuse()
        at = idsEnd
      } else if (tag === 0x12 || tag === 0x10) {
        let valuesEnd = at + 1
        if (tag === 0x12) {
          valuesEnd = at + 1 + (bytes[at] as number)
          if (++at + 127 < valuesEnd || valuesEnd > end) return this.refuse()
        }
        do {
          const column = this.values[valueCount++]
          if (column === undefined) return this.refuse()
          const first = bytes[at] as number
          if (first < 128 && at < end) {
            column[2 * this.sampleCount] = first
            column[2 * this.sampleCount + 1] = 0
            at++
          } else {
            readVarint(bytes, at, end)
            at = last.next
            column[2 * this.sampleCount] = last.low
            column[2 * this.sampleCount + 1] = last.high
          }
        } while (at < valuesEnd && tag === 0x12)
        if (tag === 0x12 && at !== valuesEnd) return this.refuse()
      } else if (tag === 0x1a) {
        const labelEnd = readLength(bytes, at, end)
        this.labels.read(last.next, labelEnd)
        at = labelEnd
      } else return this.refuse()
    }
    if (valueCount !== this.values.length) return this.refuse()
    this.locationCount = count
    this.endSample()
    return true
  }

  /** Undoes what was begun of the present sample. */
  private refuse(): false {
    this.labels.drop()
    return false
  }

  /** Any sample; when salvaging, a damaged one is counted and left out. */
  private readAnySample(start: number, end: number): void {
    const before = this.locationCount
    try {
      this.readFields(start, end)
      this.endSample()
    } catch (error) {
      if (!this.context.salvage || !(error instanceof Failure)) throw error
      countLoss(this.context, 'damaged records')
      this.locationCount = before
      this.labels.drop()
    }
  }

  private readFields(start: number, end: number): void {
    const { bytes } = this.context
    let valueCount = 0
    for (let at = start; at < end; at = last.next) {
      const tag = readVarint(bytes, at, end)
      at = last.next
      if (tag === 0x0a) {
        const fieldEnd = readLength(bytes, at, end)
        while (last.next < fieldEnd) this.readId(last.next, fieldEnd)
      } else if (tag === 0x08) this.readId(at, end)
      else if (tag === 0x12) {
        const fieldEnd = readLength(bytes, at, end)
        while (last.next < fieldEnd) this.readValue(last.next, fieldEnd, valueCount++)
      } else if (tag === 0x10) this.readValue(at, end, valueCount++)
      else if (tag === 0x1a) {
        const fieldEnd = readLength(bytes, at, end)
        this.labels.read(last.next, fieldEnd)
        last.next = fieldEnd
      } else last.next = skipField(bytes, tag, { at, end })
    }
    if (valueCount !== this.values.length) {
      failAt(start, `a sample has ${valueCount} values for ${this.values.length} sample types`)
    }
  }

  private readId(at: number, end: number): void {
    const id = readVarint(this.context.bytes, at, end)
    const row = this.locationIds.find(last.low, last.high)
    if (row >= 0) this.locations[this.locationCount++] = row
    else {
      if (!this.context.salvage) failAt(at, `location ${id} does not exist`)
      countLoss(this.context, 'frames whose location is missing')
    }
  }

  private readValue(at: number, end: number, index: number): void {
    readVarint(this.context.bytes, at, end)
    const column = this.values[index]
    if (column === undefined) return // too many; readFields fails when it has counted them
    column[2 * this.sampleCount] = last.low
    column[2 * this.sampleCount + 1] = last.high
  }

  /** The columns, cut to the samples that were kept. */
  finish(): DecodedSamples {
    const length = this.sampleCount
    const stack = new Uint32Array(length)
    for (let i = 0; i < length; i++) stack[i] = i
    const { offsetMs } = this.labels
    return {
      samples: {
        length,
        stack,
        values: this.columns.map((column) => column.subarray(0, length)),
        labels: this.labelColumn.subarray(0, length),
        ...(offsetMs && { offsetMs: offsetMs.subarray(0, length) }),
      },
      stacks: {
        length,
        offsets: this.stackOffsets.subarray(0, length + 1),
        // Not copied to size: memory that was never written costs nothing, a copy does.
        locations: this.locations.subarray(0, this.locationCount),
      },
      labelSets: this.labels.sets,
    }
  }
}

/**
 * Packed ids of a file whose ids are 1 to `length`, as rows (id - 1) from locations[count] on.
 * No branch depends on where an id ends: the lengths of ids are as good as random, and a wrongly predicted branch
 * costs more than reading a whole id. (More parameters than elsewhere: an object per call would cost as much again.)
 * @returns the new count; -1 when an id is cut off, 0, or above `length`
 */
function readDenseIds(
  bytes: Uint8Array,
  at: number,
  end: number,
  locations: Uint32Array,
  count: number,
  length: number,
): number {
  let id = 0
  let shift = 0
  while (at < end) {
    const byte = bytes[at++] as number
    id |= (byte & 127) << shift
    /** All ones before the last byte of an id, 0 in it. (Minus would make a -0 that the engine must care for.) */
    const more = (byte << 24) >> 31
    if (id > length || shift > 28 || (id | more) === 0) return -1
    locations[count] = id - 1
    count = (count + 1 + more) | 0
    shift = (shift + 7) & more
    id &= more
  }
  return shift === 0 ? count : -1
}
