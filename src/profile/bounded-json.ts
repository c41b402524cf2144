// JSON from outside, with limits: `[[[[…` becomes objects fifty times its size, so its shape is counted before
// JSON.parse sees it. A file that was cut off is closed where its last whole value ends:
//   {"nodes": [{"id": 1}, {"id": 2}, {"i     ->     {"nodes": [{"id": 1}, {"id": 2}]}
import { Failure } from '../model/errors.ts'
import type { Loss } from './profile.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export interface ReadJson {
  readonly json: Json
  /** Bytes at the end that belong to no whole value. */
  readonly lostBytes: number
}

/** A JavaScript string holds 2^29 - 24 characters; more could not be parsed anyhow. */
const maxBytes = 2 ** 29 - 25
/** Nested call trees (.heapprofile) are as deep as a stack, and V8 records no deeper ones than some hundred frames. */
const maxDepth = 10_000
/**
 * Objects and arrays per byte that no profile reaches: real ones need at least seven bytes for each, such as `[12,3],`.
 * Small files may have more, for then it does not matter.
 */
const minBytesPerContainer = 6
const freeContainers = 1_000_000

/**
 * The parsed value.
 * @throws Failure TOO_LARGE when it would not fit into memory, NOT_A_PROFILE when it is not JSON
 */
export function readJson(bytes: Uint8Array): ReadJson {
  if (bytes.length > maxBytes)
    throw new Failure('TOO_LARGE', `JSON of ${bytes.length} bytes; the limit is ${maxBytes}.`)
  const { isCut, wholeEnd } = scan(bytes, bytes.length, [])
  const end = isCut ? wholeEnd : bytes.length
  const open: number[] = []
  if (isCut) scan(bytes, end, open)
  const text = new TextDecoder().decode(bytes.subarray(0, end)) + String.fromCharCode(...open.reverse())
  try {
    return { json: JSON.parse(text) as Json, lostBytes: bytes.length - end }
  } catch (error) {
    throw new Failure('NOT_A_PROFILE', `Not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** What to count when a file was cut off. */
export function cutOff({ lostBytes }: Pick<ReadJson, 'lostBytes'>): Loss {
  return { what: 'bytes at the end of a file that was cut off', count: lostBytes, isCut: true }
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBracket = 0x5b
const openBrace = 0x7b
const closeBracket = 0x5d
const closeBrace = 0x7d

/**
 * Counts containers up to `end`. `wholeEnd` is the last place where a list or object may be closed.
 * @param open takes the brackets that would close what is open at the end, outermost first
 */
function scan(bytes: Uint8Array, end: number, open: number[]): { isCut: boolean; wholeEnd: number } {
  let containers = 0
  let inString = false
  let wholeEnd = 0
  for (let i = 0; i < end; i++) {
    const byte = bytes[i] as number
    if (inString) {
      if (byte === backslash) i++
      else if (byte === quote) inString = false
      continue
    }
    switch (byte) {
      case quote:
        inString = true
        break
      case comma:
        wholeEnd = i
        break
      case openBracket:
      case openBrace:
        containers++
        open.push(byte === openBracket ? closeBracket : closeBrace)
        if (open.length > maxDepth) throw new Failure('TOO_LARGE', `JSON nested deeper than ${maxDepth}.`)
        break
      case closeBracket:
      case closeBrace:
        open.pop()
        wholeEnd = i + 1
    }
  }
  if (containers > freeContainers && containers * minBytesPerContainer > bytes.length) {
    throw new Failure(
      'TOO_LARGE',
      `JSON of ${containers} objects in ${bytes.length} bytes: no profile looks like that.`,
    )
  }
  return { isCut: inString || open.length > 0, wholeEnd }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isArray(value: Json | undefined): value is Json[] {
  return Array.isArray(value)
}
