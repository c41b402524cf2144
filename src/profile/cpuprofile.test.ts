// V8's CPU profiles against the numbers in the files themselves, computed the plain way.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { matchesCpuProfile, parseV8CpuProfile } from './cpuprofile.ts'
import { parseChromeTrace, parseCpuProfile } from './cpuprofile-profile.ts'
import { matchesChromeTrace, parseTraceProfiles } from './cpuprofile-trace.ts'
import { writeCpuProfile } from './cpuprofile-write.ts'
import type { Profile } from './profile.ts'

const folder = new URL('../../test/fixtures/cpuprofile/', import.meta.url)
const read = (name: string): Uint8Array => readFileSync(new URL(name, folder))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (name: string): Profile => parseCpuProfile(read(name))

interface RawNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number }
  hitCount: number
  children?: number[]
  positionTicks?: { line: number; ticks: number }[]
}
interface RawProfile {
  nodes: RawNode[]
  startTime: number
  endTime: number
  samples: number[]
  timeDeltas: number[]
}

/** Each sample as `value: root;…;leaf`, function by name and place. */
function lines(profile: Profile, type: number): string[] {
  const { samples, stacks, locations, lines: rows, functions, strings } = profile
  return Array.from({ length: samples.length }, (_, i) => {
    const stack = samples.stack[i]!
    const frames = [...stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1])].map((location) => {
      const row = locations.lineOffsets[location]!
      const fn = rows.function[row]!
      const name = strings.get(functions.systemName[fn]!)
      return `${name}@${strings.get(functions.filename[fn]!)}:${functions.startLine[fn]}:${rows.column[row]}`
    })
    return `${samples.values[type]![i]}: ${frames.reverse().join(';')}`
  })
}

/** The same from the JSON; collections on the stack before, the root left out. */
function rawLines({ nodes, samples, timeDeltas, startTime, endTime }: RawProfile): string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parent = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const path = (id: number): string[] => {
    const { callFrame } = byId.get(id)!
    const { functionName, url, lineNumber, columnNumber } = callFrame
    if (functionName === '(root)') return []
    return [...path(parent.get(id)!), `${functionName}@${url}:${lineNumber + 1}:${columnNumber + 1}`]
  }
  let time = startTime
  const times = timeDeltas.map((delta) => (time += delta))
  let below: string[] = []
  return samples.map((id, i) => {
    const frames = path(id)
    const name = byId.get(id)!.callFrame.functionName
    const isMeta = name === '(idle)' || name === '(program)' || name === '(garbage collector)'
    if (name === '(garbage collector)') frames.unshift(...below)
    else below = isMeta ? [] : frames
    return `${Math.round(((times[i + 1] ?? endTime) - times[i]!) * 1000)}: ${frames.join(';')}`
  })
}

describe.each(['node20.cpuprofile', 'node24.cpuprofile', 'node20-inspector.cpuprofile', 'chrome.cpuprofile'])(
  '%s',
  (name) => {
    const raw = JSON.parse(new TextDecoder().decode(read(name))) as RawProfile
    const profile = parse(name)
    const wall = profile.sampleTypes.findIndex(({ type }) => type === 'wall')

    test('every sample has its stack and lasts until the next', () => {
      expect(lines(profile, wall)).toEqual(rawLines(raw))
      expect(profile.losses).toEqual([])
      expect(matchesCpuProfile(read(name).subarray(0, 65_536))).toBe(true)
    })

    test('totals', () => {
      const total = profile.samples.values[wall]!.reduce((sum, value) => sum + value, 0n)
      const deltas = raw.timeDeltas.reduce((sum, delta) => sum + delta, 0)
      const last = raw.endTime - raw.startTime - deltas
      expect(total).toBe(BigInt(deltas - raw.timeDeltas[0]! + last) * 1000n)
      expect(profile.durationNanos).toBe(BigInt(raw.endTime - raw.startTime) * 1000n)
      const idle = new Set(raw.nodes.filter((node) => node.callFrame.functionName === '(idle)').map((node) => node.id))
      const cpu = profile.samples.values[profile.defaultType]!
      expect([...cpu].filter((value) => value === 0n).length).toBe(raw.samples.filter((id) => idle.has(id)).length)
    })

    test('source lines of leaves add up to those of V8', () => {
      const { samples, stacks, locations, lines: rows } = profile
      const found = new Map<number, number>()
      for (let i = 0; i < samples.length; i++) {
        const leaf = stacks.locations[stacks.offsets[samples.stack[i]!]!]!
        const line = rows.line[locations.lineOffsets[leaf]!]!
        if (line > 0) found.set(line, (found.get(line) ?? 0) + 1)
      }
      const wanted = new Map<number, number>()
      for (const { positionTicks = [] } of raw.nodes) {
        for (const { line, ticks } of positionTicks) wanted.set(line, (wanted.get(line) ?? 0) + ticks)
      }
      expect(new Map([...found].sort())).toEqual(new Map([...wanted].sort()))
    })

    test('written and read again it is the same', () => {
      const written = JSON.parse(new TextDecoder().decode(writeCpuProfile(profile))) as RawProfile
      expect(written.timeDeltas).toEqual(raw.timeDeltas)
      expect(written.endTime).toBe(raw.endTime - raw.startTime)
      expect(rawLines(written)).toEqual(rawLines({ ...raw, endTime: raw.endTime }))
      // V8 has a node per script, and lists a line twice; per place the lines are the same.
      const facts = ({ nodes }: RawProfile) => {
        const ticks = new Map<string, number>()
        for (const { callFrame, positionTicks = [] } of nodes) {
          for (const { line, ticks: count } of positionTicks) {
            const key = `${callFrame.functionName} ${callFrame.url}:${callFrame.lineNumber}:${callFrame.columnNumber} ${line}`
            ticks.set(key, (ticks.get(key) ?? 0) + count)
          }
        }
        return [...ticks].sort()
      }
      expect(facts(written)).toEqual(facts(raw))
    })
  },
)

