// perf script text against a plain line-by-line reading of the same files, and what real ones do not happen to have.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ProfileBuilder } from './builder.ts'
import { framesOf } from './frames.ts'
import { matchesPerfScript, parsePerfScript } from './perf-script.ts'
import { parseFrame } from './perf-script-frames.ts'
import { printPerfScript } from './perf-script-print.ts'
import type { Profile } from './profile.ts'
import { labelText } from './roots.ts'

const folder = join(import.meta.dirname, '../../test/fixtures/perf-script')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (array: Uint8Array): string => new TextDecoder().decode(array)

/** `comm|pid|tid|seconds|column=value,…|leaf@module@address;…` per sample. */
function listSamples(profile: Profile): string[] {
  const { samples, stacks, locations, labelSets, sampleTypes } = profile
  const frames = framesOf(profile, 'raw')
  return Array.from({ length: samples.length }, (_, row) => {
    const labels = labelSets[samples.labels[row]!]!
    const names: string[] = []
    for (let at = stacks.offsets[samples.stack[row]!]!; at < stacks.offsets[samples.stack[row]! + 1]!; at++) {
      const location = stacks.locations[at]!
      for (let i = frames.offsets[location]!; i < frames.offsets[location + 1]!; i++) {
        const key = frames.rows[i]!
        names.push(`${frames.keys.name[key]}@${frames.keys.module[key]}@${locations.address[location]!.toString(16)}`)
      }
    }
    const values = sampleTypes.map(({ type }, column) => `${type}=${samples.values[column]![row]}`)
    const who = ['comm', 'pid', 'tid'].map((key) => labelText(labels, key))
    return [...who, samples.offsetMs![row]!.toFixed(3), values.join(), names.join(';')].join('|')
  })
}

