// Dumps of threads and goroutines as themselves, not as a profile: one door to all of their forms, with what they say
// as plain JSON and as text for people.
import { Failure } from '../model/errors.ts'
import { type ArthasThreads, matchesArthasThreads, parseArthasThreads } from './arthas.ts'
import { headBytes } from './format.ts'
import type { GoroutineDump } from './goroutines.ts'
import { matchesCountedGoroutines, parseCountedGoroutines } from './goroutines-counted.ts'
import { matchesGoroutineStacks, parseGoroutineStacks } from './goroutines-stacks.ts'
import { printGoroutineDump } from './goroutines-text.ts'
import type { ThreadDumps } from './thread-dump.ts'
import { matchesThreadFile, matchesThreadJson, parseThreadFile, parseThreadJson } from './thread-dump-file.ts'
import { matchesHotspotThreads, parseHotspotThreads } from './thread-dump-hotspot.ts'
import { printArthasThreads, printThreadDumps } from './thread-dump-text.ts'

export type Dump =
  | ({ readonly kind: 'goroutines' } & GoroutineDump)
  | ({ readonly kind: 'threads' } & ThreadDumps)
  | ({ readonly kind: 'arthas' } & ArthasThreads)

interface DumpForm {
  matches(head: Uint8Array): boolean
  read(bytes: Uint8Array): Dump
}

/** Asked in order; the same order as in formats.ts. */
const forms: readonly DumpForm[] = [
  { matches: matchesCountedGoroutines, read: (bytes) => ({ kind: 'goroutines', ...parseCountedGoroutines(bytes) }) },
  { matches: matchesGoroutineStacks, read: (bytes) => ({ kind: 'goroutines', ...parseGoroutineStacks(bytes) }) },
  { matches: matchesThreadJson, read: (bytes) => ({ kind: 'threads', ...parseThreadJson(bytes) }) },
  { matches: matchesThreadFile, read: (bytes) => ({ kind: 'threads', ...parseThreadFile(bytes) }) },
  { matches: matchesHotspotThreads, read: (bytes) => ({ kind: 'threads', ...parseHotspotThreads(bytes) }) },
  { matches: matchesArthasThreads, read: (bytes) => ({ kind: 'arthas', ...parseArthasThreads(bytes) }) },
]

/** Is it a dump of threads or goroutines? */
export function isDump(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, headBytes)
  return forms.some((form) => form.matches(head))
}

/**
 * Reads an unpacked dump of any form; the result is plain JSON.
 * @throws Failure NOT_A_PROFILE when it is none
 */
export function readDump(bytes: Uint8Array): Dump {
  const head = bytes.subarray(0, headBytes)
  const form = forms.find((candidate) => candidate.matches(head))
  if (!form) throw new Failure('NOT_A_PROFILE', 'This is no dump of Java threads or of goroutines.')
  return form.read(bytes)
}

/** A dump as text, the most interesting first. */
export function printDump(dump: Dump): string {
  if (dump.kind === 'goroutines') return printGoroutineDump(dump)
  return dump.kind === 'threads' ? printThreadDumps(dump) : printArthasThreads(dump)
}
