// A whole perf.data into a Profile: from bytes in memory, or piece by piece for files that would not fit there.
import type { Format } from '../format.ts'
import type { Profile } from '../profile.ts'
import type { Symbolizer } from '../symbolizer.ts'
import { matchesPerfData } from './header.ts'
import { PerfRecording } from './recording.ts'
import { toProfile } from './to-profile.ts'

export interface ParsePerfDataOptions {
  /** Names for addresses; without one the frames have none. */
  readonly symbolizer?: Symbolizer | undefined
  /** False: one place per function instead of one per address. Enough for pictures and tables, and half the stacks. */
  readonly keepsAddresses?: boolean
  /** Event to show first, where several were recorded. */
  readonly event?: string
}

/**
 * @param input the file's bytes, or its pieces in order (of any size; each may be reused after the next was asked for)
 * @throws Failure NOT_A_PROFILE, MALFORMED (a head that cannot be read), TOO_LARGE (a decompression bomb)
 */
export async function parsePerfData(
  input: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ParsePerfDataOptions = {},
): Promise<Profile> {
  if (input instanceof Uint8Array) return parsePerfDataBytes(input, options)
  const recording = new PerfRecording({ keepsAddresses: options.keepsAddresses ?? true, forgetsChains: true })
  for await (const piece of input) recording.push(piece)
  return finish(recording, options)
}

/** The same for bytes in memory, at once. */
export function parsePerfDataBytes(bytes: Uint8Array, options: ParsePerfDataOptions = {}): Profile {
  const recording = new PerfRecording({ keepsAddresses: options.keepsAddresses ?? true, forgetsChains: true })
  recording.push(bytes)
  return finish(recording, options)
}

function finish(recording: PerfRecording, { symbolizer, event }: ParsePerfDataOptions): Profile {
  recording.end()
  recording.symbolizeNew(symbolizer)
  const samples = recording.takeSamples()
  recording.forgetRawStacks()
  return toProfile(recording, [samples], { consumes: true, ...(event === undefined ? {} : { event }) })
}

/** Row of the table of formats. Too large for memory: `parsePerfData` on the file's pieces. */
export const perfDataFormat: Format = {
  name: 'perf-data',
  title: 'perf.data',
  extensions: ['.perf.data', '.data'],
  matches: matchesPerfData,
  parse: parsePerfDataBytes,
}
