// Writes samples as `perf script -F comm,pid,tid,time,period,event,ip,sym,dso` would, for tools that read that text.
// One sample per value that is not 0: what a row of a Go heap profile says in four columns becomes four samples.
import { printLoss } from './carried-losses.ts'
import { int64At, wordsOf } from './int64.ts'
import { clockEvent, countsEvent, isCpu } from './perf-script-names.ts'
import type { Label, Profile } from './profile.ts'
import { labelText } from './roots.ts'
import { TextWriter } from './text-writer.ts'

/** Times are of the wall clock where the profile knows it. Labels other than comm, pid and tid have no place here. */
export function printPerfScript(profile: Profile): Uint8Array<ArrayBuffer> {
  const { samples, sampleTypes, labelSets } = profile
  const writer = new TextWriter()
  for (const comment of profile.comments) writer.write(`# comment : ${comment.replaceAll(/[\r\n]+/g, ' ')}\n`)
  for (const loss of profile.losses) writer.write(`# ${printLoss(loss)}\n`)
  const threads = labelSets.map((labels) => {
    const comm = (labelText(labels, 'comm') ?? '-').replaceAll(/[\r\n]+/g, ' ')
    const pid = idOf(labels, 'pid')
    const tid = idOf(labels, 'tid') ?? pid ?? '0'
    return `${comm.padStart(16)} ${(pid ?? tid).padStart(7)}/${tid.padEnd(7)}`
  })
  const all = sampleTypes.map(({ type, unit }, column) => ({
    name: type === 'cpu' && unit === 'nanoseconds' ? clockEvent : type,
    unit,
    column,
    values: samples.values[column]!,
    words: wordsOf(samples.values[column]!),
  }))
  const columns = all.filter((each) => !isSaidByOthers(each, all))
  // What perf counts it counts in ones, time in nanoseconds: nothing else has to be said.
  for (const { name, unit } of columns) {
    if (unit !== 'count' && name !== clockEvent) writer.write(`# unit of ${name} : ${unit}\n`)
  }
  const shown = columns.find(({ column }) => column === profile.defaultType)
  if (shown && columns.length > 1) writer.write(`# shown first : ${shown.name}\n`)
  const stacks: (string | undefined)[] = []
  for (let row = 0; row < samples.length; row++) {
    const stack = samples.stack[row]!
    for (const { name, values, words } of columns) {
      const value = int64At(words, row)
      if (value === 0) continue
      const digits = Number.isSafeInteger(value) ? String(value) : String(values[row])
      stacks[stack] ??= printStack(profile, stack)
      writer.write(`${threads[samples.labels[row]!]} ${printTime(profile, row)}: ${digits.padStart(10)} ${name}: \n`)
      writer.write(stacks[stack])
    }
  }
  return writer.toBytes()
}

interface Column {
  readonly name: string
  readonly column: number
  readonly words: Int32Array
}

/** Counts of samples that are the number of lines, as they are read again; all others are lines of their own. */
function isSaidByOthers({ name, column, words }: Column, all: readonly Column[]): boolean {
  if (column !== 0 || name !== countsEvent || all.length === 1) return false
  const others = all.slice(1)
  const ofCpu = others.filter((other) => isCpu(other.name))
  const counting = ofCpu.length > 0 ? ofCpu : others
  for (let row = 0; 2 * row < words.length; row++) {
    let lines = 0
    for (const other of counting) if (int64At(other.words, row) !== 0) lines++
    if (int64At(words, row) !== lines) return false
  }
  return true
}

/** Programs may give labels of these names other values, which would not be read as ids. */
function idOf(labels: readonly Label[], key: string): string | undefined {
  const text = labelText(labels, key)
  return text !== undefined && /^-?\d{1,10}$/.test(text) ? text : undefined
}

function printTime({ timeNanos, samples }: Profile, row: number): string {
  const offset = samples.offsetMs?.[row] ?? 0
  const nanos = timeNanos + BigInt(Math.round((Number.isNaN(offset) ? 0 : offset) * 1e6))
  const micros = nanos / 1000n
  return `${String(micros / 1_000_000n).padStart(5)}.${String(micros % 1_000_000n).padStart(6, '0')}`
}

/** All lines of a stack and the empty one behind them. */
function printStack(profile: Profile, stack: number): string {
  const { stacks, locations, lines, functions, strings, mappings } = profile
  let text = ''
  for (let at = stacks.offsets[stack]!; at < stacks.offsets[stack + 1]!; at++) {
    const location = stacks.locations[at]!
    const address = locations.address[location]!.toString(16).padStart(16)
    const file = mappings[locations.mapping[location]!]?.file || '[unknown]'
    const first = locations.lineOffsets[location]!
    const end = locations.lineOffsets[location + 1]!
    if (first === end) text += `\t${address} [unknown] (${file})\n`
    for (let row = first; row < end; row++) {
      const name = strings.get(functions.name[lines.function[row]!]!).replaceAll(/[\r\n]+/g, ' ') || '[unknown]'
      text += `\t${address} ${name} (${row === end - 1 ? file : 'inlined'})\n`
    }
  }
  return `${text}\n`
}
