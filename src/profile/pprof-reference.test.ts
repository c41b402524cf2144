// Exact to the last unit: merge, top, difference and filters against `go tool pprof` on recorded Go servers, on the older
// text forms, and on profiles made to hold everything that real ones rarely have.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askGoPprof, goPprof, hasGo, parseTop, wholeTop } from '../../test/go-pprof.ts'
import { type LineSpec, ProfileBuilder } from './builder.ts'
import { subtractProfile } from './diff.ts'
import { readProfile } from './formats.ts'
import { mergeProfiles } from './merge.ts'
import { decodePprof } from './pprof-decode.ts'
import { encodePprof } from './pprof-encode.ts'
import type { Profile } from './profile.ts'
import { ProtobufWriter } from './protobuf-writer.ts'
import { selectSamples } from './select.ts'
import { topFunctions } from './top.ts'
import { dropUninteresting } from './transform.ts'

const fixtures = join(import.meta.dirname, '../../test/fixtures')
const pprofFiles = readdirSync(join(fixtures, 'pprof')).filter((name) => name.endsWith('.pb.gz'))
const pathOf = (name: string): string => join(fixtures, 'pprof', name)
const load = (name: string): Profile => decodePprof(gunzipSync(readFileSync(pathOf(name))))
const decodeAnswer = (answer: Buffer): Profile => decodePprof(gunzipSync(answer))

/** From everything that makes a sample what it is to its values; as pprof, labels without any value do not count. */
function countSamples(profile: Profile, { named = true }: { named?: boolean } = {}): Map<string, bigint[]> {
  const { samples, stacks, locations, lines, functions, strings, mappings } = profile
  const frame = (location: number): string => {
    const mapping = mappings[locations.mapping[location]!]
    const parts = [`${mapping?.buildId || mapping?.file || ''}+${locations.address[location]!.toString(16)}`]
    const end = named ? locations.lineOffsets[location + 1]! : 0
    for (let row = locations.lineOffsets[location]!; row < end; row++) {
      const fn = lines.function[row]!
      const texts = [functions.name[fn]!, functions.systemName[fn]!, functions.filename[fn]!].map((i) => strings.get(i))
      parts.push(`${texts.join('|')}:${functions.startLine[fn]}:${lines.line[row]}:${lines.column[row]}`)
    }
    return `${parts.join(' ')}${locations.isFolded[location] ? ' folded' : ''}`
  }
  const counts = new Map<string, bigint[]>()
  for (let row = 0; row < samples.length; row++) {
    const stack = stacks.locations.subarray(
      stacks.offsets[samples.stack[row]!],
      stacks.offsets[samples.stack[row]! + 1],
    )
    const labels = profile.labelSets[samples.labels[row]!]!.filter(({ str, num, unit }) => str || num || unit)
      .map(({ key, str, num, unit }) => `${key}=${str ?? `${num}${unit ?? ''}`}`)
      .sort()
    const key = `${labels.join()}\n${Array.from(stack, frame).join('\n')}`
    const sums = counts.get(key) ?? samples.values.map(() => 0n)
    counts.set(
      key,
      samples.values.map((column, i) => sums[i]! + column[row]!),
    )
  }
  return counts
}

const header = ({ sampleTypes, timeNanos, durationNanos, period, periodType, comments }: Profile): unknown => ({
  sampleTypes,
  timeNanos,
  durationNanos,
  period,
  periodType,
  comments,
})

function expectTop(profile: Profile, answer: Buffer): void {
  const theirs = parseTop(answer.toString()).map((row) =>
    row.name === '<unknown>' ? { ...row, name: '[unknown]' } : row,
  )
  const ours = topFunctions(profile).functions.map((row) => ({ self: row.self, total: row.total, name: row.function }))
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  if (profile.stacks.locations.length > 0) expect(theirs.length).toBeGreaterThan(0)
  expect(ours.sort(byName)).toEqual(theirs.sort(byName))
}

/** pprof's name for the unit of the column that is shown. */
const unitOf = (profile: Profile): string => topFunctions(profile).unit

