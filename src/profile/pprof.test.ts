// pprof in and out: what is written is read back, bit for bit, and damage is named by its position.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Failure } from '../model/errors.ts'
import { ProfileBuilder } from './builder.ts'
import { decodePprof, matchesPprof, readPprof } from './pprof-decode.ts'
import { encodePprof } from './pprof-encode.ts'
import { leastPlainBytes } from './pprof-plain-samples.ts'
import type { Profile } from './profile.ts'
import { ProtobufWriter } from './protobuf-writer.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures/pprof')
const files = readdirSync(fixtures).filter((name) => name.endsWith('.pb.gz'))

/** Everything a profile says, one line per sample, independent of how tables are numbered. */
function describeProfile(profile: Profile): unknown {
  const { samples, stacks, locations, lines, functions, strings, mappings } = profile
  const frame = (location: number): string => {
    const rows: string[] = []
    for (let row = locations.lineOffsets[location]!; row < locations.lineOffsets[location + 1]!; row++) {
      const fn = lines.function[row]!
      const names = [functions.name[fn]!, functions.systemName[fn]!, functions.filename[fn]!].map((i) => strings.get(i))
      rows.push(`${names.join('|')}:${functions.startLine[fn]}:${lines.line[row]}:${lines.column[row]}`)
    }
    const mapping = mappings[locations.mapping[location]!]
    return `${mapping?.file}@${locations.address[location]}${locations.isFolded[location] ? ' folded' : ''} ${rows.join(' ')}`
  }
  const { timeNanos, durationNanos, period, periodType, comments, sampleTypes, defaultType, dropFrames, keepFrames } =
    profile
  return {
    header: {
      timeNanos,
      durationNanos,
      period,
      periodType,
      comments,
      sampleTypes,
      defaultType,
      dropFrames,
      keepFrames,
    },
    samples: Array.from({ length: samples.length }, (_, i) => ({
      stack: Array.from(
        stacks.locations.subarray(stacks.offsets[samples.stack[i]!], stacks.offsets[samples.stack[i]! + 1]),
        frame,
      ),
      values: samples.values.map((column) => column[i]),
      labels: profile.labelSets[samples.labels[i]!],
      offsetMs: samples.offsetMs?.[i],
    })),
  }
}

