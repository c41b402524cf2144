// The protobuf wire format, as far as profile.proto needs it: varints, and skipping what is not known.
//
//   96 01 = 150: seven bits per byte, lowest first, the high bit says that another byte follows
//   tag = field number << 3 | wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes)
//
// https://protobuf.dev/programming-guides/encoding/
import { Failure } from '../model/errors.ts'
import { highWord } from './int64.ts'

/** What `readVarint` read last: where the next byte is, and the 64 bits as two signed words. */
export const last = { next: 0, low: 0, high: 0 }

/** @throws always: Failure MALFORMED that says where and what */
export function failAt(position: number, problem: string): never {
  throw new Failure('MALFORMED', `The profile is damaged at byte ${position}: ${problem}.`, { details: { position } })
}

/**
 * Reads an unsigned varint at `at`; `last` holds where it ends and its exact bits.
 * @returns the value as a double, exact up to 2^53
 * @throws Failure MALFORMED when it is cut off at `end` or longer than ten bytes
 */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) {
    // Nearly all numbers have at most four bytes.
    let value = bytes[at] as number
    let next = at + 1
    if (value > 127) {
      value = (value & 127) | ((bytes[next++] as number) << 7)
      if (value > 0x3fff) {
        value = (value & 0x3fff) | ((bytes[next++] as number) << 14)
        if (value > 0x1fffff) value = (value & 0x1fffff) | ((bytes[next++] as number) << 21)
      }
    }
    if (value <= 0xfffffff) {
      last.next = next
      last.low = value
      last.high = 0
      return value
    }
  }
  return readLongVarint(bytes, at, end)
}

function readLongVarint(bytes: Uint8Array, at: number, end: number): number {
  const start = at
  let low = 0
  let high = 0
  for (let i = 0; i < 10; i++) {
    if (at >= end) failAt(start, 'a number is cut off')
    const byte = bytes[at++] as number
    const bits = byte & 127
    if (i < 4) low |= bits << (7 * i)
    else if (i === 4) {
      low |= bits << 28
      high = bits >>> 4
    } else high |= bits << (7 * i - 32)
    if (byte < 128) {
      last.next = at
      last.low = low
      last.high = high
      return (high >>> 0) * highWord + (low >>> 0)
    }
  }
  failAt(start, 'a number is longer than ten bytes')
}

/** The 64 bits that `readVarint` read last, as the signed integer that int64 fields mean. */
export function lastInt64(): bigint {
  return (BigInt(last.high) << 32n) | BigInt(last.low >>> 0)
}

/** The same for small integers: a double, exact for magnitudes up to 2^53. */
export function lastNumber(): number {
  return last.high * highWord + (last.low >>> 0)
}

/** Start and end of the length-delimited field whose length stands at `at`; the start is in `last.next`. */
export function readLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number
  if (first < 128 && at + 1 + first <= end) {
    last.next = at + 1
    return at + 1 + first
  }
  const length = readVarint(bytes, at, end)
  if (length > end - last.next) failAt(at, `a field of ${length} bytes is cut off after ${end - last.next}`)
  return last.next + length
}

/**
 * @param tag as read, so its field number may be any
 * @param at the first byte after the tag
 * @returns the first byte after the field
 */
export function skipField(bytes: Uint8Array, tag: number, { at, end }: { at: number; end: number }): number {
  const wireType = tag % 8
  if (tag < 8) failAt(at - 1, 'field number 0 does not exist')
  if (wireType === 2) return readLength(bytes, at, end)
  if (wireType === 0) {
    readVarint(bytes, at, end)
    return last.next
  }
  const size = wireType === 1 ? 8 : wireType === 5 ? 4 : failAt(at - 1, `wire type ${wireType} does not exist`)
  if (at + size > end) failAt(at, `a field of ${size} bytes is cut off after ${end - at}`)
  return at + size
}
