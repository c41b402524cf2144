// Files that say more than stacks, read as what they are: thread and goroutine dumps, Java recordings. As JSON for
// scripts, as text for people.
import { Failure } from '../model/errors.ts'
import { isDump, printDump, readDump as readDumpBytes } from '../profile/dumps.ts'
import { formatOfBytes, unwrap } from '../profile/formats.ts'
import { matchesJfr, parseJfr } from '../profile/jfr.ts'
import { isPartial } from '../profile/losses.ts'
import { readInput } from './read-profile.ts'

export const dumpForms = ['json', 'text'] as const
export type DumpForm = (typeof dumpForms)[number]

export interface PrintedDump {
  readonly text: string
  /** The file ended before it was whole. */
  readonly isPartial: boolean
}

/**
 * @param path a file, or `-` for stdin
 * @throws Failure NOT_A_PROFILE for a file of another kind, and as the formats do
 */
export async function readDump(path: string, form: DumpForm): Promise<PrintedDump> {
  const { unpacked, losses } = await unwrap(await readInput(path), {})
  if (matchesJfr(unpacked)) {
    if (form === 'text') throw new Failure('USAGE', 'Java Flight Recorder is written as json, not as text')
    const document = parseJfr(unpacked)
    return { text: print(document), isPartial: isPartial([...losses, ...document.losses]) }
  }
  if (!isDump(unpacked)) {
    const format = formatOfBytes(unpacked)
    const what = format ? `is ${format.title}` : 'is not known'
    const known = `dumps of Java threads and of goroutines${form === 'json' ? ', and of Java recordings' : ''}`
    throw new Failure('NOT_A_PROFILE', `${path} ${what}; ${form} is written of ${known}`)
  }
  const dump = readDumpBytes(unpacked)
  const text = form === 'json' ? print(dump) : printDump(dump)
  return { text: text.endsWith('\n') ? text : `${text}\n`, isPartial: isPartial([...losses, ...dump.losses]) }
}

const print = (document: unknown): string => `${JSON.stringify(document, undefined, 2)}\n`
