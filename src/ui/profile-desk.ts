// Answers questions about one opened profile; the same code sits in the worker and, for small profiles, in the page.
import { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { matchesCpuProfile } from '../profile/cpuprofile.ts'
import { parseCpuProfile } from '../profile/cpuprofile-profile.ts'
import { parseFolded } from '../profile/folded.ts'
import { matchesHeapProfile, parseHeapProfile } from '../profile/heapprofile.ts'
import { decodePprof, matchesPprof } from '../profile/pprof-decode.ts'
import type { Profile } from '../profile/profile.ts'
import {
  listProcesses,
  type ProcessRow,
  type ProfileInfo,
  profileInfo,
  type Slice,
  type SliceRequest,
  sliceProfile,
  type TimeRange,
} from './slice.ts'

export interface ProcessesRequest {
  readonly during: TimeRange
  readonly before?: TimeRange
  readonly target: Target
}

/** A profile that can be asked, wherever it is kept. */
export interface ProfileDesk {
  readonly info: ProfileInfo
  slice(request: SliceRequest): Promise<Slice>
  processes(request: ProcessesRequest): Promise<ProcessRow[]>
}

/**
 * pprof, and what probes bring; the table of all formats would make the offline page twice as big.
 * What a damaged file still holds is shown; what was lost stands in `info.losses`.
 */
export async function readProfile(packed: Uint8Array<ArrayBuffer>): Promise<Profile> {
  const bytes = await gunzipped(packed)
  if (matchesCpuProfile(bytes)) return parseCpuProfile(bytes)
  if (matchesHeapProfile(bytes)) return parseHeapProfile(bytes)
  // Folded stacks are text, and a pprof that is damaged at its beginning is none.
  return !matchesPprof(bytes) && isText(bytes) ? parseFolded(bytes) : decodePprof(bytes, { salvage: true })
}

/** No control characters but tab and newline in the first bytes. */
const isText = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.subarray(0, 512).every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13)

export function deskOf(profile: Profile): ProfileDesk {
  return {
    info: profileInfo(profile),
    slice: async (request) => sliceProfile(profile, request),
    processes: async (request) => listProcesses(profile, request),
  }
}

/** A page that holds more than this has other troubles: 1 GiB, some five million different stacks. */
const maxBytes = 1024 ** 3

/** Files begin with 1f 8b when gzipped (RFC 1952). Read in pieces, so a bomb is stopped at the limit. */
async function gunzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader()
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      parts.push(value)
      length += value.length
      if (length > maxBytes) throw new Failure('TOO_LARGE', `the profile unpacks to more than ${maxBytes} bytes`)
    }
  } catch (error) {
    // A cut file: what was unpacked so far is used, and decoding counts what is missing.
    if (error instanceof Failure || length === 0) throw error
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
