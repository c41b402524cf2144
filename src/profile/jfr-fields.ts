// Reads fields and constants of one chunk: numbers, texts, structs, and references into its constant pools.
// A constant is kept as the place where its fields begin and is decoded when somebody asks for it: a recording has
// ten thousands of stack traces, of which a profile needs the frames only, as numbers.
import type { JfrInput } from './jfr-input.ts'
import type { JfrField, JfrType } from './jfr-metadata.ts'

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

export class JfrFields {
  readonly input: JfrInput
  readonly types: ReadonlyMap<number, JfrType>
  /** Nothing is read beyond this place: the end of the event or checkpoint at hand. */
  limit = 0
  /** Pools whose entries could not all be read. */
  unreadPools = 0
  /** Per type id: key to where the fields of the constant begin. */
  private readonly pools = new Map<number, Map<number, number>>()
  private readonly decoded = new Map<number, Map<number, JfrValue>>()
  private constantCount = 0

  constructor(input: JfrInput, types: ReadonlyMap<number, JfrType>) {
    this.input = input
    this.types = types
  }

  /** Notes the pools of a checkpoint at the input: {type id, count, {key, fields}}; they end at `limit`. */
  notePools(): void {
    const { input } = this
    for (let pools = input.length(); pools > 0 && input.at < this.limit; pools--) {
      const typeId = input.long()
      const count = input.length()
      const type = this.types.get(typeId)
      if (!type || (type.fields.length === 0 && type.name !== 'java.lang.String')) {
        // Without its fields the end of this pool cannot be found, so the rest of this checkpoint is lost.
        this.unreadPools += pools
        return
      }
      if (!this.notePool(type, count)) this.unreadPools++
    }
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
    this.limit = this.input.bytes.length
    return this.input
  }

  /** Steps over one field, or all values of an array. */
  skip(field: JfrField, nesting = 0): void {
    const { input } = this
    const count = field.isArray ? input.length() : 1
    const struct = field.kind === 'struct' ? this.types.get(field.typeId)?.fields : undefined
    if (struct?.length === 0) return
    for (let left = count; left > 0 && input.at < this.limit; left--) {
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
          if (!struct || nesting >= maxNesting) this.damage()
          else this.skipAll(struct, nesting + 1)
          break
        default:
          input.long()
      }
    }
  }

  /** A type may have thousands of fields and an event none of them: each takes a byte, so the limit ends the loop. */
  private skipAll(fields: readonly JfrField[], nesting: number): void {
    for (let i = 0; i < fields.length && this.input.at < this.limit; i++) this.skip(fields[i] as JfrField, nesting)
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

  /** Reads all fields of a type, references resolved. */
  readObject(fields: readonly JfrField[], nesting = 0): JfrObject {
    const object: Record<string, JfrValue> = {}
    for (const field of fields) {
      if (this.input.at >= this.limit) break
      object[field.name] = this.readField(field, nesting)
    }
    return object
  }

  /** False when it does not end before the limit. */
  private notePool({ id, name, fields }: JfrType, count: number): boolean {
    const { input } = this
    const pool = this.pools.get(id) ?? new Map<number, number>()
    this.pools.set(id, pool)
    const allowed = freeConstants + input.bytes.length / minConstantBytes
    for (let left = count; left > 0; left--) {
      const key = input.long()
      const { at } = input
      if (name === 'java.lang.String') input.skipString()
      this.skipAll(fields, 0)
      // Only what ends inside its checkpoint may be decoded later, so that no constant is longer than what it takes.
      if (input.at > this.limit || at >= this.limit || this.constantCount++ > allowed) {
        this.damage()
        return false
      }
      pool.set(key, at)
    }
    return true
  }

  /** Beyond the limit nothing is read, and callers see that they are there. */
  private damage(): void {
    this.input.at = this.limit + 1
  }

  private readField(field: JfrField, nesting: number): JfrValue {
    if (!field.isArray) return this.readValue(field, nesting)
    const count = this.input.length()
    const values: JfrValue[] = []
    if (field.kind === 'struct' && this.types.get(field.typeId)?.fields.length === 0) return values
    while (values.length < count && this.input.at < this.limit) values.push(this.readValue(field, nesting))
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
      const fields = this.types.get(field.typeId)?.fields
      if (fields && nesting < maxNesting) return this.readObject(fields, nesting + 1)
      this.damage()
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
    const { input, limit } = this
    const back = input.at
    // A class names its loader and the loader its class: the second time round it is left out.
    decoded.set(key, undefined)
    input.at = offset
    this.limit = input.bytes.length
    const value = type.name === 'java.lang.String' ? input.string() : this.readObject(type.fields, nesting)
    input.at = back
    this.limit = limit
    decoded.set(key, value)
    return value
  }
}
