import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { parseCpuProfile } from './cpuprofile-profile.ts'
import type { Profile } from './profile.ts'
import { matchesSpeedscope, parseSpeedscope } from './speedscope.ts'
import { writeSpeedscope } from './speedscope-write.ts'
import { topFunctions } from './top.ts'

const read = (name: string): Uint8Array => readFileSync(new URL(`../../test/fixtures/${name}`, import.meta.url))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

interface Frame {
  name: string
  file?: string
  line?: number
  col?: number
}
interface Sampled {
  type: 'sampled'
  name: string
  unit: string
  startValue: number
  endValue: number
  samples: number[][]
  weights: number[]
}
interface File {
  name?: string
  activeProfileIndex: number
  shared: { frames: Frame[] }
  profiles: Sampled[]
}
const json = (bytes: Uint8Array): File => JSON.parse(new TextDecoder().decode(bytes)) as File

/** Samples as `values @offset: root;…;leaf`. */
function lines({ samples, stacks, locations, lines: rows, functions, strings }: Profile): string[] {
  return Array.from({ length: samples.length }, (_, i) => {
    const stack = samples.stack[i]!
    const frames = [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].map((location) => {
      const row = locations.lineOffsets[location]!
      const line = rows.line[row] ? `:${rows.line[row]}` : ''
      return `${strings.get(functions.name[rows.function[row]!]!)}${line}`
    })
    return `${samples.values.map((column) => column[i]).join(' ')} @${samples.offsetMs?.[i]}: ${frames.reverse().join(';')}`
  })
}

/** What a file says, frames spelled out, values in nanoseconds where they are times. */
function spelled({ shared, profiles }: File): unknown[] {
  const scale: Record<string, number> = { seconds: 1e9, milliseconds: 1e6, microseconds: 1e3 }
  return profiles.map(({ name, unit, startValue, endValue, samples, weights }) => ({
    name,
    isTime: unit.endsWith('seconds'),
    span: [startValue, endValue].map((value) => Math.round(value * (scale[unit] ?? 1))),
    // py-spy writes `"col": null`.
    samples: samples.map((stack) =>
      stack.map((frame) => JSON.stringify(shared.frames[frame]).replace(',"col":null', '')),
    ),
    weights: weights.map((weight) => Math.round(weight * (scale[unit] ?? 1))),
  }))
}

test('py-spy: two threads, seconds become nanoseconds', () => {
  const bytes = read('speedscope/py-spy.speedscope.json')
  const file = json(bytes)
  const profile = parseSpeedscope(bytes)
  expect(profile.sampleTypes).toEqual([{ type: 'time', unit: 'nanoseconds' }])
  const weights = file.profiles.flatMap((thread) => thread.weights)
  expect([...profile.samples.values[0]!]).toEqual(weights.map((weight) => BigInt(Math.round(weight * 1e9))))
  expect(profile.labelSets.slice(1).map((labels) => labels.map(({ str }) => str))).toEqual(
    file.profiles.map((thread) => [thread.name]),
  )
  expect(profile.losses).toEqual([])
  expect(matchesSpeedscope(bytes.subarray(0, 65_536))).toBe(true)
})

test('events: one sample per span between them', () => {
  const profile = parseSpeedscope(read('speedscope/evented.speedscope.json'))
  expect(profile.sampleTypes).toEqual([
    { type: 'time', unit: 'nanoseconds' },
    { type: 'space', unit: 'bytes' },
    { type: 'samples', unit: 'count' },
  ])
  expect(lines(profile)).toEqual([
    '2500000 0 0 @10: main:3',
    '500000 0 0 @12.5: main:3;parse:9',
    '1000000 0 0 @13: main:3;parse:9;parse:9',
    '1000000 0 0 @14: main:3;parse:9',
    '1000000 0 0 @15: main:3',
    '2000000 0 0 @18: wait',
    '1000000 0 0 @0: main:3',
    '3000000 0 0 @1: main:3',
    '0 100 0 @NaN: main:3;parse:9',
    '0 200 0 @NaN: main:3',
    '0 0 2 @NaN: wait',
    '0 0 3 @NaN: ',
  ])
  expect(profile.durationNanos).toBe(20_000_000n)
  expect(profile.comments).toEqual(['checkout'])
  expect(profile.labelSets[profile.samples.labels[11]!]).toEqual([
    { key: 'comm', str: 'main' },
    { key: 'profile', num: 1n },
  ])
})

