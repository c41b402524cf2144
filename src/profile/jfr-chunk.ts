// One chunk of a flight recording: header, types, constant pools, and where its events lie.
//   FLR\0, version u16 u16, size u64, offset of last checkpoint u64, offset of metadata u64, start ns u64,
//   duration ns u64, start ticks u64, ticks per second u64, features u32; then events until the size is reached
//   event: size, type id, fields as the metadata says; type 0 metadata, type 1 checkpoint
//   checkpoint: size, 1, start, duration, delta to the next one, flags, pool count, {type id, count, {key, fields}}
// Format: jdk.jfr's chunk writer and src/hotspot/share/jfr/recorder; async-profiler writes the same.
import { Failure } from '../model/errors.ts'
import { JfrInput } from './jfr-input.ts'
import { type JfrField, type JfrType, readMetadata } from './jfr-metadata.ts'

const headerBytes = 68
/** `FLR\0` */
const magic = 0x464c5200
/** Types that hold themselves would be read for ever; event, stack trace, frame, method, class, package, module are 7. */
const maxNesting = 16
/**
 * A constant takes more than this many bytes (keys, names, references); files that say otherwise would make
 * tables much larger than themselves.
 */
const minConstantBytes = 6
const freeConstants = 10_000

/** What a field is as JavaScript: numbers, text, objects of fields by name. */
export type JfrValue = number | boolean | string | undefined | readonly JfrValue[] | JfrObject
export interface JfrObject {
  readonly [field: string]: JfrValue
}

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
  readonly startMs: number
  readonly durationMs: number
  readonly ticksPerSecond: number
  /** False when the recorder had not closed it, or the file ends inside it. */
  readonly isComplete: boolean
  readonly types: ReadonlyMap<number, JfrType>
  /** Per type id: number of events and their bytes; only types that the metadata names. */
  readonly counts = new Map<number, { count: number; sizeBytes: number }>()
  /** Bytes behind the last whole event. */
  readonly lostBytes: number
  /** Events of types that the metadata does not name. */
  unknownEvents = 0
  /** Events whose fields do not fit into their size. */
  damagedEvents = 0
  /** Pools whose entries could not be read. */
  unreadPools = 0
  private readonly input: JfrInput
  private readonly startTicks: number
  private readonly offsets = new Map<number, number[]>()
  /** Per type id: key to where the fields of the constant begin. */
  private readonly pools = new Map<number, Map<number, number>>()
  private readonly decoded = new Map<number, Map<number, JfrValue>>()
  private constantCount = 0

  /** @param previous types of the chunk before, for one that was cut off before its own were written */
  constructor(file: Uint8Array, at: number, previous?: ReadonlyMap<number, JfrType>) {
    const header = new JfrInput(file)
    header.at = at + 4
    this.version = `${header.raw16()}.${header.raw16()}`
    const size = header.raw64()
    header.raw64()
    const metadataAt = header.raw64()
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
      const event = this.readObject(type?.fields ?? [], 0)
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
      for (let i = 0; i < fields.length; i++) {
        const column = columns[i] as number
        if (column < 0) this.skip(fields[i] as JfrField, 0)
        else row[column] = this.readNumber(fields[i] as JfrField)
      }
      if (this.input.at <= end) visit(row)
      else this.damagedEvents++
    }
  }

  /** Goes to the fields of the event that begins at `offset`; where it ends. */
  private enter(offset: number): number {
    this.input.at = offset
    const end = offset + this.input.int()
    this.input.long()
    return end
  }

  /** The constant of a type with that key; undefined when there is none (key 0 mostly). */
  constant(typeId: number, key: number): JfrValue {
    return this.readConstant(typeId, key, 0)
  }

  /** The input standing at the constant's fields, to read them without making objects; undefined when there is none. */
  enterConstant(typeId: number, key: number): JfrInput | undefined {
    const offset = this.pools.get(typeId)?.get(key)
    if (offset === undefined) return undefined
    this.input.at = offset
    return this.input
  }

  /** Steps over one field, or all values of an array. */
  skip(field: JfrField, nesting: number): void {
    const { input } = this
    const end = input.bytes.length
    for (let left = field.isArray ? input.length() : 1; left > 0 && input.at <= end; left--) {
      switch (field.kind) {
        case 'byte':
        case 'boolean':
          input.at++
          break
        case 'short':
        case 'char':
          input.integer(2)
          break
        case 'int':
          input.int()
          break
        case 'float':
          input.at += 4
          break
        case 'double':
          input.at += 8
          break
        case 'string':
          input.skipString()
          break
        case 'struct':
          this.skipStruct(field.typeId, nesting + 1)
          break
        default:
          input.long()
      }
    }
  }

  /** A number or a pool key. */
  readNumber(field: JfrField): number {
    const { input } = this
    switch (field.kind) {
      case 'byte':
      case 'boolean':
        return (input.byte() << 24) >> 24
      case 'short':
        return (input.integer(2) << 16) >> 16
      case 'char':
        return input.integer(2)
      case 'int':
        return input.int() | 0
      case 'float':
        return input.float()
      case 'double':
        return input.double()
      default:
        return input.long()
    }
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
      if (typeId === 1) this.readCheckpoint()
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

  private readCheckpoint(): void {
    const { input } = this
    input.long()
    input.long()
    input.long()
    input.byte()
    for (let pools = input.length(); pools > 0; pools--) {
      const typeId = input.long()
      const count = input.length()
      const type = this.types.get(typeId)
      if (!type || (type.fields.length === 0 && type.name !== 'java.lang.String')) {
        // Without its fields the end of this pool cannot be found, so the rest of this checkpoint is lost.
        this.unreadPools += pools
        return
      }
      this.readPool(type, count)
    }
  }

  private readPool({ id, name, fields }: JfrType, count: number): void {
    const { input } = this
    const pool = this.pools.get(id) ?? new Map<number, number>()
    this.pools.set(id, pool)
    const allowed = freeConstants + this.sizeBytes / minConstantBytes
    for (let left = count; left > 0; left--) {
      if (input.at >= input.bytes.length || this.constantCount++ > allowed) {
        this.unreadPools++
        input.at = input.bytes.length
        return
      }
      pool.set(input.long(), input.at)
      if (name === 'java.lang.String') input.skipString()
      for (let i = 0; i < fields.length; i++) this.skip(fields[i] as JfrField, 0)
    }
  }

  private skipStruct(typeId: number, nesting: number): void {
    if (nesting > maxNesting) this.input.at = this.input.bytes.length + 1
    else for (const field of this.types.get(typeId)?.fields ?? []) this.skip(field, nesting)
  }

  private readObject(fields: readonly JfrField[], nesting: number): JfrObject {
    const object: Record<string, JfrValue> = {}
    for (const field of fields) object[field.name] = this.readField(field, nesting)
    return object
  }

  private readField(field: JfrField, nesting: number): JfrValue {
    if (!field.isArray) return this.readValue(field, nesting)
    const values: JfrValue[] = []
    for (let left = this.input.length(); left > 0 && this.input.at < this.input.bytes.length; left--) {
      values.push(this.readValue(field, nesting))
    }
    return values
  }

  private readValue(field: JfrField, nesting: number): JfrValue {
    const { input } = this
    if (field.kind === 'boolean') return input.byte() !== 0
    if (field.kind === 'string') {
      const text = input.string()
      return typeof text === 'number' ? this.poolString(field.typeId, text) : text
    }
    if (field.kind === 'struct') {
      if (nesting < maxNesting) return this.readObject(this.types.get(field.typeId)?.fields ?? [], nesting + 1)
      input.at = input.bytes.length + 1
      return undefined
    }
    if (field.kind === 'pool') return this.readConstant(field.typeId, input.long(), nesting + 1)
    return this.readNumber(field)
  }

  private poolString(typeId: number, key: number): string | undefined {
    const { input } = this
    const back = input.at
    const at = this.pools.get(typeId)?.get(key)
    if (at === undefined) return undefined
    input.at = at
    const text = input.string()
    input.at = back
    return typeof text === 'string' ? text : undefined
  }

  private readConstant(typeId: number, key: number, nesting: number): JfrValue {
    const decoded = this.decoded.get(typeId) ?? new Map<number, JfrValue>()
    this.decoded.set(typeId, decoded)
    if (decoded.has(key)) return decoded.get(key)
    const offset = this.pools.get(typeId)?.get(key)
    const type = this.types.get(typeId)
    if (offset === undefined || !type || nesting > maxNesting) return undefined
    const { input } = this
    const back = input.at
    // A class names its loader and the loader its class: the second time round it is left out.
    decoded.set(key, undefined)
    input.at = offset
    const value = type.name === 'java.lang.String' ? input.string() : this.readObject(type.fields, nesting)
    input.at = back
    decoded.set(key, value)
    return value
  }
}

const isNumeric = (field: JfrField): boolean => field.kind !== 'string' && field.kind !== 'struct'
