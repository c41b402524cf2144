// The part of a pprof that is large: samples, read into flat columns of location rows, values and label sets.
//
//   0a 03 03 02 01   locations 3, 2, 1 packed (or 08 03 08 02 08 01 one by one), leaf first
//   12 02 01 0a      values 1, 10, one per sample type (negative ones take ten bytes)
//   1a 04 08 05 10 06  label: key = string 5, str = string 6 (or 18 num, 20 num_unit)
import { wordsOf } from './int64.ts'
import { checkString, countLoss, type DecodeContext, eachMessage } from './pprof-context.ts'
import type { IdTable } from './pprof-ids.ts'
import type { Ranges } from './pprof-index.ts'
import { offsetLabel } from './pprof-offset.ts'
import type { Label, SampleTable, StackTable } from './profile.ts'
import { failAt, last, readLength, readVarint, skipField } from './protobuf.ts'
import { RowInterner } from './row-interner.ts'

interface DecodedSamples {
  readonly samples: SampleTable
  readonly stacks: StackTable
  readonly labelSets: readonly (readonly Label[])[]
}

/** Columns while samples are read. */
interface Target {
  readonly locationIds: IdTable
  readonly typeCount: number
  /** Locations of all stacks so far, and how many there are. */
  locations: Uint32Array
  locationCount: number
  /** Words of each value column. */
  readonly values: readonly Int32Array[]
  sampleCount: number
  /** Five numbers per label of the present sample: key, str, num low, num high, unit. */
  readonly labelRow: number[]
}

/** @throws Failure MALFORMED with the byte position, unless salvaging */
export function decodeSamples(
  context: DecodeContext,
  ranges: Ranges,
  { locationIds, typeCount }: { locationIds: IdTable; typeCount: number },
): DecodedSamples {
  const capacity = ranges.length
  let payload = 0
  for (let i = 0; i < capacity; i++) payload += ranges.ends.at(i) - ranges.starts.at(i)
  // Every value takes a byte at least, so a file cannot make these columns larger than eight times itself.
  if (capacity * typeCount > payload && !context.salvage) {
    failAt(ranges.starts.at(0), `${capacity} samples are too short for ${typeCount} values each`)
  }
  const columns = Array.from({ length: typeCount }, () => new BigInt64Array(capacity))
  const target: Target = {
    locationIds,
    typeCount,
    // Ids of large profiles take two or three bytes each; the column grows where this guess is short.
    locations: new Uint32Array(payload >>> 1),
    locationCount: 0,
    values: columns.map(wordsOf),
    sampleCount: 0,
    labelRow: [],
  }
  const labelColumn = new Uint32Array(capacity)
  const stackOffsets = new Uint32Array(capacity + 1)
  const labels = new LabelSets(context, capacity)
  eachMessage(context, ranges, (start, end) => {
    const row = target.sampleCount
    target.locationCount = stackOffsets[row]!
    target.labelRow.length = 0
    decodeSample(context, { start, end }, target)
    labelColumn[row] = target.labelRow.length === 0 ? 0 : labels.intern(target.labelRow, row)
    target.sampleCount = row + 1
    stackOffsets[row + 1] = target.locationCount
  })
  const length = target.sampleCount
  const stack = new Uint32Array(length)
  for (let i = 0; i < length; i++) stack[i] = i
  return {
    samples: {
      length,
      stack,
      values: columns.map((column) => column.subarray(0, length)),
      labels: labelColumn.subarray(0, length),
      ...(labels.offsetMs && { offsetMs: labels.offsetMs.subarray(0, length) }),
    },
    stacks: {
      length,
      offsets: stackOffsets.subarray(0, length + 1),
      locations: target.locations.slice(0, target.locationCount),
    },
    labelSets: labels.sets,
  }
}

function decodeSample(context: DecodeContext, { start, end }: { start: number; end: number }, target: Target): void {
  const { bytes } = context
  let valueCount = 0
  for (let at = start; at < end; ) {
    const tag = readVarint(bytes, at, end)
    at = last.next
    if (tag === 0x0a) {
      const fieldEnd = readLength(bytes, at, end)
      reserve(target, fieldEnd - last.next)
      if (target.locationIds.isDense) readDenseIds(context, { start: last.next, end: fieldEnd }, target)
      else for (at = last.next; at < fieldEnd; at = last.next) readId(context, { at, end: fieldEnd }, target)
      at = fieldEnd
    } else if (tag === 0x08) {
      reserve(target, 1)
      readId(context, { at, end }, target)
      at = last.next
    } else if (tag === 0x12) {
      const fieldEnd = readLength(bytes, at, end)
      for (at = last.next; at < fieldEnd; at = last.next) {
        readVarint(bytes, at, fieldEnd)
        pushValue(target, valueCount++)
      }
    } else if (tag === 0x10) {
      readVarint(bytes, at, end)
      pushValue(target, valueCount++)
      at = last.next
    } else if (tag === 0x1a) {
      const fieldEnd = readLength(bytes, at, end)
      readLabel(context, { start: last.next, end: fieldEnd }, target.labelRow)
      at = fieldEnd
    } else at = skipField(bytes, tag, { at, end })
  }
  if (valueCount !== target.typeCount) {
    failAt(start, `a sample has ${valueCount} values for ${target.typeCount} sample types`)
  }
}

