// Compares our reading of a perf.data with `perf script`, sample by sample, and says of each difference what it is.
import { readFileSync } from 'node:fs'
import { PerfRecording } from '../../src/profile/perf-data/recording.ts'
import type { Symbolizer } from '../../src/profile/symbolizer.ts'
import {
  type Program,
  readPerfScript,
  readPrograms,
  type ScriptFrame,
  type ScriptSample,
} from './perf-script-samples.ts'

/**
 * What a sample is, by its worst frame. All but the last three are the classes of docs/formats.md in which perf itself
 * has no name, is wrong, or only prints differently.
 */
export const classes = [
  'identical',
  /** perf says [unknown] where we have a name: stripped Go, whose own table perf does not read. */
  'named here only',
  /** The frame pointer chain ran into data; we cut there, perf prints [unknown] for each word. */
  'garbage cut',
  /** perf has an address but printed no frame at all. */
  'empty in perf',
  /** Run-time code at an address that had other code before: perf takes the older entry of the map. */
  'stale run-time code',
  /** The same symbol, demangled in another style. */
  'formatting',
  /** A word that happens to lie where the program before execve was mapped; perf never takes those mappings away. */
  'program before execve',
  'unknown here',
  'different',
  'missing',
] as const
export type Class = (typeof classes)[number]

export interface Comparison {
  readonly samples: number
  readonly counts: Readonly<Record<Class, number>>
  /** Some differences of each class, for the message. */
  readonly examples: Readonly<Partial<Record<Class, string[]>>>
}

/** Names without what demanglers differ in: blanks, parameters, hashes, suffixes of clones, ABI marks. */
export function plainName(name: string): string {
  return name
    .replace(/::h[0-9a-f]{16}$/, '')
    .replace(/\.(abi0|abiinternal)$/, '')
    .replace(/(\.(part|isra|constprop|cold|llvm|lto_priv)(\.\d+)*)+/g, '')
    .replace(/<impl (.*?)>/g, '<$1>')
    .replace(/\[abi:\w+\]/g, '')
    .replaceAll(/\s+/g, '')
}

export function compareWithPerf(file: string, symbolizer: Symbolizer): Comparison {
  // As files are read: named once, at the end.
  const recording = new PerfRecording({ keepsAddresses: true, forgetsChains: true })
  recording.push(readFileSync(file))
  recording.end()
  recording.symbolizeNew(symbolizer)
  const batch = recording.takeSamples()
  const ours = new Map<string, string[]>()
  for (let i = 0; i < batch.length; i++) {
    const { pid, tid, comm } = batch.threads[batch.thread[i]!]!
    const names = Array.from(recording.stackOf(batch.stack[i]!), (row) => {
      const { frames } = recording.frame(row)
      return frames.at(-1)?.name ?? unknown
    })
    ours.set(keyOf(comm.trim(), pid, tid, printTime(batch.timeNs[i]!)), names)
  }
  const counts = Object.fromEntries(classes.map((name) => [name, 0])) as Record<Class, number>
  const examples: Partial<Record<Class, string[]>> = {}
  let samples = 0
  let programs: Map<number, Program[]> | undefined
  for (const sample of readPerfScript(file)) {
    const { comm, pid, tid, time } = sample
    samples++
    const names = ours.get(keyOf(comm, pid, tid, time))
    const isOld = (dso: string): boolean => {
      programs ??= readPrograms(file)
      return isOfOldProgram(dso, sample, programs)
    }
    const { found, where } = names
      ? compareStacks(names, sample.frames, isOld)
      : { found: 'missing' as Class, where: comm }
    counts[found]++
    if (found === 'identical') continue
    examples[found] ??= []
    if (examples[found].length < 5) examples[found].push(`${comm} ${pid}/${tid} ${time}: ${where}`)
  }
  return { samples, counts, examples }
}

const unknown = '[unknown]'
const keyOf = (comm: string, pid: number, tid: number, time: string): string => `${comm} ${pid}/${tid} ${time}`

function printTime(timeNs: number): string {
  const seconds = Math.floor(timeNs / 1e9)
  return `${seconds}.${String(timeNs - seconds * 1e9).padStart(9, '0')}`
}

/** The file was not mapped since the last execve before the sample. */
function isOfOldProgram(dso: string, { pid, time }: ScriptSample, programs: Map<number, Program[]>): boolean {
  const program = programs.get(pid)?.findLast(({ fromSeconds }) => fromSeconds <= Number(time))
  return program !== undefined && !program.files.has(dso)
}

function compareStacks(
  ours: readonly string[],
  theirs: readonly ScriptFrame[],
  isOld: (dso: string) => boolean,
): { found: Class; where: string } {
  if (theirs.length === 0 && ours.length > 0) return { found: 'empty in perf', where: ours.join(';') }
  let worst: Class = 'identical'
  let where = ''
  const note = (found: Class, text: string): void => {
    if (classes.indexOf(found) <= classes.indexOf(worst)) return
    worst = found
    where = text
  }
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const mine = ours[i]
    const frame = theirs[i]
    const text = `${mine} / ${frame?.address} ${frame?.name} (${frame?.dso})`
    if (frame === undefined || mine === undefined) {
      note(frame?.name === unknown ? 'garbage cut' : 'different', text)
      continue
    }
    if (mine === frame.name) continue
    if (frame.name === unknown) note('named here only', text)
    // A stub of libc whose relocation names no symbol: perf prints the empty name.
    else if (frame.name === '@plt') note('formatting', text)
    else if (mine === unknown) note(isOld(frame.dso) ? 'program before execve' : 'unknown here', text)
    else if (plainName(mine) === plainName(frame.name)) note('formatting', text)
    else if (/\/perf-\d+\.map$/.test(frame.dso)) note('stale run-time code', text)
    else note('different', text)
  }
  return { found: worst, where }
}