test('events that do not match, unknown frames, fractions', () => {
  const file = {
    shared: { frames: [{ name: 'a' }, { name: 'b' }, 7] },
    profiles: [
      {
        type: 'evented',
        unit: 'none',
        startValue: 0,
        endValue: 9,
        events: [
          { type: 'O', frame: 0, at: 0 },
          { type: 'O', frame: 1, at: 2 },
          { type: 'C', frame: 0, at: 3 },
          { type: 'C', frame: 1, at: 2.5 },
          { type: 'O', frame: 2, at: 4 },
          { type: 'O', frame: 5, at: 5.25 },
        ],
      },
    ],
  }
  const profile = parseSpeedscope(utf8(JSON.stringify(file)))
  expect(lines(profile)).toEqual([
    '2 @undefined: a',
    '1 @undefined: a;b',
    '1 @undefined: [unknown]',
    '4 @undefined: [unknown];[unknown]',
  ])
  expect(profile.losses).toEqual([
    { what: 'weights whose fraction was rounded', count: 2 },
    { what: 'frames that the table does not have', count: 1 },
    { what: 'events out of order', count: 2 },
  ])
})

test('nanoseconds since 1970 are above 2^53 and still times; what 64 bits do not hold is counted', () => {
  const start = 1_795_000_000_000_000_000
  const file = (profile: object): Uint8Array =>
    utf8(
      JSON.stringify({
        shared: { frames: [{ name: 'f' }] },
        profiles: [{ name: 't', unit: 'nanoseconds', ...profile }],
      }),
    )
  const events = [
    { type: 'O', frame: 0, at: start },
    { type: 'C', frame: 0, at: start + 1_000_448 },
  ]
  const evented = parseSpeedscope(file({ type: 'evented', startValue: start, endValue: start + 2_000_128, events }))
  expect([...evented.samples.values[0]!]).toEqual([1_000_448n])
  expect(evented.durationNanos).toBe(2_000_128n)
  const sampled = {
    type: 'sampled',
    startValue: 0,
    endValue: 1,
    samples: [[0], [0], [0]],
    weights: [2 ** 60, 1e300, 'x'],
  }
  const { samples, losses } = parseSpeedscope(file(sampled))
  expect([...samples.values[0]!]).toEqual([2n ** 60n, 0n, 0n])
  expect(losses).toEqual([{ what: 'weights that are no numbers of 64 bits, left out', count: 2 }])
})

test('events that mean too many frames are refused', () => {
  const frames = Array.from({ length: 10 }, (_, i) => ({ name: `f${i}` }))
  const opened = Array.from({ length: 20_000 }, (_, i) => ({ type: 'O', frame: i % 10, at: i }))
  const bomb = {
    shared: { frames },
    profiles: [{ type: 'evented', unit: 'none', startValue: 0, endValue: 20_000, events: opened }],
  }
  expect(() => parseSpeedscope(utf8(JSON.stringify(bomb)))).toThrow('too many for a file of this size')
  expect(() => parseSpeedscope(utf8('{"profiles":[]}'))).toThrow('no lists')
})