test('parent links, ids in any order, time that goes backwards, nodes that are missing', () => {
  const v8 = parseV8CpuProfile(read('parents.cpuprofile')).profiles[0]!
  expect(v8).toMatchObject({ lostSamples: 1, backwards: 1, lengthUs: 5000 })
  // The times are 100, 1100, 2100, 1600 -> 2100, (3100), 4000 of 5000.
  expect([...v8.offsetsUs]).toEqual([100, 1100, 2100, 2100, 4000])
  expect([...v8.durationsUs]).toEqual([1000, 1000, 0, 1900, 1000])
  const profile = parse('parents.cpuprofile')
  expect(lines(profile, 1).slice(0, 4)).toEqual([
    '1000000: @file:///a.js:1:1',
    '1000000: @file:///a.js:1:1;leaf@file:///a.js:10:3',
    '0: @file:///a.js:1:1;leaf@file:///a.js:10:3;(garbage collector)@:0:0',
    '1900000: @file:///a.js:1:1;leaf@file:///a.js:10:3;(garbage collector)@:0:0',
  ])
  expect(profile.losses).toEqual([
    { what: 'samples whose node is missing', count: 1 },
    { what: 'samples out of order, moved to the time of the one before', count: 1 },
  ])
  const names = Array.from({ length: profile.functions.length }, (_, i) =>
    profile.strings.get(profile.functions.name[i]!),
  )
  expect(names).toContain('(anonymous a.js:1:1)')
})

test('the form from before 2016', () => {
  const profile = parse('legacy.cpuprofile')
  expect(lines(profile, 1)).toEqual([
    '1000000: handler@/app/web.js:12:5',
    '1000000: handler@/app/web.js:12:5;parse@/app/web.js:40:0',
    '1000000: handler@/app/web.js:12:5;parse@/app/web.js:40:0',
    '500000: (idle)@:0:0',
  ])
  expect([...profile.samples.offsetMs!]).toEqual([0.5, 1.5, 2.5, 3.5])
})

test('hit counts where there are no samples', () => {
  const { nodes } = JSON.parse(new TextDecoder().decode(read('node24.cpuprofile'))) as RawProfile
  const profile = parseCpuProfile(utf8(JSON.stringify({ nodes, startTime: 0, endTime: 10 })))
  const hits = nodes.reduce((sum, node) => sum + node.hitCount, 0)
  expect(profile.defaultType).toBe(0)
  expect(profile.samples.values[0]!.reduce((sum, value) => sum + value, 0n)).toBe(BigInt(hits))
})

test('nodes that are their own ancestors', () => {
  const frame = (functionName: string) => ({ functionName, url: '', lineNumber: -1, columnNumber: -1 })
  const nodes = [
    { id: 1, callFrame: frame('a'), parent: 3 },
    { id: 2, callFrame: frame('b'), parent: 1 },
    { id: 3, callFrame: frame('c'), parent: 2 },
    { id: 4, callFrame: frame('d'), parent: 4 },
  ]
  const profile = parseCpuProfile(
    utf8(JSON.stringify({ nodes, samples: [1, 4], timeDeltas: [1, 1], startTime: 0, endTime: 3 })),
  )
  expect(lines(profile, 0).map((line) => line.replaceAll('@:0:0', ''))).toEqual(['1: b;c;a', '1: d'])
})

test('a file that was cut off keeps what is whole', () => {
  const whole = read('node24.cpuprofile')
  const text = new TextDecoder().decode(whole)
  const inDeltas = parseCpuProfile(whole.subarray(0, whole.length - 500))
  expect(inDeltas.samples.length).toBe(parse('node24.cpuprofile').samples.length)
  expect(inDeltas.losses[0]?.what).toBe('bytes at the end of a file that was cut off')
  const inSamples = parseCpuProfile(whole.subarray(0, text.indexOf('"samples"') + 400))
  expect(inSamples.samples.length).toBeGreaterThan(50)
  expect(inSamples.defaultType).toBe(0)
  const trace = read('chrome-trace.json')
  expect(parseChromeTrace(trace.subarray(0, trace.length >> 1)).samples.length).toBeGreaterThan(100)
})

