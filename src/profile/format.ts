// What a file format is to the rest of the program: one row of the table in formats.ts.
import type { Profile } from './profile.ts'
import type { Symbolizer } from './symbolizer.ts'

/** What a parser may use beside the bytes. */
export interface ParseContext {
  /** Names for the addresses of a recording that has none; without it addresses stay addresses. */
  readonly symbolizer?: Symbolizer
  /** Event of a perf recording to show first, where several were recorded; all are kept. */
  readonly event?: string
}

export interface Format {
  /** What `--to` and `--from` call it: `pprof`, `folded`. */
  readonly name: string
  readonly title: string
  /** Ends of file names that mean this format, longest first: `.pb.gz`. */
  readonly extensions: readonly string[]
  /** Is it this? Sees the first `headBytes` of the unpacked file; must not throw. */
  matches(head: Uint8Array): boolean
  /** @throws Failure MALFORMED, NOT_A_PROFILE, TOO_LARGE; what was skipped is counted in the profile's losses */
  parse(bytes: Uint8Array, context: ParseContext): Profile | Promise<Profile>
  /** As a file of this format, compressed where that is its custom. */
  write?(profile: Profile): Uint8Array | Promise<Uint8Array>
}

/** Enough for the longest preamble: a Java thread dump behind some lines of log, the first keys of a JSON. */
export const headBytes = 65_536
