// One chunk of a flight recording: header, types, and where its events lie.
//   FLR\0, version u16 u16, size u64, offset of last checkpoint u64, offset of metadata u64, start ns u64,
//   duration ns u64, start ticks u64, ticks per second u64, features u32; then events until the size is reached
//   event: size, type id, fields as the metadata says; type 0 metadata, type 1 checkpoint
//   checkpoint: size, 1, start, duration, delta to the next one, flags, pool count, {type id, count, {key, fields}}
// Format: jdk.jfr's chunk writer and src/hotspot/share/jfr/recorder; async-profiler writes the same.
import { Failure } from '../model/errors.ts'
import { JfrFields, type JfrObject } from './jfr-fields.ts'
import { JfrInput } from './jfr-input.ts'
import { type JfrField, type JfrType, readMetadata } from './jfr-metadata.ts'

const headerBytes = 68
/** `FLR\0` */
const magic = 0x464c5200

/** True when the bytes begin a chunk. */
export function isChunk(bytes: Uint8Array, at = 0): boolean {
  const input = new JfrInput(bytes)
  input.at = at
  return bytes.length - at >= headerBytes && input.raw32() === magic
}

export class JfrChunk {
  readonly version: string
  readonly sizeBytes: number
  /** Since 1970. */
  readonly startNanos: bigint
  readonly startMs: number
  readonly durationMs: number
  readonly ticksPerSecond: number
  /** False when the recorder had not closed it, or the file ends inside it. */
  readonly isComplete: boolean
  readonly types: ReadonlyMap<number, JfrType>
  readonly fields: JfrFields
  /** Per type id: number of events and their bytes; only types that the metadata names. */
  readonly counts = new Map<number, { count: number; sizeBytes: number }>()
  /** Bytes behind the last whole event. */
  readonly lostBytes: number
  /** Events of types that the metadata does not name. */
  unknownEvents = 0
  /** Events whose fields do not fit into their size. */
  damagedEvents = 0
  private readonly input: JfrInput
  private readonly startTicks: number
  private readonly offsets = new Map<number, number[]>()

  /** @param previous types of the chunk before, for one that was cut off before its own were written */
  constructor(file: Uint8Array, at: number, previous?: ReadonlyMap<number, JfrType>) {
    const header = new JfrInput(file)
    header.at = at + 4
    this.version = `${header.raw16()}.${header.raw16()}`
    const size = header.raw64()
    header.raw64()
    const metadataAt = header.raw64()
    this.startNanos = new DataView(file.buffer, file.byteOffset + header.at, 8).getBigInt64(0)
    this.startMs = header.raw64() / 1e6
    this.durationMs = header.raw64() / 1e6
    this.startTicks = header.raw64()
    this.ticksPerSecond = header.raw64() || 1e9
    const features = header.raw32()
    this.isComplete = size >= headerBytes && size <= file.length - at && metadataAt > 0
    this.sizeBytes = size >= headerBytes ? Math.min(size, file.length - at) : file.length - at
    this.input = new JfrInput(file.subarray(at, at + this.sizeBytes))
    this.input.isCompressed = (features & 1) === 1
    this.types = this.readTypes(metadataAt) ?? this.findTypes() ?? previous ?? new Map()
    this.fields = new JfrFields(this.input, this.types)
    this.lostBytes = this.index()
  }

  /** Milliseconds since 1970 of a tick count. */
  timeMs(ticks: number): number {
    return this.startMs + this.durationOf(ticks - this.startTicks)
  }

  /** Milliseconds of a difference of ticks. */
  durationOf(ticks: number): number {
    return (ticks / this.ticksPerSecond) * 1000
  }

  typeNamed(name: string): JfrType | undefined {
    for (const type of this.types.values()) if (type.name === name) return type
    return undefined
  }

  /** How many events of that name there are. */
  countOf(name: string): number {
    return this.offsets.get(this.typeNamed(name)?.id ?? -1)?.length ?? 0
  }

  /** Every event of that name as an object: pool references resolved, times left in ticks. */
  *events(name: string): Generator<JfrObject> {
    const type = this.typeNamed(name)
    for (const offset of this.offsets.get(type?.id ?? -1) ?? []) {
      const end = this.enter(offset)
      const event = this.fields.readObject(type?.fields ?? [])
      if (this.input.at <= end) yield event
      else this.damagedEvents++
    }
  }

  /**
   * Reads only the named fields of every event of a type, as numbers: integers, floats, pool keys; 0 where it has no
   * such field. `row` is reused from call to call.
   */
  eachRow(name: string, wanted: readonly string[], visit: (row: Float64Array) => void): void {
    const type = this.typeNamed(name)
    const fields = type?.fields ?? []
    const columns = fields.map((field) => (field.isArray || !isNumeric(field) ? -1 : wanted.indexOf(field.name)))
    const row = new Float64Array(wanted.length)
    for (const offset of this.offsets.get(type?.id ?? -1) ?? []) {
      const end = this.enter(offset)
      let i = 0
      for (; i < fields.length && this.input.at < end; i++) {
        const column = columns[i] as number
        if (column < 0) this.fields.skip(fields[i] as JfrField)
        else row[column] = this.fields.readNumber(fields[i] as JfrField)
      }
      if (i === fields.length && this.input.at <= end) visit(row)
      else this.damagedEvents++
    }
  }

  /** Goes to the fields of the event that begins at `offset`; where it ends. */
  private enter(offset: number): number {
    this.input.at = offset
    const end = offset + this.input.int()
    this.input.long()
    this.fields.limit = end
    return end
  }

  private readTypes(at: number): Map<number, JfrType> | undefined {
    if (at < headerBytes || at >= this.sizeBytes) return undefined
    this.input.at = at
    try {
      return readMetadata(this.input)
    } catch (error) {
      // Not the metadata: the offset is wrong, the chunk will be searched for it.
      if (error instanceof Failure) return undefined
      throw error
    }
  }

  private findTypes(): Map<number, JfrType> | undefined {
    const { input } = this
    for (let at = headerBytes; at < this.sizeBytes; ) {
      input.at = at
      const size = input.int()
      if (input.long() === 0) return this.readTypes(at)
      if (size <= 0) return undefined
      at += size
    }
    return undefined
  }

  /** Notes where events and constants lie; the number of bytes at the end that are no whole event. */
  private index(): number {
    const { input } = this
    let at = headerBytes
    while (at < this.sizeBytes) {
      input.at = at
      const size = input.int()
      const typeId = input.long()
      if (size <= 1 || at + size > this.sizeBytes) break
      const type = this.types.get(typeId)
      if (typeId === 1) this.readCheckpoint(at + size)
      if (typeId > 1 && type === undefined) this.unknownEvents++
      else {
        const known = this.counts.get(typeId)
        if (known) {
          known.count++
          known.sizeBytes += size
        } else this.counts.set(typeId, { count: 1, sizeBytes: size })
        if (typeId > 1) {
          const offsets = this.offsets.get(typeId)
          if (offsets) offsets.push(at)
          else this.offsets.set(typeId, [at])
        }
      }
      at += size
    }
    return this.sizeBytes - at
  }

  /** Start, duration, delta to the next checkpoint, flags; then pools. The deltas are not needed: all events are seen. */
  private readCheckpoint(end: number): void {
    const { input, fields } = this
    for (let i = 0; i < 3; i++) input.long()
    input.byte()
    fields.limit = end
    fields.notePools()
  }
}

const isNumeric = (field: JfrField): boolean => field.kind !== 'string' && field.kind !== 'struct'