describe('recorded pprof files', () => {
  test.each(pprofFiles)('%s: top', (name) => {
    const profile = load(name)
    expectTop(profile, goPprof(`top-${name}.txt`, [...wholeTop(unitOf(profile)), pathOf(name)]))
  })

  const groups = [
    ['shop-cpu-1.pb.gz', 'shop-cpu-2.pb.gz', 'shop-cpu-3.pb.gz'],
    ['shop-heap.pb.gz', 'shop-heap-later.pb.gz'],
    ['shop-mutex.pb.gz', 'shop-mutex-later.pb.gz', 'shop-mutex.pb.gz'],
    ['go-heap.pb.gz', 'go-heap-delta.pb.gz', 'go-allocs.pb.gz', 'go-allocs-delta.pb.gz'],
    ['go-block.pb.gz', 'go-block-delta.pb.gz'],
    ['go-goroutine.pb.gz', 'go-goroutine-delta.pb.gz'],
    ['go-mutex.pb.gz', 'go-mutex-delta.pb.gz'],
  ]
  test.each(groups)('merge of %s, %s, …', (...names) => {
    const theirs = decodeAnswer(goPprof(`merge-${names[0]}`, ['-proto', ...names.map(pathOf)]))
    const ours = mergeProfiles(names.map(load))
    expect(countSamples(ours)).toEqual(countSamples(theirs))
    expect(header(ours)).toEqual(header(theirs))
    expect(ours.mappings).toEqual(theirs.mappings)
    expect([ours.samples.length, ours.locations.length, ours.functions.length]).toEqual([
      theirs.samples.length,
      theirs.locations.length,
      theirs.functions.length,
    ])
  })

  const [first, second] = ['shop-cpu-1.pb.gz', 'shop-cpu-2.pb.gz'] as const
  const heaps = ['shop-heap-later.pb.gz', 'shop-heap.pb.gz'] as const
  test.each([
    ['base', [second, first], [], {}],
    ['base-heap', heaps, [], {}],
    ['normalize', [second, first], ['-normalize'], { normalize: true }],
    ['normalize-heap', heaps, ['-normalize'], { normalize: true }],
  ] as const)('difference (%s)', (name, [file, base], flags, options) => {
    const ours = subtractProfile(load(file), load(base), options)
    const args = [...flags, `-base=${pathOf(base)}`, pathOf(file)]
    expect(countSamples(ours)).toEqual(countSamples(decodeAnswer(goPprof(`diff-${name}.pb.gz`, ['-proto', ...args]))))
    expectTop(ours, goPprof(`diff-${name}.txt`, [...wholeTop(unitOf(ours)), ...args]))
  })

  test('difference with the base marked', () => {
    const ours = subtractProfile(load(second), load(first), { marksBase: true })
    const answer = goPprof('diff-marked.pb.gz', ['-proto', `-diff_base=${pathOf(first)}`, pathOf(second)])
    expect(countSamples(ours)).toEqual(countSamples(decodeAnswer(answer)))
  })

  test.each([
    ['focus', ['-focus=main\\.'], { focus: /main\./ }],
    ['ignore', ['-ignore=runtime'], { ignore: /runtime/ }],
    ['hide', ['-hide=^(net|runtime)'], { hide: /^(net|runtime)/ }],
    ['show', ['-show=main\\.|json'], { show: /main\.|json/ }],
    [
      'all',
      ['-focus=ServeHTTP', '-ignore=regexp', '-hide=http'],
      { focus: /ServeHTTP/, ignore: /regexp/, hide: /http/ },
    ],
    ['label', ['-tagfocus=handler=cart'], { labels: { handler: 'cart' } }],
  ])('filter (%s)', (name, flags, filter) => {
    const ours = selectSamples(load(first), filter)
    const answer = goPprof(`filter-${name}.txt`, [...wholeTop('nanoseconds'), ...flags, pathOf(first)])
    expectTop(ours, answer)
  })
})

