// `spikecam info`: what a file is and how much it can be trusted.
import type { Config } from '../config.ts'
import { printNumber, printValue } from '../flame/value.ts'
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import { isPartial } from '../profile/losses.ts'
import type { Label, Profile } from '../profile/profile.ts'
import { processKey } from '../profile/roots.ts'
import { symbolQuality } from '../profile/symbol-quality.ts'
import { firstEqualStack } from '../profile/unique-stacks.ts'
import { spanOf, totalOf } from './describe-profile.ts'
import { readOutput, writeForm, writeOut } from './output.ts'
import { printTime } from './print-time.ts'
import { viewProfile } from './profile-view.ts'
import { exitOf, type ReadProfile, readProfile } from './read-profile.ts'

/** Modules without symbols to name: the first few explain nearly all of it. */
const worstModules = 5

export async function runInfo({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml'])
  const source = await readProfile(args[0]!, { ...options, quiet: true })
  const { profile } = viewProfile(source.profile, options)
  const facts = factsOf({ ...source, profile })
  if (output && 'form' in output) await writeForm(facts, output.form as 'json' | 'yaml')
  else await writeOut(renderFacts(facts))
  return exitOf(source.profile)
}

type Facts = ReturnType<typeof factsOf>

function factsOf({ name, format, sizeBytes, profile }: ReadProfile) {
  const { startMs, durationMs } = spanOf(profile)
  const quality = symbolQuality(profile)
  const samples = countSamples(profile)
  const { periodType } = profile
  return {
    file: name,
    format,
    sizeBytes,
    values: profile.sampleTypes.map(({ type, unit }, i) => ({ type, unit, total: totalOf(profile, i) })),
    shownFirst: profile.sampleTypes[profile.defaultType]?.type,
    ...(samples === undefined ? {} : { samples }),
    stacks: countStacks(profile),
    functions: profile.functions.length,
    ...countThreads(profile),
    ...(startMs === undefined ? {} : { from: new Date(startMs).toISOString() }),
    ...(startMs === undefined || durationMs === undefined ? {} : { to: new Date(startMs + durationMs).toISOString() }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(periodType && profile.period > 1n
      ? { period: { type: periodType.type, unit: periodType.unit, every: Number(profile.period) } }
      : {}),
    symbols: {
      frames: quality.frames,
      unnamed: quality.unnamed,
      unnamedShare: shareOf(quality.unnamed, quality.frames),
      /** Of the samples: with a frame without a name anywhere, and at the place where they were taken. */
      samplesWithUnnamedShare: shareOf(quality.samplesWithUnnamed, quality.samples),
      samplesInUnnamedShare: shareOf(quality.samplesInUnnamed, quality.samples),
      worst: quality.worst.slice(0, worstModules),
    },
    labels: [...new Set(profile.labelSets.flatMap((set) => set.map(({ key }) => key)))].sort(),
    files: profile.mappings.length,
    comments: profile.comments,
    losses: profile.losses,
    isWhole: !isPartial(profile.losses),
  }
}

const shareOf = (part: number, whole: number): number => (whole > 0 ? part / whole : 0)

/**
 * How often was looked: where a format counts it, or keeps every sample as a row with its time; undefined in those that
 * only have sums per stack, such as heap profiles.
 */
function countSamples(profile: Profile): number | undefined {
  const counted = profile.sampleTypes.findIndex(({ type, unit }) => type === 'samples' && unit === 'count')
  if (counted >= 0) return totalOf(profile, counted)
  return profile.samples.offsetMs ? profile.samples.length : undefined
}

function countStacks({ stacks, samples }: Profile): number {
  const first = firstEqualStack(stacks)
  return new Set(Array.from(samples.stack, (stack) => first[stack])).size
}

/** Whoever the format tells apart: processes, their threads, goroutines. */
function countThreads({ labelSets, samples }: Profile) {
  const counted = { processes: new Set(), threads: new Set(), goroutines: new Set(), containers: new Set() }
  for (const row of new Set(samples.labels)) {
    const set = labelSets[row] ?? []
    const textOf = (key: string): string | undefined => printLabel(set.find((label) => label.key === key))
    const pid = textOf('pid')
    const process = pid === undefined ? undefined : processKey(pid, set)
    const thread = textOf('tid') ?? textOf('java_thread')
    if (process !== undefined) counted.processes.add(process)
    if (thread !== undefined) counted.threads.add(`${process} ${thread}`)
    const goroutine = textOf('goroutine')
    if (goroutine !== undefined) counted.goroutines.add(goroutine)
    const container = textOf('container') ?? textOf('cgroup')
    if (container !== undefined) counted.containers.add(container)
  }
  return Object.fromEntries(
    Object.entries(counted).flatMap(([what, { size }]) => (size > 0 ? [[what, size]] : [])),
  ) as Partial<Record<keyof typeof counted, number>>
}

const printLabel = (label: Label | undefined): string | undefined => label?.str ?? label?.num?.toString()

function renderFacts(facts: Facts): string {
  const lines: [string, string][] = [
    ['file', `${facts.file}, ${printBytes(facts.sizeBytes)}`],
    ['format', facts.format],
    ...(facts.samples === undefined ? [] : [['samples', printNumber(facts.samples)] as [string, string]]),
    ['stacks', `${printNumber(facts.stacks)} different`],
    ...facts.values.map(({ type, unit, total }, i): [string, string] => [
      i === 0 ? 'values' : '',
      `${type}: ${printValue(total, unit)}${facts.values.length > 1 && type === facts.shownFirst ? '  <- shown first' : ''}`,
    ]),
    ...whoLine(facts),
    ['from', facts.from ? printTime(Date.parse(facts.from)) : 'the format does not say'],
    ...(facts.to ? [['to', printTime(Date.parse(facts.to))] as [string, string]] : []),
    ['for', facts.durationMs === undefined ? 'the format does not say' : printDurationMs(facts.durationMs)],
  ]
  if (facts.period)
    lines.push(['one sample', `every ${printValue(facts.period.every, facts.period.unit)} of ${facts.period.type}`])
  lines.push(...symbolLines(facts))
  if (facts.labels.length > 0) lines.push(['labels', facts.labels.join(', ')])
  for (const comment of facts.comments) lines.push(['comment', comment])
  const losses = facts.losses.map(({ what, count }) => `${printNumber(count)} ${what}`)
  if (losses.length === 0) losses.push('nothing')
  lines.push(...losses.map((loss, i): [string, string] => [i === 0 ? 'lost' : '', loss]))
  return `${lines.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n')}\n`
}

function whoLine({ processes, threads, goroutines, containers }: Facts): [string, string][] {
  const print = (count: number | undefined, one: string, many: string): string[] =>
    count === undefined ? [] : [`${printNumber(count)} ${count === 1 ? one : many}`]
  const who = [
    ...print(containers, 'container or cgroup', 'containers and cgroups'),
    ...print(processes, 'process', 'processes'),
    ...print(threads, 'thread', 'threads'),
    ...print(goroutines, 'goroutine', 'goroutines'),
  ]
  return who.length === 0 ? [] : [['of', who.join(', ')]]
}

function symbolLines({ symbols }: Facts): [string, string][] {
  if (symbols.frames === 0) return [['symbols', 'no frames']]
  const named = `${printShare(symbols.frames - symbols.unnamed, symbols.frames)} of the frames have a name`
  if (symbols.unnamed === 0) return [['symbols', named]]
  return [
    ['symbols', named],
    ['', `${printShare(1 - symbols.samplesWithUnnamedShare, 1)} of the samples have names all the way`],
    ['', `${printShare(symbols.samplesInUnnamedShare, 1)} of the samples were in code without a name`],
    ...symbols.worst.map(({ module, frames }): [string, string] => [
      '',
      `${printShare(frames, symbols.frames)} of the frames have none in ${module}`,
    ]),
  ]
}
