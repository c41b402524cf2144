// `spikecam info`: what a file is and how much it can be trusted.
import type { Config } from '../config.ts'
import { printNumber, printValue } from '../flame/value.ts'
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import { sampleCount, spanOf, symbolQuality, totalOf } from './describe-profile.ts'
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
  const samples = sampleCount(profile)
  const { periodType } = profile
  return {
    file: name,
    format,
    sizeBytes,
    values: profile.sampleTypes.map(({ type, unit }, i) => ({ type, unit, total: totalOf(profile, i) })),
    shownFirst: profile.sampleTypes[profile.defaultType]?.type,
    ...(samples === undefined ? {} : { samples }),
    stacks: new Set(profile.samples.stack).size,
    functions: profile.functions.length,
    ...(startMs === undefined ? {} : { from: new Date(startMs).toISOString() }),
    ...(startMs === undefined || durationMs === undefined ? {} : { to: new Date(startMs + durationMs).toISOString() }),
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(periodType && profile.period > 1n
      ? { period: { type: periodType.type, unit: periodType.unit, every: Number(profile.period) } }
      : {}),
    symbols: {
      frames: quality.frames,
      unnamed: quality.unnamed,
      unnamedShare: quality.frames > 0 ? quality.unnamed / quality.frames : 0,
      worst: quality.worst.slice(0, worstModules),
    },
    labels: [...new Set(profile.labelSets.flatMap((set) => set.map(({ key }) => key)))].sort(),
    files: profile.mappings.length,
    comments: profile.comments,
    losses: profile.losses,
  }
}

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
    ['from', facts.from ? printTime(Date.parse(facts.from)) : 'the format does not say'],
    ['for', facts.durationMs === undefined ? 'the format does not say' : printDurationMs(facts.durationMs)],
  ]
  if (facts.period)
    lines.push(['one sample', `every ${printValue(facts.period.every, facts.period.unit)} of ${facts.period.type}`])
  const { symbols } = facts
  lines.push([
    'symbols',
    symbols.frames === 0
      ? 'no frames'
      : `${printShare(symbols.frames - symbols.unnamed, symbols.frames)} of the frames have a name`,
  ])
  for (const { module, frames } of symbols.worst)
    lines.push(['', `${printShare(frames, symbols.frames)} have none in ${module}`])
  if (facts.labels.length > 0) lines.push(['labels', facts.labels.join(', ')])
  for (const comment of facts.comments) lines.push(['comment', comment])
  lines.push([
    'lost',
    facts.losses.length === 0
      ? 'nothing'
      : facts.losses.map(({ what, count }) => `${printNumber(count)} ${what}`).join(', '),
  ])
  return `${lines.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n')}\n`
}
