// Flight recordings of JDK 11, 17 and 25 and of async-profiler against what the JDK's `jfr` tool prints of them.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { matchesJfr, parseJfr, readChunks } from './jfr.ts'
import { JfrInput } from './jfr-input.ts'
import { parseJfrProfile } from './jfr-profile.ts'
import type { Profile } from './profile.ts'

interface Golden {
  counts: Record<string, [count: number, sizeBytes: number]>
  /** `event|time in ms|thread|tid|state|frames leaf first` */
  samples: string[]
  sums: { event: string; count: number; sum: number }[]
}

const unzip = (name: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(new URL(`../../test/fixtures/jfr/${name}`, import.meta.url))))
const goldenOf = (name: string): Golden => JSON.parse(new TextDecoder().decode(unzip(`${name}.golden.json.gz`)))

/** The samples of a column as golden lines without time, and their times. */
function column(profile: Profile, type: string, event: string): { lines: string[]; timesMs: number[] } {
  const { samples, stacks, locations, lines, functions, strings, labelSets, mappings } = profile
  const values = samples.values[profile.sampleTypes.findIndex((known) => known.type === type)]
  const found: string[] = []
  const timesMs: number[] = []
  for (let i = 0; i < samples.length; i++) {
    if (!values?.[i]) continue
    const stack = samples.stack[i]!
    const frames = [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].map((location) => {
      const row = locations.lineOffsets[location]!
      const name = strings.get(functions.systemName[lines.function[row]!]!)
      // Native code of async-profiler: the tool shows the library as class.
      const file = mappings[locations.mapping[location]!]?.file
      const library = file === undefined || file === '[kernel.kallsyms]' ? '' : file
      return `${name.includes('(') ? name : `${library}.${name}()L;`}:${lines.line[row]}`
    })
    const label = (key: string) => labelSets[samples.labels[i]!]!.find((known) => known.key === key)
    const facts = [event, label('comm')?.str, label('tid')?.num ?? 0, label('state')?.str ?? '']
    found.push([...facts, frames[0] === '[no stack]:0' ? '' : frames.join(';')].join('|'))
    timesMs.push(Number(profile.timeNanos / 1000n) / 1000 + samples.offsetMs![i]!)
  }
  return { lines: found.sort(), timesMs: timesMs.sort((a, b) => a - b) }
}

