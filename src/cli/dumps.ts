// Files that say more than stacks, read as what they are: thread and goroutine dumps, Java recordings. As JSON for
// scripts, as text for people.
import { Failure } from '../model/errors.ts'
import { parseArthasThreads } from '../profile/arthas.ts'
import { formatOfBytes, unwrap } from '../profile/formats.ts'
import { parseCountedGoroutines } from '../profile/goroutines-counted.ts'
import { parseGoroutineStacks } from '../profile/goroutines-stacks.ts'
import { printGoroutineDump } from '../profile/goroutines-text.ts'
import { parseJfr } from '../profile/jfr.ts'
import { parseThreadFile, parseThreadJson } from '../profile/thread-dump-file.ts'
import { parseHotspotThreads } from '../profile/thread-dump-hotspot.ts'
import { printThreadDumps } from '../profile/thread-dump-text.ts'
import { readInput } from './read-profile.ts'

interface Dump {
  readonly document: unknown
  /** Absent where there is no form for people but the one that was read. */
  readonly text?: string
}

const goroutines = (document: ReturnType<typeof parseGoroutineStacks>): Dump => ({
  document,
  text: printGoroutineDump(document),
})
const threads = (document: ReturnType<typeof parseHotspotThreads>): Dump => ({
  document,
  text: printThreadDumps(document),
})

/** By the name of the format in `formats.ts`. */
const readers: Readonly<Record<string, (bytes: Uint8Array) => Dump>> = {
  goroutines: (bytes) => goroutines(parseCountedGoroutines(bytes)),
  'goroutine-stacks': (bytes) => goroutines(parseGoroutineStacks(bytes)),
  threads: (bytes) => threads(parseHotspotThreads(bytes)),
  'thread-file': (bytes) => threads(parseThreadFile(bytes)),
  'thread-json': (bytes) => threads(parseThreadJson(bytes)),
  arthas: (bytes) => ({ document: parseArthasThreads(bytes) }),
  jfr: (bytes) => ({ document: parseJfr(bytes) }),
}

export const dumpForms = ['json', 'text'] as const
export type DumpForm = (typeof dumpForms)[number]

/**
 * @param path a file, or `-` for stdin
 * @throws Failure NOT_A_PROFILE for a file of another kind, and as the formats do
 */
export async function readDump(path: string, form: DumpForm): Promise<string> {
  const { unpacked } = await unwrap(await readInput(path), {})
  const format = formatOfBytes(unpacked)
  const reader = format && readers[format.name]
  if (!reader) {
    const what = format ? `is ${format.title}` : 'is not known'
    throw new Failure('NOT_A_PROFILE', `${path} ${what}; ${form} is written of ${Object.keys(readers).join(', ')}`)
  }
  const { document, text } = reader(unpacked)
  if (form === 'json') return `${JSON.stringify(document, undefined, 2)}\n`
  if (text === undefined) throw new Failure('USAGE', `${format.title} is written as json, not as text`)
  return text.endsWith('\n') ? text : `${text}\n`
}