/** Makes room for `more` locations. */
function reserve(target: Target, more: number): void {
  const needed = target.locationCount + more
  if (needed <= target.locations.length) return
  const larger = new Uint32Array(Math.max(needed, target.locations.length * 1.5))
  larger.set(target.locations)
  target.locations = larger
}

/** The hot loop: packed ids of a file whose ids are 1, 2, 3, ..., so that row = id - 1. */
function readDenseIds(context: DecodeContext, { start, end }: { start: number; end: number }, target: Target): void {
  const { bytes } = context
  const { locations } = target
  const { length } = target.locationIds
  let count = target.locationCount
  let at = start
  while (at < end) {
    const idStart = at
    let id = bytes[at++] as number
    if (id > 127) {
      id = (id & 127) | ((bytes[at++] as number) << 7)
      if (id > 0x3fff) {
        id = (id & 0x3fff) | ((bytes[at++] as number) << 14)
        if (id > 0x1fffff) {
          id = readVarint(bytes, idStart, end)
          at = last.next
        }
      }
    }
    if (id > length || id === 0) {
      if (!context.salvage) failAt(idStart, `location ${id} does not exist`)
      countLoss(context, 'frames whose location is missing')
    } else locations[count++] = id - 1
  }
  if (at !== end) failAt(start, 'a number is cut off')
  target.locationCount = count
}

/** One id of any kind. */
function readId(context: DecodeContext, { at, end }: { at: number; end: number }, target: Target): void {
  const id = readVarint(context.bytes, at, end)
  const row = target.locationIds.find(last.low, last.high)
  if (row >= 0) target.locations[target.locationCount++] = row
  else {
    if (!context.salvage) failAt(at, `location ${id} does not exist`)
    countLoss(context, 'frames whose location is missing')
  }
}

/** Stores the varint read last as value `index` of the present sample. */
function pushValue(target: Target, index: number): void {
  const column = target.values[index]
  if (!column) return // counted by the caller, which then fails
  column[2 * target.sampleCount] = last.low
  column[2 * target.sampleCount + 1] = last.high
}

function readLabel(context: DecodeContext, { start, end }: { start: number; end: number }, row: number[]): void {
  const { bytes } = context
  let key = 0
  let str = 0
  let low = 0
  let high = 0
  let unit = 0
  for (let at = start; at < end; at = last.next) {
    const tag = readVarint(bytes, at, end)
    at = last.next
    if (tag > 0x20 || tag % 8 !== 0) {
      last.next = skipField(bytes, tag, { at, end })
      continue
    }
    const value = readVarint(bytes, at, end)
    if (tag === 0x08) key = checkString(context, value, at)
    else if (tag === 0x10) str = checkString(context, value, at)
    else if (tag === 0x18) {
      low = last.low
      high = last.high
    } else if (tag === 0x20) unit = checkString(context, value, at)
  }
  row.push(key, str, low, high, unit)
}

/** Turns label rows into label sets, and the offset label into its column. */
class LabelSets {
  readonly sets: (readonly Label[])[] = [[]]
  offsetMs: Float64Array | undefined
  private readonly context: DecodeContext
  private readonly capacity: number
  private readonly rows = new RowInterner()
  /** Per string index: is it the offset label's key? 0 = not asked yet, 1 = no, 2 = yes. */
  private readonly isOffsetKey: Uint8Array
  private readonly number = new BigInt64Array(1)
  private readonly words = wordsOf(this.number)

  constructor(context: DecodeContext, capacity: number) {
    this.context = context
    this.capacity = capacity
    this.isOffsetKey = new Uint8Array(context.strings.length)
    this.rows.intern([], 0, 0)
  }

  intern(row: number[], sample: number): number {
    for (let i = 0; i < row.length; i += 5) {
      if (this.isOffset(row, i)) {
        this.setOffset(sample, this.int64(row, i))
        row.splice(i, 5)
        i -= 5
      }
    }
    const id = this.rows.intern(row, 0, row.length)
    if (id === this.sets.length) this.sets.push(this.toLabels(row))
    return id
  }

  private isOffset(row: number[], at: number): boolean {
    const key = row[at]!
    if (this.isOffsetKey[key] === 0) {
      this.isOffsetKey[key] = this.context.strings.get(key) === offsetLabel.key ? 2 : 1
    }
    return (
      this.isOffsetKey[key] === 2 && row[at + 1] === 0 && this.context.strings.get(row[at + 4]!) === offsetLabel.unit
    )
  }

  private setOffset(sample: number, milliseconds: bigint): void {
    this.offsetMs ??= new Float64Array(this.capacity).fill(Number.NaN)
    this.offsetMs[sample] = Number(milliseconds)
  }

  private int64(row: number[], at: number): bigint {
    this.words[0] = row[at + 2]!
    this.words[1] = row[at + 3]!
    return this.number[0]!
  }

  private toLabels(row: number[]): Label[] {
    const { strings } = this.context
    const labels: Label[] = []
    for (let i = 0; i < row.length; i += 5) {
      const key = strings.get(row[i]!)
      // As pprof decides: a label with a string is a string label, whatever its number.
      if (row[i + 1] !== 0) labels.push({ key, str: strings.get(row[i + 1]!) })
      else if (row[i + 4] !== 0) labels.push({ key, num: this.int64(row, i), unit: strings.get(row[i + 4]!) })
      else labels.push({ key, num: this.int64(row, i) })
    }
    return labels
  }
}