/** A golden line without its time, with class names and unknown lines as a profile has them. */
function withoutTime(line: string): string {
  const [event, , thread, tid, state, frames = ''] = line.split('|')
  // Semicolons also end class names inside of signatures; a frame ends with a line number.
  const shown = frames.replace(/(^|(?<=:-?\d+);)([^(]*)\(/g, (_, before: string, name: string) => {
    return `${before}${name.replaceAll('/', '.')}(`
  })
  return [event, thread, tid, state, shown.replace(/:-1(?=;|$)/g, ':0')].join('|')
}

const timeOf = (line: string): number => Number(line.split('|')[1])

describe.each(['jdk11', 'jdk17', 'jdk25', 'async-profiler-wall'])('%s', (name) => {
  const bytes = unzip(`${name}.jfr.gz`)
  const golden = goldenOf(name)
  const recording = parseJfr(bytes)
  const profile = parseJfrProfile(bytes)

  test('counts and sizes of all events', () => {
    const counts = Object.entries(golden.counts).map(([event, figures]) => [
      event.replace('CheckPoint', 'Checkpoint'),
      figures,
    ])
    const ours = recording.eventCounts.map(({ name: event, count, sizeBytes }) => [event, [count, sizeBytes]])
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(counts))
    expect(recording.losses.filter(({ what }) => !/CPU time samples/.test(what))).toEqual([])
  })

  test.each([
    ['samples', 'jdk.ExecutionSample'],
    ['native', 'jdk.NativeMethodSample'],
    ['cpu', 'jdk.CPUTimeSample'],
    ['wall', 'profiler.WallClockSample'],
  ])('%s: every stack, thread and time', (type, event) => {
    const wanted = golden.samples.filter((line) => line.startsWith(`${event}|`))
    const { lines, timesMs } = column(profile, type, event)
    expect(lines).toEqual(wanted.map(withoutTime).sort())
    const wantedTimes = wanted.map(timeOf).sort((a, b) => a - b)
    const apart = timesMs.map((time, i) => Math.abs(time - wantedTimes[i]!))
    // The tool's milliseconds are cut off, not rounded.
    expect(Math.max(0, ...apart)).toBeLessThan(1.01)
  })

  test('sums of values', () => {
    const totalOf = (type: string): number => {
      const values = profile.samples.values[profile.sampleTypes.findIndex((known) => known.type === type)]
      return Number(values?.reduce((sum, value) => sum + value, 0n))
    }
    const sums: Record<string, () => number> = {
      'jdk.ObjectAllocationSample': () => totalOf('alloc_space'),
      'jdk.ObjectAllocationOutsideTLAB': () => totalOf('alloc_outside_tlab'),
      'jdk.ThreadCPULoad': () => recording.threadLoad.reduce((sum, load) => sum + load.user, 0),
      'jdk.CPULoad': () => recording.cpuLoad.reduce((sum, load) => sum + load.machineTotal, 0),
    }
    expect(golden.sums.length).toBeGreaterThan(0)
    for (const { event, sum } of golden.sums) expect(sums[event]?.()).toBeCloseTo(sum, 4)
  })
})

test('what else a recording tells', () => {
  const recording = parseJfr(unzip('jdk25.jfr.gz'))
  expect(recording.chunks.map(({ version, isComplete }) => [version, isComplete])).toEqual([
    ['2.1', true],
    ['2.1', true],
  ])
  expect(recording.jvm).toContain('OpenJDK 64-Bit Server VM (25.0.2+10-LTS)')
  expect(recording.collections).toHaveLength(108)
  expect(recording.collections[0]).toMatchObject({ name: 'G1New', cause: 'G1 Evacuation Pause' })
  const young = recording.collections.filter((collection) => collection.name === 'G1New')
  expect(young.filter(({ pausesMs, durationMs }) => !(pausesMs > 0 && pausesMs <= durationMs))).toEqual([])
  expect(recording.threadLoad.map(({ thread }) => thread.name)).toContain('burn "quoted" ü')
  expect(recording.threadDumps).toHaveLength(2)
  const names = recording.threadDumps[1]?.dump.threads.map((thread) => thread.name)
  expect(names).toEqual(expect.arrayContaining(['burn "quoted" ü', 'contender-1', 'VM Thread']))
})

test('columns, period, labels and losses of a profile', () => {
  const profile = parseJfrProfile(unzip('jdk25.jfr.gz'))
  expect(profile.sampleTypes).toEqual([
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
    { type: 'alloc_space', unit: 'bytes' },
    { type: 'alloc_tlab', unit: 'bytes' },
    { type: 'alloc_outside_tlab', unit: 'bytes' },
    { type: 'monitor', unit: 'nanoseconds' },
    { type: 'park', unit: 'nanoseconds' },
    { type: 'native', unit: 'count' },
  ])
  expect(profile.defaultType).toBe(0)
  // As the header has it: a double would round it to a quarter of a microsecond.
  expect(profile.timeNanos).toBe(new DataView(unzip('jdk25.jfr.gz').buffer).getBigInt64(32))
  expect([profile.periodType, profile.period]).toEqual([{ type: 'cpu', unit: 'nanoseconds' }, 20_000_000n])
  const labels = profile.labelSets.flat()
  expect(labels).toContainEqual({ key: 'comm', str: 'virtual-busy' })
  expect(labels).toContainEqual({ key: 'class', str: '[B' })
  expect(labels).toContainEqual({ key: 'class', str: 'java.lang.Object' })
  expect(labels).toContainEqual({ key: 'state', str: 'STATE_RUNNABLE' })
  expect(profile.losses.find(({ what }) => what.startsWith('stacks that the JVM cut'))?.count).toBeGreaterThan(50)
  expect(profile.losses).toContainEqual({ what: 'CPU time samples that the JVM lost', count: 4 })
})

describe('damaged files', () => {
  const whole = unzip('jdk17.jfr.gz')
  const [first] = readChunks(whole)

  test('cut off in the second chunk: the rest is read with the types of the first', () => {
    const cut = whole.subarray(0, first!.sizeBytes + 190_000)
    const recording = parseJfr(cut)
    expect(recording.chunks.map((chunk) => chunk.isComplete)).toEqual([true, false])
    expect(recording.losses[0]).toEqual({
      what: 'chunks that the recorder had not closed or that were cut off',
      count: 1,
      isCut: true,
    })
    const all = parseJfrProfile(whole).samples.length
    const firstOnly = parseJfrProfile(whole.subarray(0, first!.sizeBytes)).samples.length
    const some = parseJfrProfile(cut).samples.length
    expect(some).toBeGreaterThan(firstOnly)
    expect(some).toBeLessThan(all)
  })

  test('still being written: size and offsets are zero, the events up to the end are read', () => {
    const open = whole.slice(0, first!.sizeBytes)
    open.fill(0, 8, 32)
    const recording = parseJfr(open)
    const closed = parseJfr(whole.subarray(0, first!.sizeBytes))
    expect(recording.eventCounts).toEqual(closed.eventCounts)
    expect(recording.chunks[0]?.isComplete).toBe(false)
  })

  test('bytes behind the last chunk are counted', () => {
    const longer = new Uint8Array(whole.length + 7)
    longer.set(whole)
    expect(parseJfr(longer).losses).toEqual([{ what: 'bytes behind the last chunk', count: 7, isCut: true }])
  })

  test('no recording', () => {
    expect(matchesJfr(whole.subarray(0, 16))).toBe(true)
    expect(() => parseJfr(new TextEncoder().encode('FLR'))).toThrow('JFR chunk')
  })
})

test('integers: up to nine bytes, the ninth whole; or big-endian when not compressed', () => {
  const of = (...bytes: number[]) => new JfrInput(Uint8Array.from(bytes))
  expect(of(0x7f).long()).toBe(127)
  expect(of(0x80, 0x01).long()).toBe(128)
  expect(of(0xff, 0xff, 0xff, 0xff, 0x0f).long()).toBe(2 ** 32 - 1)
  expect(of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).long()).toBe(2 ** 53)
  expect(of(...Array<number>(9).fill(0xff)).long()).toBe(-1)
  expect(of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80).long()).toBe(-(2 ** 63))
  const raw = of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 1, 0, 0x12, 0x34)
  raw.isCompressed = false
  expect([raw.long(), raw.int(), raw.integer(2)]).toEqual([-2, 256, 0x1234])
})

test('texts in every encoding', () => {
  const text = (...bytes: number[]) => new JfrInput(Uint8Array.from(bytes)).string()
  expect(text(0)).toBeUndefined()
  expect(text(1)).toBe('')
  expect(text(2, 9)).toBe(9)
  expect(text(3, 2, 0xc3, 0xbc)).toBe('ü')
  expect(text(4, 2, 0x41, 0xac, 0x41)).toBe('AₐAₐ'.slice(0, 1) + String.fromCharCode(0x20ac))
  expect(text(5, 2, 0x41, 0xfc)).toBe('Aü')
})