function thrownBy(run: () => unknown): Failure {
  try {
    run()
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** One sample with everything in it that a pprof can say. */
function richProfile(): Profile {
  const builder = new ProfileBuilder([
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  const mapping = builder.internMapping({
    start: 0xffffffff81000000n,
    limit: 0xffffffffffffffffn,
    offset: 0x1000n,
    file: '[kernel.kallsyms]',
    buildId: 'abc123',
    hasFunctions: true,
    hasInlineFrames: true,
  })
  const inner = builder.internFunction({ name: 'inner', systemName: '_ZN5innerEv', filename: 'a.cc', startLine: 10 })
  const outer = builder.internFunction({ name: 'oüter 漢', filename: 'a.cc' })
  const inlined = builder.internLocation({
    mapping,
    address: 0xffffffff81000123n,
    isFolded: true,
    lines: [
      { function: inner, line: 12, column: 3 },
      { function: outer, line: 2 ** 40 },
    ],
  })
  const bare = builder.internLocation({ mapping, address: 0xfffffffffffffff0n })
  const labels = builder.internLabels([
    { key: 'tid', num: -5n, unit: 'id' },
    { key: 'pod', str: 'cart-0' },
    { key: 'bytes', num: 2n ** 62n },
  ])
  builder.addSample(builder.internStack([inlined, bare]), [1n, 2n ** 63n - 1n], { labels, offsetMs: 1250 })
  builder.addSample(builder.internStack([bare]), [-1n, -(2n ** 63n)], { labels })
  builder.addSample(builder.internStack([]), [2n ** 53n + 1n, 127n], { offsetMs: 0 })
  builder.addSample(builder.internStack([inlined]), [128, -128])
  builder.timeNanos = 1_700_000_000_123_456_789n
  builder.durationNanos = 30_000_000_001n
  builder.periodType = { type: 'cpu', unit: 'nanoseconds' }
  builder.period = 10_000_000n
  builder.comments.push('a comment')
  builder.dropFrames = 'runtime\\..*'
  builder.keepFrames = 'runtime\\.main'
  builder.defaultType = 0
  return builder.build()
}

describe('encode, then decode', () => {
  test('keeps everything a profile can hold', () => {
    const profile = richProfile()
    expect(describeProfile(decodePprof(encodePprof(profile)))).toEqual(describeProfile(profile))
  })

  test.each(files)('%s comes back the same', (name) => {
    const profile = decodePprof(gunzipSync(readFileSync(join(fixtures, name))))
    expect(profile.losses).toEqual([])
    expect(describeProfile(decodePprof(encodePprof(profile)))).toEqual(describeProfile(profile))
  })

  test('leaves out what no sample reaches', () => {
    const builder = new ProfileBuilder([{ type: 'samples', unit: 'count' }])
    builder.internFrame('secret of another pod', { module: '/usr/bin/other' })
    builder.addSample(builder.internStack([builder.internFrame('mine')]), [1])
    const text = new TextDecoder().decode(encodePprof(builder.build()))
    expect(text).toContain('mine')
    expect(text).not.toContain('secret')
  })
})

describe('decode', () => {
  test('large files are read by WebAssembly up to the first sample that is not plain, then by JavaScript: no seam', () => {
    const builder = new ProfileBuilder([
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ])
    const locations = Array.from({ length: 20_000 }, (_, i) => builder.internLocation({ address: BigInt(i + 1) }))
    const labels = builder.internLabels([{ key: 'pod', str: 'cart-0' }])
    for (let i = 0; i < 9000; i++) {
      const stack = Array.from({ length: i % 40 }, (_, depth) => locations[(i * 7919 + depth * 104_729) % 20_000]!)
      builder.addSample(builder.internStack(stack), [1, i * 10_000_000], i === 6000 ? { labels } : {})
    }
    const profile = builder.build()
    const bytes = encodePprof(profile)
    expect(bytes.length).toBeGreaterThan(3 * leastPlainBytes)
    const again = decodePprof(bytes)
    expect(again.losses).toEqual([])
    expect(again.samples.values).toEqual(profile.samples.values)
    expect(again.samples.labels).toEqual(profile.samples.labels)
    const stacksOf = ({ samples, stacks, locations: { address } }: Profile): string[] =>
      Array.from(samples.stack, (stack) =>
        Array.from(
          stacks.locations.subarray(stacks.offsets[stack], stacks.offsets[stack + 1]),
          (location) => address[location],
        ).join(),
      )
    expect(stacksOf(again)).toEqual(stacksOf(profile))
    // Damage is found where it is, whoever reads there.
    const damaged = bytes.slice()
    const place = bytes.length - 5000
    damaged.fill(0xff, place, place + 12)
    expect(() => decodePprof(damaged)).toThrow(expect.objectContaining({ code: 'MALFORMED' }))
    expect(readPprof(damaged).samples.length).toBeGreaterThan(8000)
  })

  test('takes unpacked fields, sparse ids, and tables in any order', () => {
    const writer = new ProtobufWriter()
    const message = (field: number, fields: [number, bigint][]): void => {
      const start = writer.begin(field)
      for (const [number, value] of fields) writer.bigint(number, value)
      writer.end(start)
    }
    message(1, [[1, 1n]])
    message(2, [
      [1, 0xfedcba9876543210n],
      [1, 7n],
      [2, -3n],
    ])
    const location = (id: bigint, fn: bigint): void => {
      const start = writer.begin(4)
      writer.bigint(1, id)
      const line = writer.begin(4)
      writer.bigint(1, fn)
      writer.end(line)
      writer.end(start)
    }
    location(7n, 99n)
    location(0xfedcba9876543210n, 5n)
    message(5, [
      [1, 99n],
      [2, 3n],
    ])
    message(5, [
      [1, 5n],
      [2, 2n],
    ])
    for (const text of ['', 'samples', 'leaf', 'root']) writer.text(6, text)
    const { samples } = describeProfile(decodePprof(writer.toBytes())) as { samples: unknown }
    expect(samples).toEqual([
      {
        stack: ['undefined@0 leaf||:0:0:0', 'undefined@0 root||:0:0:0'],
        values: [-3n],
        labels: [],
        offsetMs: undefined,
      },
    ])
  })

  test('reads ids and values of every length the same on the fast way as on the careful one', () => {
    const builder = new ProfileBuilder([
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ])
    // Ids take one byte up to 127, two up to 16383, three above.
    const rows = Array.from({ length: 17_000 }, (_, i) => builder.internFrame(`f${i}`))
    const pods = ['cart-0', 'cart-1'].map((str) => builder.internLabels([{ key: 'pod', str }]))
    for (let i = 0; i < 200; i++) {
      const stack = Array.from({ length: i % 50 }, (_, depth) => rows[(i * 31 + depth * 7919) % rows.length] as number)
      const value = [1n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n][i % 8] as bigint
      const labels = i % 3 === 0 ? {} : { labels: pods[i % 2] as number, offsetMs: i }
      builder.addSample(builder.internStack(stack), [value, -value], labels)
    }
    const bytes = encodePprof(builder.build())
    const fast = decodePprof(bytes)
    expect(fast.samples.values[0]?.slice(0, 8)).toEqual(
      BigInt64Array.of(1n, 127n, 128n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n),
    )
    expect(describeProfile(fast)).toEqual(describeProfile(decodePprof(bytes, { salvage: true })))
    expect(describeProfile(fast)).toEqual(describeProfile(builder.build()))
  })

  test('reads numbers that are longer than they have to be', () => {
    const head = encodePprof(new ProfileBuilder([{ type: 'samples', unit: 'count' }]).build())
    // Location 1, then a sample of it twice: its id in four bytes and in two; the value 5 in three bytes.
    const location = [0x22, 2, 0x08, 1]
    const sample = [0x12, 13, 0x0a, 6, 0x81, 0x80, 0x80, 0, 0x81, 0, 0x12, 3, 0x85, 0x80, 0]
    const { samples, stacks } = decodePprof(Uint8Array.from([...head, ...location, ...sample]))
    expect([...stacks.locations]).toEqual([0, 0])
    expect(samples.values[0]).toEqual(BigInt64Array.of(5n))
  })

  const whole = encodePprof(richProfile())

  test('says where a file is cut', () => {
    for (let length = 1; length < whole.length; length++) {
      // A cut between two fields of the top level leaves a shorter file that is whole in itself.
      try {
        decodePprof(whole.subarray(0, length))
      } catch (error) {
        const { code, details } = error as Failure
        expect(['MALFORMED', 'NOT_A_PROFILE']).toContain(code)
        if (code === 'MALFORMED') expect(details.position).toBeLessThanOrEqual(length)
      }
    }
    expect(thrownBy(() => decodePprof(whole.subarray(0, whole.length - 1))).message).toMatch(
      /damaged at byte \d+: .*cut off/,
    )
  })

  test('salvages the samples before a cut and counts the rest', () => {
    const cut = decodePprof(whole.subarray(0, whole.length - 1), { salvage: true })
    expect(cut.samples.length).toBe(3)
    expect(cut.losses).toEqual([
      { what: 'bytes behind the damage that were not read', count: expect.any(Number), isCut: true },
    ])
  })

  test('refuses a sample with too few values, an unknown location and a name out of range', () => {
    const damaged = (field: number, fields: [number, number][]): Uint8Array => {
      const writer = new ProtobufWriter()
      const start = writer.begin(field)
      for (const [number, value] of fields) writer.number(number, value)
      writer.end(start)
      return Uint8Array.from([...whole, ...writer.toBytes()])
    }
    expect(thrownBy(() => decodePprof(damaged(2, [[2, 1]]))).message).toContain('1 values for 2 sample types')
    expect(thrownBy(() => decodePprof(damaged(2, [[1, 77]]))).message).toContain('location 77 does not exist')
    expect(thrownBy(() => decodePprof(damaged(5, [[1, 9], [2, 500]]))).message).toContain('string 500') // biome-ignore format: one line
    expect(thrownBy(() => decodePprof(damaged(5, [[1, 1]]))).message).toContain('used twice')
  })

  test('knows a pprof by its first bytes', () => {
    expect(matchesPprof(whole)).toBe(true)
    expect(matchesPprof(new TextEncoder().encode('\n\nmain;parse 12\n'))).toBe(false)
    expect(matchesPprof(Uint8Array.of(0x0a))).toBe(false)
  })
})