test.runIf(hasGo())('the kept answers are what Go says today', () => {
  const names = ['shop-cpu-1.pb.gz', 'shop-cpu-2.pb.gz', 'shop-cpu-3.pb.gz']
  const merge = ['-proto', ...names.map(pathOf)]
  const kept = decodeAnswer(goPprof('merge-shop-cpu-1.pb.gz', merge))
  expect(countSamples(decodeAnswer(askGoPprof(merge)))).toEqual(countSamples(kept))
  const top = [...wholeTop('bytes'), pathOf('shop-heap.pb.gz')]
  expect(parseTop(askGoPprof(top).toString())).toEqual(parseTop(goPprof('top-shop-heap.pb.gz.txt', top).toString()))
})

describe('older text forms', () => {
  const folder = join(fixtures, 'pprof-legacy')
  test.each(readdirSync(folder))('%s', async (name) => {
    const { format, profile } = await readProfile(readFileSync(join(folder, name)))
    const theirs = decodeAnswer(goPprof(`legacy-${name}.pb.gz`, ['-proto', join(folder, name)]))
    expect(format.name).toBe('pprof-legacy')
    expect(profile.losses).toEqual([])
    // pprof has no names here: it passes over the lines that have them.
    expect(countSamples(profile, { named: false })).toEqual(countSamples(theirs, { named: false }))
    expect({ ...(header(profile) as object), timeNanos: 0n }).toEqual({ ...(header(theirs) as object), timeNanos: 0n })
  })

  test('samples that the program discarded are a loss', async () => {
    const text = readFileSync(join(folder, 'contentionz.txt'), 'utf8').replace(
      'discarded samples = 0',
      'discarded samples = 7',
    )
    const { profile } = await readProfile(Buffer.from(text))
    expect(profile.losses).toEqual([{ what: 'samples that the program discarded', count: 7 }])
  })

  test('keeps the names that Go writes', async () => {
    const { profile } = await readProfile(readFileSync(join(folder, 'go-mutex.txt')))
    expect(new Set(topFunctions(profile).functions.map((row) => row.function))).toEqual(
      new Set(['sync.(*Mutex).Unlock', 'main.locker', '[unknown]']),
    )
  })
})

