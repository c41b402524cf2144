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
import type { MessageRuns } from './pprof-index.ts'
import { LabelSets } from './pprof-labels.ts'
import { leastPlainBytes, type PlainColumns, plainSampleReader } from './pprof-plain-samples.ts'
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
  runs: MessageRuns,
  { locationIds, typeCount }: { locationIds: IdTable; typeCount: number },
): DecodedSamples {
  let payload = 0
  for (let i = 0; i < runs.starts.length; i++) payload += runs.ends[i]! - runs.starts[i]!
  // Every value takes a byte at least: without this check a small file could ask for huge columns.
  if (runs.length * typeCount > payload) {
    failAt(runs.starts[0]!, `${runs.length} samples are too short for ${typeCount} values each`)
  }
  const reader = new SampleReader(context, { sampleCount: runs.length, payload, typeCount, locationIds })
  for (let i = 0; i < runs.starts.length; i++) reader.readRun(runs.starts[i]!, runs.ends[i]!)
  return reader.finish()
}

class SampleReader implements PlainColumns {
  private readonly context: DecodeContext
  private readonly locationIds: IdTable
  readonly columns: readonly BigInt64Array[]
  /** The words of `columns`. */
  private readonly values: readonly Int32Array[]
  readonly stackOffsets: Uint32Array
  private readonly labelColumn: Uint32Array
  private readonly labels: LabelSets
  /** For reading an id of up to four bytes at once. */
  private readonly view: DataView
  /** Location rows of all stacks so far, and how many there are. */
  locations: Uint32Array
  locationCount = 0
  sampleCount = 0

  constructor(
    context: DecodeContext,
    size: { sampleCount: number; payload: number; typeCount: number; locationIds: IdTable },
  ) {
    this.context = context
    this.view = new DataView(context.bytes.buffer, context.bytes.byteOffset, context.bytes.byteLength)
    this.locationIds = size.locationIds
    this.columns = Array.from({ length: size.typeCount }, () => new BigInt64Array(size.sampleCount))
    this.values = this.columns.map(wordsOf)
    this.stackOffsets = new Uint32Array(size.sampleCount + 1)
    this.labelColumn = new Uint32Array(size.sampleCount)
    this.labels = new LabelSets(context, size.sampleCount)
    // Ids of large profiles take two or three bytes each; the column grows where this guess is short.
    this.locations = new Uint32Array(size.payload >>> 1)
  }

  /** Reads the samples that lie between two bytes. */
  readRun(start: number, end: number): void {
    const { bytes, salvage } = this.context
    const isFast = this.locationIds.isDense && !salvage
    const plain = isFast && end - start >= leastPlainBytes ? plainSampleReader(this.columns.length) : undefined
    if (plain) start = plain.read(bytes, { start, end, known: this.locationIds.length }, this)
    for (let at = start; at < end; ) {
      if (isFast) at = this.readPlainSamples(at, end)
      if (at === end) return
      at = readLength(bytes, at + 1, end) // one byte of tag, as the index saw
      this.reserve(at - last.next)
      this.readAnySample(last.next, at)
    }
  }

  /** Makes room for the locations of a sample of this many bytes. */
  reserve(more: number): void {
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
   * The hot path in JavaScript: samples as writers make them, with labels, of a file whose location ids are 1, 2, 3, ...
   * (row = id - 1). One long function, because what it counts with then stays in registers.
   * @returns the first byte of the first sample that is not like that, or damaged; `readAnySample` says what it is
   */
  private readPlainSamples(start: number, end: number): number {
    const { bytes } = this.context
    const { view, locations, stackOffsets, values, labels, labelColumn } = this
    const { length } = this.locationIds
    const typeCount = values.length
    let row = this.sampleCount
    let sample = start
    for (; sample < end; row++) {
      let at = sample + 1
      let size = bytes[at++] as number
      // Two bytes of length are enough for stacks of five thousand frames.
      if (size > 127) size = (size & 127) | ((bytes[at++] as number) << 7)
      const sampleEnd = at + size
      let count = this.locationCount
      if (size > 0x3fff || bytes[at++] !== 0x0a || count + size > locations.length) break
      size = bytes[at++] as number
      if (size > 127) size = (size & 127) | ((bytes[at++] as number) << 7)
      const idsEnd = at + size
      // Behind the ids come three bytes of values at least, so four bytes may be read where an id is.
      if (size > 0x3fff || idsEnd + 3 > sampleEnd) break
      // No branch depends on where an id ends: their lengths are as good as random, and a wrongly predicted branch costs
      // more than reading a whole id.
      while (at < idsEnd) {
        const word = view.getInt32(at, true)
        /** All ones when there is a second byte, and a third one. */
        const second = (word << 24) >> 31
        const third = ((word << 16) >> 31) & second
        const location = ((word & 0x7f) | ((word >>> 1) & 0x3f80 & second) | ((word >>> 2) & 0x1fc000 & third)) - 1
        // 0 and a fourth byte, too.
        if (location >>> 0 >= length || ((word << 8) & third) < 0) break
        locations[count++] = location
        at = (at + 1 - second - third) | 0
      }
      if (at !== idsEnd || bytes[at++] !== 0x12) break
      size = bytes[at++] as number
      if (size > 127 || at + size > sampleEnd) break
      const valuesEnd = at + size
      let type = 0
      for (; type < typeCount && at < valuesEnd; type++) {
        const column = values[type] as Int32Array
        const value = bytes[at] as number
        if (value < 128) {
          column[2 * row] = value
          column[2 * row + 1] = 0
          at++
        } else {
          readVarint(bytes, at, valuesEnd)
          at = last.next
          column[2 * row] = last.low
          column[2 * row + 1] = last.high
        }
      }
      if (type !== typeCount || at !== valuesEnd) break
      while (at < sampleEnd && bytes[at] === 0x1a) {
        const labelEnd = readLength(bytes, at + 1, sampleEnd)
        labels.read(last.next, labelEnd)
        at = labelEnd
      }
      if (at !== sampleEnd) {
        labels.drop()
        break
      }
      labelColumn[row] = labels.finish(row)
      stackOffsets[row + 1] = count
      this.locationCount = count
      sample = sampleEnd
    }
    this.sampleCount = row
    return sample
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
