// Protocol Buffers messages to and from plain objects, by the tables of a schema.
//
//   message Container { string id = 1; ContainerState state = 6; }    { id: 'c', state: 'CONTAINER_RUNNING' }
//   0a 01 63   field 1, wire type 2 (length-delimited): "c"
//   30 01      field 6, wire type 0 (varint): 1
import { Failure } from '../model/errors.ts'
import type { ProtoField, ProtoSchema } from './proto.ts'

/** Field names are in camelCase, as in proto3's JSON form. */
export type ProtoObject = { [field: string]: unknown }

const bytesToText = new TextDecoder()
const textToBytes = new TextEncoder()

/**
 * Decodes one message. Absent scalars have their proto3 default, absent messages are undefined, unknown fields are
 * passed over. Numbers beyond 2^53 (times in nanoseconds) lose their last digits.
 * @throws Failure MALFORMED when the bytes end within a field
 */
export function decodeMessage(schema: ProtoSchema, type: string, bytes: Uint8Array): ProtoObject {
  const fields = schema.messages.get(type)
  if (!fields) throw new Error(`.proto: no message ${type}`)
  const object: ProtoObject = {}
  for (const field of fields) {
    if (field.repeated) object[field.name] = []
    else if (field.isMap) object[field.name] = {}
    else if (!schema.messages.has(field.type)) object[field.name] = defaultOf(schema, field.type)
  }
  const reader = new Reader(bytes)
  while (!reader.atEnd) {
    const tag = reader.varint()
    const field = fields.find((each) => each.number === Math.floor(tag / 8))
    if (!field) {
      reader.skip(tag & 7)
      continue
    }
    if (field.isMap) {
      const [key, value] = decodeMapEntry(reader.lengthDelimited())
      ;(object[field.name] as Record<string, string>)[key] = value
    } else if (field.repeated) (object[field.name] as unknown[]).push(decodeValue(schema, field.type, reader))
    else object[field.name] = decodeValue(schema, field.type, reader)
  }
  return object
}

function defaultOf(schema: ProtoSchema, type: string): unknown {
  if (type === 'string') return ''
  if (type === 'bool') return false
  if (type === 'bytes') return new Uint8Array()
  return schema.enums.get(type)?.[0]?.name ?? 0
}

function decodeMapEntry(bytes: Uint8Array): [string, string] {
  const entry = ['', '']
  const reader = new Reader(bytes)
  while (!reader.atEnd) {
    const tag = reader.varint()
    if (tag >> 3 === 1 || tag >> 3 === 2) entry[(tag >> 3) - 1] = bytesToText.decode(reader.lengthDelimited())
    else reader.skip(tag & 7)
  }
  return entry as [string, string]
}

function decodeValue(schema: ProtoSchema, type: string, reader: Reader): unknown {
  switch (type) {
    case 'string':
      return bytesToText.decode(reader.lengthDelimited())
    case 'bytes':
      return reader.lengthDelimited().slice()
    case 'bool':
      return reader.varint() !== 0
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
      return reader.varint()
  }
  const values = schema.enums.get(type)
  if (!values) return decodeMessage(schema, type, reader.lengthDelimited())
  const number = reader.varint()
  return values.find((value) => value.number === number)?.name ?? String(number)
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Halves of 32 bits, so that ten bytes give the negative number they stand for (int64 in two's complement). */
  varint(): number {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new Failure('MALFORMED', 'the message ends within a number')
      const bits = byte & 127
      if (shift < 32) low |= bits << shift
      if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32)
      if (byte < 128) return high * 2 ** 32 + (low >>> 0)
    }
    throw new Failure('MALFORMED', 'the message holds a number of more than ten bytes')
  }

  lengthDelimited(): Uint8Array {
    const end = this.varint() + this.#at
    if (!(end <= this.#bytes.length)) throw new Failure('MALFORMED', 'the message ends within a field')
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  /** @param wireType 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes */
  skip(wireType: number): void {
    if (wireType === 0) this.varint()
    else if (wireType === 2) this.lengthDelimited()
    else if (wireType === 1 || wireType === 5) this.#at += wireType === 1 ? 8 : 4
    else throw new Failure('MALFORMED', `the message holds a field of wire type ${wireType}`)
  }
}

/** Encodes one message; fields that the schema does not have are refused, absent ones are left out. */
export function encodeMessage(schema: ProtoSchema, type: string, object: ProtoObject): Uint8Array {
  const fields = schema.messages.get(type)
  if (!fields) throw new Error(`.proto: no message ${type}`)
  const out: number[] = []
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue
    const field = fields.find((each) => each.name === name)
    if (!field) throw new Error(`.proto: ${type} has no field ${name}`)
    if (field.isMap) {
      for (const [key, text] of Object.entries(value as Record<string, string>)) {
        const entry: number[] = []
        writeBytes(entry, 1, textToBytes.encode(key))
        writeBytes(entry, 2, textToBytes.encode(text))
        writeBytes(out, field.number, Uint8Array.from(entry))
      }
    } else for (const each of field.repeated ? (value as unknown[]) : [value]) writeValue(schema, field, each, out)
  }
  return Uint8Array.from(out)
}

function writeValue(schema: ProtoSchema, field: ProtoField, value: unknown, out: number[]): void {
  const { type, number } = field
  if (type === 'string') writeBytes(out, number, textToBytes.encode(value as string))
  else if (type === 'bytes') writeBytes(out, number, value as Uint8Array)
  else if (schema.messages.has(type)) writeBytes(out, number, encodeMessage(schema, type, value as ProtoObject))
  else {
    writeVarint(out, number * 8)
    const named = schema.enums.get(type)?.find((each) => each.name === value)
    if (typeof value === 'string' && !named) throw new Error(`.proto: ${type} has no value ${value}`)
    writeVarint(out, named?.number ?? Number(value))
  }
}

function writeBytes(out: number[], number: number, bytes: Uint8Array): void {
  writeVarint(out, number * 8 + 2)
  writeVarint(out, bytes.length)
  for (const byte of bytes) out.push(byte)
}

function writeVarint(out: number[], value: number): void {
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  out.push(Number(rest))
}
