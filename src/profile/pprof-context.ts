// What every step of reading a pprof shares: the bytes, the strings, and how damage is met.
import { Failure } from '../model/errors.ts'
import type { Ranges } from './pprof-index.ts'
import { failAt } from './protobuf.ts'
import type { LazyStrings } from './string-table.ts'

export interface DecodeContext {
  readonly bytes: Uint8Array
  readonly strings: LazyStrings
  readonly salvage: boolean
  /** From what was lost to how often. */
  readonly losses: Map<string, number>
}

/** Counts something that could not be kept. */
export function countLoss(context: DecodeContext, what: string): void {
  context.losses.set(what, (context.losses.get(what) ?? 0) + 1)
}

/** Runs `decode` on each message; when salvaging, a damaged one is counted and left out. */
export function eachMessage(
  context: DecodeContext,
  ranges: Ranges,
  decode: (start: number, end: number) => void,
): void {
  for (let i = 0; i < ranges.length; i++) {
    if (!context.salvage) decode(ranges.starts.at(i), ranges.ends.at(i))
    else {
      try {
        decode(ranges.starts.at(i), ranges.ends.at(i))
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        countLoss(context, 'damaged records')
      }
    }
  }
}

/** A string index, checked; when salvaging, names of the missing part are "". */
export function checkString(context: DecodeContext, string: number, at: number): number {
  if (string < context.strings.length) return string
  if (!context.salvage) failAt(at, `string ${string} is not in the table of ${context.strings.length}`)
  countLoss(context, 'names that lie in the missing part')
  return 0
}