describe('round trip', () => {
  test('a file with samples keeps frames, stacks, weights, names, spans and units of time', () => {
    const bytes = read('speedscope/py-spy.speedscope.json')
    const written = json(writeSpeedscope(parseSpeedscope(bytes)))
    expect(spelled(written)).toEqual(spelled(json(bytes)))
    expect(written.profiles.map((thread) => thread.unit)).toEqual(['nanoseconds', 'nanoseconds'])
  })

  test('events become samples with the same spans; pauses stay', () => {
    const profile = parseSpeedscope(read('speedscope/evented.speedscope.json'))
    const bytes = writeSpeedscope(profile)
    const written = json(bytes)
    expect(written.name).toBe('checkout')
    expect(written.profiles.map(({ name, unit, startValue, endValue }) => [name, unit, startValue, endValue])).toEqual([
      ['worker', 'nanoseconds', 10e6, 20e6],
      ['main', 'nanoseconds', 0, 4e6],
      ['heap', 'bytes', 0, 300],
      ['main', 'none', 0, 5],
    ])
    expect(written.profiles[0]?.samples[5]).toEqual([])
    expect(written.profiles[0]?.weights[5]).toBe(2e6)
    expect(matchesSpeedscope(bytes.subarray(0, 65_536))).toBe(true)
    // A second time nothing changes at all.
    expect(spelled(json(writeSpeedscope(parseSpeedscope(bytes))))).toEqual(spelled(written))
  })

  test('frame details survive', () => {
    const frames: Frame[] = [
      { name: 'a "quoted" \u0000 ü', file: '/x/y.py', line: 3, col: 9 },
      { name: 'a "quoted" \u0000 ü', file: '/x/y.py', line: 4 },
      { name: '' },
    ]
    const file = {
      shared: { frames },
      profiles: [
        {
          type: 'sampled',
          name: 't',
          unit: 'bytes',
          startValue: 0,
          endValue: 6,
          samples: [[0, 1], [2], [0]],
          weights: [1, 2, 3],
        },
      ],
    }
    expect(spelled(json(writeSpeedscope(parseSpeedscope(utf8(JSON.stringify(file))))))).toEqual(spelled(file as File))
  })
})

describe('profiles of other formats', () => {
  test('threads are profiles, types of one thread have names that differ, the shown type is active', () => {
    const drawn = drawProfile(
      'main;parse 3 10 {pid=7 tid=8 comm=web}\nmain 1 0 {pid=7 tid=9 comm=gc}\nmain 2 5 {pid=7 tid=8 comm=web}',
      ['samples/count', 'cpu/nanoseconds'],
    )
    const written = json(writeSpeedscope(drawn, 'title'))
    expect(written.profiles.map(({ name, unit, weights }) => [name, unit, weights])).toEqual([
      ['web (8) · samples', 'none', [3, 2]],
      ['gc (9)', 'none', [1]],
      ['web (8) · cpu', 'nanoseconds', [10, 5]],
    ])
    expect(written).toMatchObject({ name: 'title', activeProfileIndex: 2 })
  })

  test('samples are put in order of time', () => {
    const written = json(writeSpeedscope(drawProfile('late 1 @20\nearly 1 @10', ['cpu/milliseconds'])))
    expect(written.profiles[0]).toMatchObject({
      startValue: 10,
      endValue: 21,
      weights: [1, 9, 1],
      samples: [[0], [], [1]],
    })
    expect(written.shared.frames.map((frame) => frame.name)).toEqual(['early', 'late'])
  })

  test('a pause is no time that was used, and a sample without a stack is no pause', () => {
    const drawn = drawProfile('main 5 @0\nmain 5 @100\n 3 @200', ['cpu/milliseconds'])
    const bytes = writeSpeedscope(drawn)
    expect(json(bytes).profiles[0]).toMatchObject({ weights: [5, 95, 5, 95, 3], endValue: 203 })
    const { functions, total } = topFunctions(parseSpeedscope(bytes))
    expect(functions.map((row) => [row.function, row.self])).toEqual([
      ['main', 10e6],
      ['[no stack]', 3e6],
    ])
    expect(total).toBe(13e6)
  })

  test('a CPU profile of V8 keeps its time line', () => {
    const profile = parseCpuProfile(read('cpuprofile/node24.cpuprofile'))
    const written = json(writeSpeedscope(profile))
    const wall = written.profiles.find(({ name }) => name === 'wall')
    expect(wall?.weights).toEqual([...profile.samples.values[1]!].filter((value) => value > 0n).map(Number))
    expect(wall?.endValue).toBe(Number(profile.durationNanos))
  })

  test('values that JSON does not hold are rounded, and the file says so', () => {
    const profile = drawProfile('a 9007199254740993\nb 2')
    const again = parseSpeedscope(writeSpeedscope(profile))
    expect([...again.samples.values[0]!]).toEqual([2n ** 53n, 2n])
    expect(again.losses).toEqual([{ what: 'values above 2^53, rounded', count: 1 }])
  })

  test('nothing to write', () => {
    const empty = parseSpeedscope(utf8('{"shared":{"frames":[]},"profiles":[]}'))
    expect(json(writeSpeedscope(empty))).toMatchObject({ profiles: [], shared: { frames: [] } })
  })
})
