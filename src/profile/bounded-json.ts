// JSON from outside, with limits: `[[[[…` becomes objects fifty times its size, so its shape is counted before
// JSON.parse sees it.
import { Failure } from '../model/errors.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

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
export function boundedJson(bytes: Uint8Array): Json {
  if (bytes.length > maxBytes)
    throw new Failure('TOO_LARGE', `JSON of ${bytes.length} bytes; the limit is ${maxBytes}.`)
  checkShape(bytes)
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json
  } catch (error) {
    throw new Failure('NOT_A_PROFILE', `Not JSON: ${(error as Error).message}`, { cause: error })
  }
}

function checkShape(bytes: Uint8Array): void {
  let depth = 0
  let deepest = 0
  let containers = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      containers++
      if (++depth > deepest) deepest = depth
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  if (deepest > maxDepth) throw new Failure('TOO_LARGE', `JSON nested ${deepest} deep; the limit is ${maxDepth}.`)
  if (containers > freeContainers && containers * minBytesPerContainer > bytes.length) {
    throw new Failure(
      'TOO_LARGE',
      `JSON of ${containers} objects in ${bytes.length} bytes: no profile looks like that.`,
    )
  }
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isArray(value: Json | undefined): value is Json[] {
  return Array.isArray(value)
}