describe('profiles made for it', () => {
  let scratch = ''
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'spikecam-reference-'))
  })
  afterAll(() => rmSync(scratch, { recursive: true }))
  const save = (name: string, profile: Profile): string => {
    const path = join(scratch, name)
    writeFileSync(path, encodePprof(profile))
    return path
  }

  /** Two loads of one program at different addresses: inlining, labels, unsymbolised code, negative and huge values. */
  function make(start: bigint, seed: number): Profile {
    const builder = new ProfileBuilder([
      { type: 'events', unit: 'count' },
      { type: 'weight', unit: 'count' },
    ])
    const program = builder.internMapping({
      start,
      limit: start + 0x5123n,
      file: '/bin/app',
      buildId: 'b1',
      hasFunctions: true,
    })
    const library = builder.internMapping({ start: start + 0x100000n, limit: start + 0x200000n, file: '/lib/x.so' })
    const kernel = builder.internMapping({
      start: 0xffffffff81000000n,
      limit: 0xffffffffffffffffn,
      file: '[kernel.kallsyms]',
    })
    const fn = (name: string): LineSpec => ({
      function: builder.internFunction({ name, filename: `${name}.c` }),
      line: 7,
    })
    const at = (mapping: number, address: bigint, lines: LineSpec[]): number =>
      builder.internLocation({ mapping, address, lines })
    const places = [
      at(program, start + 0x10n, [fn('inner'), fn('middle'), fn('outer')]),
      at(program, start + 0x20n, [fn('walk')]),
      at(program, start + 0x30n, [fn('main')]),
      at(library, start + 0x100040n, []),
      at(kernel, 0xffffffff81000050n, [fn('sys_read')]),
      at(-1, 0x77n, []),
      at(program, start + 0x20n, [{ ...fn('walk'), line: 8, column: 3 }]),
    ]
    let state = seed
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    for (let i = 0; i < 120; i++) {
      const stack = Array.from({ length: 1 + random(6) }, () => places[random(places.length)]!)
      const labels = [
        ...(random(2) ? [{ key: 'pod', str: `cart-${random(3)}` }] : []),
        ...(random(3) ? [] : [{ key: 'bytes', num: BigInt(1 + random(3)) * 4096n, unit: 'bytes' }]),
        ...(random(4) ? [] : [{ key: 'pod', str: 'twice' }]),
      ]
      const values = [BigInt(random(9)) - 4n, 2n ** 60n + BigInt(random(1000)) * (random(2) ? 1n : -1n)]
      if (random(10) === 0) values.fill(0n)
      builder.addSample(builder.internStack(stack), values, { labels: builder.internLabels(labels) })
    }
    builder.timeNanos = BigInt(seed) * 1_000_000_007n
    builder.durationNanos = 5n
    builder.period = BigInt(seed)
    builder.periodType = { type: 'weight', unit: 'count' }
    builder.comments.push(`run ${seed}`, 'same')
    builder.defaultType = 0
    return builder.build()
  }

  test('merge: address-space randomisation, labels, huge values, zero samples', () => {
    const profiles = [make(0x400000n, 3), make(0x7f0000400000n, 2), make(0x555500000000n, 9)]
    const paths = profiles.map((profile, i) => save(`made-${i}.pb`, profile))
    const theirs = decodeAnswer(goPprof('made-merge.pb.gz', ['-proto', ...paths]))
    const ours = mergeProfiles(profiles)
    expect(countSamples(ours)).toEqual(countSamples(theirs))
    expect(header(ours)).toEqual(header(theirs))
    expect(ours.mappings).toEqual(theirs.mappings)
    expect(ours.samples.length).toBe(theirs.samples.length)
  })

  test('sparse and huge ids, fields one by one, tables behind their users', () => {
    const writer = new ProtobufWriter()
    const message = (field: number, fields: readonly (readonly [number, bigint | (() => void)])[]): void => {
      const start = writer.begin(field)
      for (const [number, value] of fields) typeof value === 'bigint' ? writer.bigint(number, value) : value()
      writer.end(start)
    }
    const ids = [7n, 2n ** 63n + 5n, 2n ** 32n + 7n, 3n]
    message(1, [[1, 1n], [2, 2n]]) // biome-ignore format: one line
    for (const [i, value] of [-3n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)].entries()) {
      message(2, [...ids.slice(i).map((id) => [1, id] as const), [2, value]])
    }
    for (const id of ids) {
      message(4, [
        [1, id],
        [3, id * 16n],
        [4, () => message(4, [[1, id + 1n], [2, 5n], [3, 9n]])], // biome-ignore format: one line
      ])
    }
    for (const id of ids) message(5, [[1, id + 1n], [2, 3n + (id % 3n)], [5, id % 100n]]) // biome-ignore format: one line
    for (const text of ['', 'samples', 'count', 'a', 'b', 'c']) writer.text(6, text)
    const path = join(scratch, 'sparse.pb')
    writeFileSync(path, writer.toBytes())
    const theirs = decodeAnswer(goPprof('made-sparse.pb.gz', ['-proto', path]))
    const ours = decodePprof(writer.toBytes())
    expect(countSamples(ours)).toEqual(countSamples(theirs))
    expect(ours.samples.values[0]).toEqual(BigInt64Array.of(-3n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)))
  })

  test('top: recursion, inlining, unsymbolised code, negative values', () => {
    const profile = make(0x400000n, 5)
    expectTop(profile, goPprof('made-top.txt', [...wholeTop('count'), save('top.pb', profile)]))
  })

  test('a difference of a profile with itself is empty', () => {
    const profile = make(0x400000n, 4)
    expect(subtractProfile(profile, profile).samples.length).toBe(0)
  })

  test('frames that the profile itself calls uninteresting', () => {
    const base = make(0x400000n, 6)
    for (const [name, dropFrames, keepFrames] of [
      ['drop', 'walk|sys_.*', ''],
      ['keep', 'm.*|walk', 'main'],
    ] as const) {
      const profile = { ...base, dropFrames, keepFrames }
      const answer = goPprof(`made-${name}.txt`, [...wholeTop('count'), save(`${name}.pb`, profile)])
      expectTop(dropUninteresting(profile), answer)
    }
  })
})
