import { expect, test } from 'vitest'
import { parseProto } from './proto.ts'
import { decodeMessage, encodeMessage } from './proto-message.ts'

const schema = parseProto(`
  syntax = "proto3";
  package demo.v1;
  service Greeter { rpc Hello(Person) returns (stream Person); } // a comment
  enum Mood { CALM = 0; BUSY = 2; }
  message Address { string street = 1; }
  message Person {
    int64 age = 1; string first_name = 2; bool awake = 3; Mood mood = 4; bytes photo = 5;
    repeated Address addresses = 6; map<string, string> labels = 7; Address home = 19; repeated int32 marks = 20;
  }
`)
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

test('the examples of the encoding guide: 150, "testing", -1', () => {
  expect(encodeMessage(schema, 'Person', { age: 150 })).toEqual(bytes(0x08, 0x96, 0x01))
  expect(encodeMessage(schema, 'Person', { firstName: 'testing' })).toEqual(
    bytes(0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67),
  )
  const minusOne = bytes(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)
  expect(encodeMessage(schema, 'Person', { age: -1 })).toEqual(minusOne)
  expect(decodeMessage(schema, 'Person', minusOne).age).toBe(-1)
})

test('what is written is read again; what is absent has its default', () => {
  const person = {
    age: 1_790_000_000_000,
    firstName: 'Ægir',
    awake: true,
    mood: 'BUSY',
    photo: bytes(0, 255, 7),
    addresses: [{ street: 'a' }, { street: '' }],
    labels: { app: 'cart', empty: '' },
    home: { street: 'b' },
    marks: [1, -2, 300],
  }
  expect(decodeMessage(schema, 'Person', encodeMessage(schema, 'Person', person))).toEqual(person)
  expect(decodeMessage(schema, 'Person', bytes())).toEqual({
    age: 0,
    firstName: '',
    awake: false,
    mood: 'CALM',
    photo: bytes(),
    addresses: [],
    labels: {},
    marks: [],
  })
})

test('a newer server: unknown fields of every wire type are passed over, unknown values of an enum are kept', () => {
  const newer = bytes(0xf8, 0x06, 0x01, 0xf1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xfd, 0x06, 1, 2, 3, 4, 0xfa, 0x06, 1, 9)
  const message = decodeMessage(schema, 'Person', bytes(...newer, 0x20, 0x63, 0x08, 0x2a))
  expect(message).toMatchObject({ age: 42, mood: '99' })
})

test('bytes that end early are refused', () => {
  expect(() => decodeMessage(schema, 'Person', bytes(0x08, 0x96))).toThrow('ends within a number')
  expect(() => decodeMessage(schema, 'Person', bytes(0x12, 0x07, 0x74))).toThrow('ends within a field')
})

test('methods carry their path', () => {
  expect(schema.methods.get('Hello')).toEqual({
    path: '/demo.v1.Greeter/Hello',
    request: 'Person',
    response: 'Person',
    isStream: true,
  })
})