test('a tree that means more frames than its file may is refused', () => {
  const nodes = Array.from({ length: 40_000 }, (_, i) => ({ id: i, parent: i - 1, callFrame: { functionName: 'f' } }))
  const bomb = { nodes, samples: nodes.map(({ id }) => id), timeDeltas: [] }
  expect(() => parseCpuProfile(utf8(JSON.stringify(bomb)))).toThrow('too many for a file of this size')
})

describe('Chrome trace', () => {
  test('one profile per thread, put together of its pieces', () => {
    const { profiles } = parseTraceProfiles(read('chrome-trace.json'))
    const events = JSON.parse(new TextDecoder().decode(read('chrome-trace.json'))).traceEvents as {
      name: string
      id: string
      args: { data?: { cpuProfile?: { samples?: number[] }; timeDeltas?: number[] } }
    }[]
    const count = (id: string) =>
      events
        .filter((event) => event.name === 'ProfileChunk' && event.id === id)
        .reduce((sum, event) => sum + (event.args.data?.cpuProfile?.samples?.length ?? 0), 0)
    expect(profiles.map((profile) => profile.samples.length)).toEqual([count('0x1'), count('0x2')])
    expect(profiles.map((profile) => [profile.thread?.name, profile.lostSamples])).toEqual([
      ['CrRendererMain', 0],
      [expect.stringContaining('Worker'), 0],
    ])
    expect(matchesChromeTrace(read('chrome-trace.json').subarray(0, 65_536))).toBe(true)
  })

  test('threads are labels, lines are those of the samples', () => {
    const profile = parseChromeTrace(read('chrome-trace.json'))
    const names = (label: string) => {
      const sets = new Set(
        profile.labelSets.flatMap((set, i) =>
          set.some(({ key, str }) => key === 'comm' && str?.includes(label)) ? [i] : [],
        ),
      )
      return lines(profile, 0).filter((_, i) => sets.has(profile.samples.labels[i]!))
    }
    expect(names('Worker').some((line) => line.includes('inWorker@'))).toBe(true)
    expect(names('CrRendererMain').some((line) => line.includes('fib@'))).toBe(true)
    expect(names('CrRendererMain').some((line) => line.includes('inWorker@'))).toBe(false)
    expect([...profile.lines.line].some((line) => line > 0)).toBe(true)
  })

  test('a trace without profiles says how to record one', () => {
    expect(() => parseChromeTrace(utf8('{"traceEvents":[{"ph":"X"}]}'))).toThrow('without a CPU profile')
    expect(matchesChromeTrace(utf8('[{"name":"a","ph":"X"}]'))).toBe(true)
  })
})

describe('writing', () => {
  test('counts take the sampling period, or a millisecond; modules stand for files', () => {
    const drawn = drawProfile('main@/bin/app;parse 3\nmain@/bin/app 1')
    const plain = JSON.parse(new TextDecoder().decode(writeCpuProfile(drawn))) as RawProfile
    expect([plain.timeDeltas, plain.endTime]).toEqual([[0, 3000], 4000])
    expect(plain.nodes.map(({ callFrame: { functionName, url } }) => [functionName, url])).toEqual([
      ['(root)', ''],
      ['main', '/bin/app'],
      ['parse', ''],
    ])
    const timed = { ...drawn, periodType: { type: 'cpu', unit: 'nanoseconds' }, period: 10_101_010n }
    const written = JSON.parse(new TextDecoder().decode(writeCpuProfile(timed))) as RawProfile
    expect([written.timeDeltas, written.endTime]).toEqual([[0, 30303], 40404])
  })

  test('an empty profile is a valid file', () => {
    const written = writeCpuProfile(drawProfile('a 1'))
    expect(parseCpuProfile(written).samples.length).toBe(1)
    const { length, ...rest } = parse('node24.cpuprofile').samples
    const none = { ...parse('node24.cpuprofile'), samples: { ...rest, length: 0 * length } }
    expect(parseCpuProfile(writeCpuProfile(none)).samples.length).toBe(0)
  })
})

test('fixtures of other formats are not taken for these', () => {
  for (const name of readdirSync(new URL('../heapprofile/', folder)).filter((file) => file.endsWith('.heapprofile'))) {
    expect(matchesCpuProfile(readFileSync(new URL(`../heapprofile/${name}`, folder)).subarray(0, 65_536))).toBe(false)
  }
  expect(matchesCpuProfile(read('chrome-trace.json').subarray(0, 65_536))).toBe(false)
  expect(() => parseCpuProfile(utf8('{"a":1}'))).toThrow('no list')
})

test('rows of other kinds of values are no samples of the time line', () => {
  const drawn = drawProfile('main;run 1 0 @0\nmain;make 0 4096 @5\nmain;run 1 0 @10', [
    'samples/count',
    'alloc_space/bytes',
  ])
  const written = JSON.parse(new TextDecoder().decode(writeCpuProfile({ ...drawn, defaultType: 0 })))
  expect(written.samples).toHaveLength(2)
})
