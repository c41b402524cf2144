// What every step of reading a pprof shares: the bytes, the strings, and how damage is met.
import { Failure } from '../model/errors.ts'
import type { MessageRuns } from './pprof-index.ts'
import { failAt, last, readLength } from './protobuf.ts'
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

/** Reads messages of one kind into what it has. */
export interface MessageReader {
  /** @param start first byte behind tag and length */
  read(start: number, end: number): void
}

/** Gives each message to `reader`; when salvaging, a damaged one is counted and left out. */
export function eachMessage(context: DecodeContext, runs: MessageRuns, reader: MessageReader): void {
  const { bytes, salvage } = context
  for (let run = 0; run < runs.starts.length; run++) {
    const runEnd = runs.ends[run] as number
    for (let at = runs.starts[run] as number; at < runEnd; ) {
      at = readLength(bytes, at + 1, runEnd) // one byte of tag
      if (!salvage) reader.read(last.next, at)
      else salvageMessage(context, reader, { start: last.next, end: at })
    }
  }
}

function salvageMessage(
  context: DecodeContext,
  reader: MessageReader,
  { start, end }: { start: number; end: number },
): void {
  try {
    reader.read(start, end)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    countLoss(context, 'damaged records')
  }
}

/** A string index, checked; when salvaging, names of the missing part are "". */
export function checkString(context: DecodeContext, string: number, at: number): number {
  if (string < context.strings.length) return string
  if (!context.salvage) failAt(at, `string ${string} is not in the table of ${context.strings.length}`)
  countLoss(context, 'names that lie in the missing part')
  return 0
}