/** The same, made with regular expressions per line: slow, short, and written independently. */
function readPlainly(file: string): { events: number; comms: Set<string>; frames: number; periods: number } {
  const result = { events: 0, comms: new Set<string>(), frames: 0, periods: 0 }
  for (const line of file.split('\n')) {
    if (line.startsWith('#')) continue
    const event = /^\s*(.+?)\s+(?:\d+\/)?\d+\s+(?:\[\d+\]\s+)?\d+\.\d+:\s+(\d+)? *\S+:(?:\s|$)/.exec(line)
    if (event && !line.startsWith('\t')) {
      result.events++
      result.comms.add(event[1]!)
      result.periods += Number(event[2] ?? 1)
    }
    if (/^\t +[0-9a-f]+ |^\t[0-9a-f]{16} |: +[0-9a-f]{4,16} \S+ \(/.test(line)) result.frames++
  }
  return result
}

const files = readdirSync(folder)
test.each(files)('%s: every sample, thread, frame and period', (name) => {
  const file = readFileSync(join(folder, name))
  expect(matchesPerfScript(file.subarray(0, 65_536))).toBe(true)
  const profile = parsePerfScript(file)
  const plain = readPlainly(file.toString())
  expect(profile.losses).toEqual([])
  expect(profile.samples.length).toBe(plain.events)
  expect(new Set(profile.labelSets.slice(1).map((labels) => labelText(labels, 'comm')))).toEqual(plain.comms)
  const frames = listSamples(profile).reduce(
    (sum, sample) => sum + sample.split('|').at(-1)!.split(';').filter(Boolean).length,
    0,
  )
  expect(frames).toBe(plain.frames)
  const sums = profile.samples.values.map((column) => column.reduce((sum, value) => sum + Number(value), 0))
  if (sums.length > 1) expect(sums.slice(1).reduce((a, b) => a + b, 0)).toBe(plain.periods)
})

test.each(files)('%s: written and read again', (name) => {
  const profile = parsePerfScript(readFileSync(join(folder, name)))
  const again = parsePerfScript(printPerfScript(profile))
  expect(again.losses).toEqual([])
  // Without pid in the text, the tid stands for it when it is written.
  const withoutPid = (samples: string[]): string[] =>
    samples.map((sample) => sample.replace(/\|(\d*)\|(\d+)\|/, '|$2|'))
  expect(withoutPid(listSamples(again))).toEqual(withoutPid(listSamples(profile)))
})

test('several events have a column each; the wanted one is shown first', () => {
  const file = readFileSync(join(folder, 'two-events.txt'))
  const profile = parsePerfScript(file)
  expect(profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual([
    'samples/count',
    'page-faults/count',
    'cpu/nanoseconds',
  ])
  expect(profile.defaultType).toBe(2)
  expect(parsePerfScript(file, { event: 'page-faults' }).defaultType).toBe(1)
  expect(text(file)).toContain('two words 7/[1]')
  expect(listSamples(profile).some((sample) => sample.startsWith('two words 7/[1]|'))).toBe(true)
})

test('the header says where it was recorded', () => {
  const { comments } = parsePerfScript(readFileSync(join(folder, 'header-and-deleted.txt')))
  expect(comments).toContainEqual(expect.stringMatching(/^cmdline: .*perf record/))
  expect(comments.at(-1)).toBe('event: page-faults, cpu-clock')
})

describe('frames', () => {
  const frame = (line: string): unknown => {
    const { address, name, file, isInlined } = parseFrame(line)!
    return [address.toString(16), name, file, ...(isInlined ? ['inlined'] : [])]
  }
  test.each([
    ['\t            1234 leaf+0x24 (/tmp/a prog (deleted))', ['1234', 'leaf', '/tmp/a prog (deleted)']],
    ['\tffffffff8175336a elf_load+0x28a ([kernel.kallsyms])', ['ffffffff8175336a', 'elf_load', '[kernel.kallsyms]']],
    ['\t    7fa3238f2ad7 [unknown] ([unknown])', ['7fa3238f2ad7', '', '']],
    [
      '\t1 void f<int>(int, char (*)(int))+0x4 (/opt/x (1)/lib)',
      ['1', 'void f<int>(int, char (*)(int))', '/opt/x (1)/lib'],
    ],
    ['\t1 LazyCompile:~f /a;b.js:1+0x1 (/tmp/perf-1.map)', ['1', 'LazyCompile:~f /a;b.js:1', '/tmp/perf-1.map']],
    ['\t1 mixin (inlined)', ['1', 'mixin', '', 'inlined']],
    ['\t1 main.(*T).Run', ['1', 'main.(*T).Run', '']],
    ['\tdeadbeef', ['deadbeef', '', '']],
  ])('%s', (line, expected) => {
    expect(frame(line)).toEqual(expected)
  })

  test('inlined ones belong to the next; arrows of perf-map-agent are inlining too; other lines are passed over', () => {
    const profile = parsePerfScript(
      bytes(
        'java 1/2 1.5: 7 cycles: \n\t1 inner (inlined)\n  a.c:3\n\t1 middle (inlined)\n\t1 outer+0x1 (/bin/app)\n' +
          '\t2 La;::f->Lb;::g+0x9 (/tmp/perf-1.map)\n\n',
      ),
    )
    expect(listSamples(profile)).toEqual([
      'java|1|2|0.000|samples=1,cycles=7|inner@app@1;middle@app@1;outer@app@1;Lb;::g@[jit]@2;La;::f@[jit]@2',
    ])
    expect(profile.locations.length).toBe(2)
  })
})

test('nanoseconds, wall-clock times, events with colons, no periods', () => {
  const profile = parsePerfScript(
    bytes(
      'a b  7 1700000000.000000001: sched:sched_switch: x=1\n\n' +
        'c 8 [000] 1700000000.250000001: cpu/event=0x3c,umask=0x0/u:\n\t1 f (/b)\n\n',
    ),
  )
  expect(profile.timeNanos).toBe(1_700_000_000_000_000_001n)
  expect(profile.durationNanos).toBe(250_000_000n)
  expect(profile.sampleTypes.map(({ type }) => type)).toEqual([
    'samples',
    'sched:sched_switch',
    'cpu/event=0x3c,umask=0x0/u',
  ])
  expect(listSamples(profile)[0]).toBe('a b||7|0.000|samples=1,sched:sched_switch=1,cpu/event=0x3c,umask=0x0/u=0|')
})

test('64-bit values come through, and back', () => {
  const builder = new ProfileBuilder([{ type: 'alloc_space', unit: 'bytes' }])
  const values = [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), -5n, 7n]
  for (const value of values) builder.addSample(builder.internStack([builder.internFrame('f')]), [value])
  const again = parsePerfScript(printPerfScript(builder.build()))
  expect([...again.samples.values.at(-1)!]).toEqual(values)
  expect(again.losses).toEqual([])
  // perf counts to 2^64, a column to half of that.
  const lowered = parsePerfScript(bytes('a 1 1.0: 18446744073709551615 cycles:\n\t1 f (/b)\n'))
  expect([...lowered.samples.values[1]!]).toEqual([2n ** 63n - 1n])
  expect(lowered.losses).toEqual([{ what: 'periods above 2^63, lowered to that', count: 1 }])
})

test('lines that end as on Windows, none at the end, no name of the thread', () => {
  const lines =
    '# hostname : x\nnode 7/8 1.5: 9 cycles:\n\t1 f+0x1 (/b)\n\n           7/9 2.5: 9 cycles:\n\t1 f+0x1 (/b)\n\n'
  const profile = parsePerfScript(bytes(lines))
  expect(listSamples(profile)).toEqual([
    'node|7|8|0.000|samples=1,cycles=9|f@b@1',
    '|7|9|1000.000|samples=1,cycles=9|f@b@1',
  ])
  const windows = bytes(lines.trimEnd().replaceAll('\n', '\r\n'))
  expect(matchesPerfScript(windows)).toBe(true)
  expect(listSamples(parsePerfScript(windows))).toEqual(listSamples(profile))
  expect(parsePerfScript(windows).losses).toEqual([])
})

test('what perf script shows beside samples is none; lost samples are counted', () => {
  const profile = parsePerfScript(
    bytes(
      'swapper     0     0.000000: PERF_RECORD_MMAP -1/0: [0xffffffff81000000(0x1209988) @ 0xffffffff81000000]: x [kernel.kallsyms]_text\n' +
        'sh 10925 45517.372589: PERF_RECORD_COMM exec: sh:10925/10925\n' +
        'sh 10925 45517.542839:   10101010 cpu-clock:ppp: \n\t            6143 [unknown] (/usr/bin/dash)\n\n' +
        'sh 10925 45518.831450: PERF_RECORD_LOST lost 12\n' +
        'sh 10925 45518.831450: PERF_RECORD_EXIT(10925:10925):(10924:10924)\n',
    ),
  )
  expect(listSamples(profile)).toEqual(['sh||10925|0.000|samples=1,cpu=10101010|[dash]@dash@6143'])
  expect(profile.losses).toEqual([{ what: 'samples lost by the kernel', count: 12 }])
})

test('strange lines are counted; text without samples is refused', () => {
  expect(parsePerfScript(bytes('hello\na 1 1.0: x:\n\t1 f (/b)\n\nworld\n')).losses).toEqual([
    { what: 'lines that are not perf script', count: 2 },
  ])
  expect(() => parsePerfScript(bytes('hello\n'))).toThrow(expect.objectContaining({ code: 'NOT_A_PROFILE' }))
})

test('is not taken for logs with times in them', () => {
  expect(matchesPerfScript(bytes('2024-01-01 12:00:01.123: connection from 7\n'))).toBe(false)
  expect(matchesPerfScript(bytes('main;f 12\n'))).toBe(false)
  expect(matchesPerfScript(bytes('# ========\n# hostname : x\n#\nsh 7 12.345678: cycles:\n\t1 f (/b)\n'))).toBe(true)
})
