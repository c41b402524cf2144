// Whatever was read is written in every format that can be written, and read again: the same stacks with the same
// values, and the rest of what docs/formats.md says that the format holds.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formats, readProfile } from './formats.ts'
import { printPerfScript } from './perf-script-print.ts'
import type { Profile } from './profile.ts'
import { topFunctions } from './top.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
const sources = [
  'pprof/shop-cpu-1.pb.gz',
  'pprof/shop-heap.pb.gz',
  'pprof/shop-goroutine.pb.gz',
  'perf-data/file.data',
  'perf-script/two-events.txt',
  'folded/py-spy.folded',
  'speedscope/evented.speedscope.json',
  'cpuprofile/node24.cpuprofile',
  'heapprofile/node24.heapprofile',
  'goroutines/go1.26-debug2-labels.txt',
  'thread-dump/jdk21-print.txt',
  'jfr/async-profiler-wall.jfr.gz',
  'jfr/jdk17.jfr.gz',
]
const targets = formats.filter((format) => format.write)

async function read(name: string): Promise<Profile> {
  return (await readProfile(readFileSync(join(fixtures, name)))).profile
}

function typeIndex({ sampleTypes, defaultType }: Profile, type: string): number {
  const found = sampleTypes.findIndex((each) => each.type === type)
  return found < 0 ? defaultType : found
}

/** What each function used by itself and with what it called, of the values that the source shows first. */
function functionsOf(profile: Profile, type: string): Map<string, [number, number]> {
  const { functions } = topFunctions(profile, { sampleType: typeIndex(profile, type) })
  return new Map(functions.map(({ function: name, self, total }) => [name, [self, total]]))
}

const wholeOf = (profile: Profile, type: string): number =>
  topFunctions(profile, { sampleType: typeIndex(profile, type) }).total

/** V8 profiles hold microseconds, and samples of one; other kinds of values have no place there. */
const microsecond = 1000

describe.each(sources)('%s', (name) => {
  test.each(targets.map((format) => [format.name, format] as const))('as %s', async (_, format) => {
    const profile = await read(name)
    const { type, unit } = profile.sampleTypes[profile.defaultType]!
    if (format.name === 'cpuprofile' && unit !== 'nanoseconds') return
    const again = (await readProfile(await format.write!(profile), { format })).profile
    const [before, after] = [functionsOf(profile, type), functionsOf(again, type)]
    const lost: string[] = []
    const rounding = format.name === 'cpuprofile' ? microsecond * profile.samples.length : 0
    // Nor is anything added: what is 100 % stays what it is.
    expect(Math.abs(wholeOf(again, type) - wholeOf(profile, type))).toBeLessThanOrEqual(rounding)
    for (const [fn, values] of before) {
      // Without a name there is an address, which is all that there was.
      if (fn.startsWith('[')) continue
      const now = after.get(fn)
      if (!now || values.some((value, i) => Math.abs(value - now[i]!) > rounding))
        lost.push(`${fn}: ${values} is ${now}`)
    }
    expect(lost).toEqual([])
    expect(before.size).toBeGreaterThan(1)
  })

  test('as pprof: every kind of value, labels, addresses, files, lines and inlined calls', async () => {
    const profile = await read(name)
    const pprof = formats.find((format) => format.name === 'pprof')!
    const again = (await readProfile(await pprof.write!(profile))).profile
    expect(again.sampleTypes).toEqual(profile.sampleTypes)
    expect(again.samples.values).toEqual(profile.samples.values)
    expect(again.timeNanos).toBe(profile.timeNanos)
    expect(again.durationNanos).toBe(profile.durationNanos)
    expect(samplesOf(again)).toEqual(samplesOf(profile))
  })
})

describe('what a profile says of itself comes back', () => {
  const losses = [
    { what: 'samples lost by the kernel', count: 12 },
    { what: 'bytes behind the damage that were not read', count: 4096, isCut: true },
  ]
  const comments = ['host: cart-7, Linux 6.1', 'recorded by: perf record -F 99 -g']

  test.each(['pprof', 'cpuprofile', 'speedscope', 'perf-script'])('of %s: losses and comments', async (format) => {
    const { write } = formats.find(({ name }) => name === format)!
    const profile: Profile = { ...(await read('perf-data/file.data')), comments, losses }
    const again = (await readProfile(await write!(profile))).profile
    expect(again.losses).toEqual(losses)
    // perf script text also says which events are in it.
    expect(again.comments.filter((comment) => !comment.startsWith('event: '))).toEqual(comments)
    // Once more, nothing is said twice.
    const third = (await readProfile(await write!(again))).profile
    expect(third.losses).toEqual(losses)
    expect(third.comments).toEqual(again.comments)
  })

  test('of perf script: units, counts and what is shown first', async () => {
    const heap = await read('pprof/shop-heap.pb.gz')
    const again = (await readProfile(printPerfScript({ ...heap, defaultType: 3 }))).profile
    expect(again.sampleTypes).toEqual([{ type: 'samples', unit: 'count' }, ...heap.sampleTypes])
    expect(again.sampleTypes[again.defaultType]).toEqual({ type: 'inuse_space', unit: 'bytes' })
    const cpu = await read('pprof/shop-cpu-1.pb.gz')
    const counted = (await readProfile(printPerfScript(cpu))).profile
    expect(sums(counted)).toEqual(sums(cpu))
  })
})

const sums = ({ sampleTypes, samples }: Profile): string[] =>
  samples.values.map((column, i) => `${sampleTypes[i]!.type} ${column.reduce((a, b) => a + b, 0n)}`)

/** Each sample as text: labels, and per frame the place with all its lines. */
function samplesOf({ samples, labelSets, stacks, locations, lines, functions, strings, mappings }: Profile): string[] {
  const places = Array.from({ length: locations.length }, (_, i) => {
    const calls: string[] = []
    for (let line = locations.lineOffsets[i]!; line < locations.lineOffsets[i + 1]!; line++) {
      const fn = lines.function[line]!
      const [text, file] = [functions.name[fn]!, functions.filename[fn]!].map((row) => strings.get(row))
      calls.push(`${text} ${file}:${lines.line[line]}`)
    }
    return `${locations.address[i]} ${mappings[locations.mapping[i]!]?.file ?? ''} ${calls.join(' < ')}`
  })
  return Array.from({ length: samples.length }, (_, sample) => {
    const stack = samples.stack[sample]!
    // pprof has no empty text: it is the number 0.
    const labels = labelSets[samples.labels[sample]!]!.map(
      ({ key, str, num, unit }) => `${key}=${str || (num ?? 0n)}${unit ?? ''}`,
    )
    const frames = stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])
    return `${labels.sort().join(' ')}: ${Array.from(frames, (location) => places[location]).join('; ')}`
  })
}
