import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DrawnStream, kernel, nameByOffset, user } from '../../../test/recordings/drawn-stream.ts'
import { Failure } from '../../model/errors.ts'
import { PerfRecording } from './recording.ts'
import type { SampleBatch } from './sample-batch.ts'
import { toProfile } from './to-profile.ts'

const fixtures = join(import.meta.dirname, '../../../test/fixtures/perf-data')
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, name)))

function record(bytes: Uint8Array, pieceBytes = bytes.length): PerfRecording {
  const recording = new PerfRecording()
  for (let at = 0; at < bytes.length; at += pieceBytes) recording.push(bytes.slice(at, at + pieceBytes))
  recording.end()
  return recording
}

/** `sh 200/200 @3 app+10;app+20`: one line per sample, leaf first. */
function lines(recording: PerfRecording, batch: SampleBatch): string[] {
  return Array.from(batch.timeNs, (time, i) => {
    const { pid, tid, comm } = batch.threads[batch.thread[i]!]!
    const names = Array.from(recording.stackOf(batch.stack[i]!), (row) => recording.frame(row).frames[0]?.name ?? '?')
    return `${comm} ${pid}/${tid} @${time} ${names.join(';')}`
  })
}

function read(stream: DrawnStream): string[] {
  const recording = record(stream.toBytes())
  recording.symbolizeNew(nameByOffset())
  return lines(recording, recording.takeSamples())
}

// Counts are those of `perf script`.
test.each([
  { name: 'file.data', samples: 84, losses: [] },
  { name: 'pipe.data', samples: 85, losses: [] },
  { name: 'compressed.data', samples: 1440, losses: [] },
  { name: 'events.data', samples: 108, losses: [] },
  { name: 'build-ids.data', samples: 23, losses: [] },
  { name: 'build-id-table.data', samples: 52, losses: [] },
])('$name has the samples that perf sees, whole or in pieces of any size', ({ name, samples, losses }) => {
  const bytes = fixture(name)
  const whole = record(bytes)
  const batch = whole.takeSamples()
  expect(batch.length).toBe(samples)
  expect(whole.losses).toEqual(losses)
  expect(batch.threads.at(-1)?.comm).toBe('frames')
  for (const pieceBytes of [1, 7, 4096]) {
    const pieces = record(bytes, pieceBytes).takeSamples()
    expect({ ...pieces, rawStack: pieces.rawStack.length }).toEqual({ ...batch, rawStack: batch.rawStack.length })
  }
})

test('what a file says of itself: host, command, wall clock, cgroups, names of events', () => {
  const recording = record(fixture('file.data'))
  recording.symbolizeNew(undefined)
  const batch = recording.takeSamples()
  const { info } = recording
  expect(info.kernel).toMatch(/^6\.18/)
  expect(info.commandLine?.slice(1, 4)).toEqual(['record', '-g', '-k'])
  expect(batch.cgroups).toEqual([{ id: expect.any(Number), path: '/' }])
  const profile = toProfile(recording, [batch])
  // The wall clock of the first sample: CLOCK_DATA moved by the samples' clock.
  expect(profile.timeNanos).toBe(info.clock!.wallNs - info.clock!.clockNs + BigInt(batch.timeNs[0]!))
  expect(profile.sampleTypes).toEqual([
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  expect(profile.samples.values.map((column) => column[0])).toEqual([1n, 1_001_001n])
  expect(profile.labelSets[profile.samples.labels[83]!]).toEqual([
    { key: 'pid', num: expect.any(BigInt) },
    { key: 'tid', num: expect.any(BigInt) },
    { key: 'comm', str: 'frames' },
    { key: 'cgroup', str: '/' },
  ])
  expect(profile.period).toBe(1_001_001n)
})

test('callers that perf was to find afterwards, in a copy of the stack, are said to be missing', () => {
  const recording = record(fixture('dwarf.data'))
  const batch = recording.takeSamples()
  expect(batch.length).toBe(102)
  expect(toProfile(recording, [batch]).losses).toEqual([
    { what: 'samples without callers in user code (--call-graph dwarf or lbr); perf script knows them', count: 102 },
  ])
})

test('a recording without samples began at no time', () => {
  const recording = record(fixture('file.data'))
  expect(toProfile(recording, []).timeNanos).toBe(0n)
})

test('each event that is no clock has a column of its own', () => {
  const recording = record(fixture('events.data'))
  recording.symbolizeNew(undefined)
  const profile = toProfile(recording, [recording.takeSamples()], { event: 'page-faults' })
  expect(profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual([
    'samples/count',
    'cpu/nanoseconds',
    'page-faults/count',
    'context-switches/count',
  ])
  const counts = profile.samples.values.map((column) => column.filter((value) => value !== 0n).length)
  expect(counts).toEqual([94, 94, 6, 8])
  expect(profile.defaultType).toBe(2)
})

test('build-ids come with the mapping or from the table at the end of the file', () => {
  for (const name of ['build-ids.data', 'build-id-table.data']) {
    const recording = record(fixture(name))
    const seen = new Map<string, string | undefined>()
    recording.symbolizeNew({
      symbolize(mapping, ips) {
        seen.set(mapping.path.replace(/.*\//, ''), mapping.buildId)
        return Array.from(ips, () => [])
      },
    })
    expect(seen.get('frames')).toMatch(/^[0-9a-f]{40}$/)
  }
})

test('a file that perf could not finish is read to its end', () => {
  const recording = record(fixture('unfinished.data'))
  expect(recording.takeSamples().length).toBeGreaterThan(100)
  expect(recording.losses).toContainEqual({ what: 'recording was not finished', count: 1, isCut: true })
})

test('a file that was cut off anywhere gives what is left, and counts what is missing', () => {
  for (const name of readdirSync(fixtures).filter((file) => file.endsWith('.data'))) {
    const bytes = fixture(name)
    let before = 0
    for (let size = 16; size < bytes.length; size += 509) {
      let recording: PerfRecording
      try {
        recording = record(bytes.subarray(0, size))
      } catch (error) {
        expect((error as Failure).code).toBe('MALFORMED')
        expect(size).toBeLessThan(1024) // inside the header
        continue
      }
      const { length } = recording.takeSamples()
      expect(length).toBeGreaterThanOrEqual(before)
      before = length
      const header = new DataView(bytes.buffer)
      const isFinishedFile = header.getUint32(8, true) === 104 && header.getUint32(48, true) > 0
      const end = isFinishedFile ? header.getUint32(40, true) + header.getUint32(48, true) : 0
      if (size < end) expect(recording.losses.length).toBeGreaterThan(0)
    }
    expect(before).toBeGreaterThan(20)
  }
})

test('what is no perf.data for us is refused with a reason', () => {
  const failure = (bytes: Uint8Array): string => {
    try {
      record(bytes)
    } catch (error) {
      return `${(error as Failure).code}: ${(error as Failure).message}`
    }
    return ''
  }
  const big = Uint8Array.of(...new TextEncoder().encode('2ELIFREP'), 0, 0, 0, 0, 0, 0, 0, 104, ...new Uint8Array(200))
  expect(failure(big)).toMatch(/^MALFORMED: .*big-endian/)
  expect(failure(new TextEncoder().encode('PERFFILE'.padEnd(200, ' ')))).toMatch(/^MALFORMED: .*2010/)
  expect(failure(new TextEncoder().encode('something else altogether'))).toMatch(/^NOT_A_PROFILE/)
  expect(failure(new Uint8Array(0))).toMatch(/no bytes/)
  expect(failure(fixture('file.data').subarray(0, 60))).toMatch(/^MALFORMED: .*60 bytes/)
})

test('a decompression bomb is refused', () => {
  const stream = new DrawnStream()
  // A zstd frame of blocks that repeat one byte 128 KB long: valid records of an unknown type, without end.
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38)
  const block = Uint8Array.of(...[0, 1, 2].map((i) => ((((128 << 10) << 3) | 2) >> (8 * i)) & 0xff), 0x40)
  const body = new Uint8Array(frame.length + 4 * 8000)
  body.set(frame)
  for (let i = 0; i < 8000; i++) body.set(block, frame.length + 4 * i)
  stream.record(81, 0, () => stream.raw(body))
  expect(() => record(stream.toBytes())).toThrow(Failure)
  expect(() => record(stream.toBytes())).toThrow(/unpacks to more than/)
})

test('payload behind a record is skipped, also when it comes in pieces', () => {
  const stream = new DrawnStream()
  stream.comm(1, 'one', { at: 0 })
  const auxtrace = (size: number): void => {
    stream.record(71, 0, () => {
      stream.raw(Uint8Array.of(size & 255, size >> 8, 0, 0, 0, 0, 0, 0, ...new Uint8Array(40)))
    })
    stream.raw(new Uint8Array(size).fill(255))
  }
  auxtrace(4096)
  stream.record(66, 0, () => stream.raw(Uint8Array.of(13, 0, 0, 0)))
  stream.raw(new Uint8Array(16).fill(255))
  stream.sample({ pid: 1, at: 5, chain: [user, 0x10] })
  for (const pieceBytes of [1, 1000, 1 << 20]) {
    const recording = record(stream.toBytes(), pieceBytes)
    expect(recording.takeSamples().length).toBe(1)
    expect(recording.losses).toEqual([{ what: 'bytes of hardware trace, which are not read', count: 4096 }])
  }
})

test('threads share the space, forks get a copy of it, execve begins a new one', () => {
  const stream = new DrawnStream()
  stream.comm(100, 'sh', { at: 0 })
  stream.map(100, '/bin/sh', { at: 0, start: 0x1000, length: 0x1000, inode: 1 })
  stream.fork({ pid: 100, tid: 101, from: 100, at: 1 })
  stream.fork({ pid: 200, from: 100, at: 2 })
  stream.map(100, '/lib/late.so', { at: 3, start: 0x8000, length: 0x1000, inode: 2 })
  stream.sample({ pid: 100, tid: 101, at: 4, chain: [user, 0x8010, 0x1020] })
  stream.sample({ pid: 200, at: 5, chain: [user, 0x8010, 0x1020] })
  stream.comm(200, 'ls', { at: 6, exec: true })
  // Inside execve the stack is still the shell's.
  stream.sample({ pid: 200, at: 7, chain: [kernel, -100_000, user, 0x1030] })
  stream.map(200, '/bin/ls', { at: 8, start: 0x5000, length: 0x1000, inode: 3 })
  stream.sample({ pid: 200, at: 9, chain: [user, 0x5040, 0x1020] })
  stream.sample({ pid: 200, at: 10, chain: [user, 0x5050, 0x1020] })
  expect(read(stream)).toEqual([
    'sh 100/101 @4 late.so+10;sh+20',
    'sh 200/200 @5 ?;sh+20',
    'ls 200/200 @7 [kernel.kallsyms]+-186a0;sh+30',
    'ls 200/200 @9 ls+40;?',
    'ls 200/200 @10 ls+50;?',
  ])
})

test('a mapping in the middle of another splits it', () => {
  const stream = new DrawnStream()
  stream.map(1, '/a', { at: 0, start: 0x1000, length: 0x3000, offset: 0x500, inode: 1 })
  stream.sample({ pid: 1, at: 1, chain: [user, 0x2010] })
  stream.map(1, '/b', { at: 2, start: 0x2000, length: 0x1000, inode: 2 })
  stream.sample({ pid: 1, at: 3, chain: [user, 0x1010, 0x2010, 0x3010, 0x4000] })
  expect(read(stream)).toEqual([':1 1/1 @1 a+1510', ':1 1/1 @3 a+510;b+10;a+2510;?'])
})

test('samples after EXIT keep their names; a reused number is a new task', () => {
  const stream = new DrawnStream()
  stream.comm(5, 'old', { at: 1 })
  stream.map(5, '/old', { at: 2, start: 0x1000, length: 0x1000, inode: 1 })
  stream.exit(5, { at: 3 })
  stream.sample({ pid: 5, at: 4, chain: [user, 0x1010] })
  stream.fork({ pid: 5, from: 1, at: 5 })
  stream.comm(5, 'new', { at: 6 })
  stream.sample({ pid: 5, at: 7, chain: [user, 0x1010] })
  expect(read(stream)).toEqual(['old 5/5 @4 old+10', 'new 5/5 @7 ?'])
})

test('words that cannot be addresses end a stack, unless code follows', () => {
  const stream = new DrawnStream()
  const text = 0x2f656c61636f6c2fn // "/locale/"
  stream.map(1, '/a', { at: 0, start: 0x1000, length: 0x1000, inode: 1 })
  stream.sample({ pid: 1, at: 1, chain: [user, 0x1010, 0x9000, text, 0x9008] })
  stream.sample({ pid: 1, at: 2, chain: [user, 0x1010, text, 0x1020] })
  expect(read(stream)).toEqual([':1 1/1 @1 a+10;?', ':1 1/1 @2 a+10;?;a+20'])
})

test('BPF programs bring their names and can be unloaded', () => {
  const stream = new DrawnStream()
  stream.bpf('bpf_prog_6deef7357e7b4530_sd', { at: 1, start: -5000, length: 100 })
  stream.sample({ pid: 1, at: 2, chain: [kernel, -4990] })
  stream.bpf('bpf_prog_6deef7357e7b4530_sd', { at: 3, start: -5000, length: 100, unload: true })
  stream.sample({ pid: 1, at: 4, chain: [kernel, -4990] })
  expect(read(stream)).toEqual([':1 1/1 @2 bpf_prog_6deef7357e7b4530_sd', ':1 1/1 @4 [kernel.kallsyms]+-137e'])
})

test('records of several CPUs are put in order; late ones are not dropped', () => {
  const stream = new DrawnStream()
  const one = { pid: 1, chain: [user, 0x10] }
  for (const at of [10, 12, 15]) stream.sample({ ...one, at })
  for (const at of [11, 13, 14]) stream.sample({ ...one, at })
  stream.round()
  for (const at of [16, 19]) stream.sample({ ...one, at })
  stream.round()
  const recording = new PerfRecording()
  recording.push(stream.takeBytes())
  expect([...recording.takeSamples().timeNs]).toEqual([10, 11, 12, 13, 14, 15])
  recording.drain(17)
  expect([...recording.takeSamples().timeNs]).toEqual([16])
  stream.sample({ ...one, at: 9 })
  stream.lost(3, { at: 21 })
  recording.push(stream.takeBytes())
  recording.end()
  expect(recording.lateRecords).toBe(1)
  const rest = recording.takeSamples(20)
  expect([...rest.timeNs]).toEqual([9, 19])
  expect(rest.losses).toEqual([])
  expect(recording.takeSamples().losses).toEqual([expect.objectContaining({ timeNs: 21, count: 3 })])
})

test('each place is asked for once, also for other processes of the same file', () => {
  const stream = new DrawnStream()
  for (const pid of [1, 2, 3]) {
    stream.map(pid, '/app', { at: 0, start: 0x1000 * pid, length: 0x1000, offset: 0x400, inode: 9 })
    stream.sample({ pid, at: pid, chain: [user, 0x1000 * pid + 0x10, 0x1000 * pid + 0x20] })
  }
  const symbolizer = nameByOffset()
  const recording = record(stream.toBytes())
  recording.symbolizeNew(symbolizer)
  const { stack } = recording.takeSamples()
  expect(symbolizer.asked).toEqual(['app+410', 'app+420'])
  expect(new Set(stack).size).toBe(1)
})

test('run-time code is asked for again after a while, and old stacks keep their names', () => {
  const stream = new DrawnStream()
  stream.map(1, '//anon', { at: 0, start: 0x1000, length: 0x1000 })
  const recording = new PerfRecording()
  let name = 'before'
  const symbolizer = { symbolize: (_: unknown, ips: Float64Array) => Array.from(ips, () => [{ name }]) }
  const take = (): SampleBatch => {
    recording.push(stream.takeBytes())
    recording.drain()
    recording.symbolizeNew(symbolizer)
    return recording.takeSamples()
  }
  const nameOf = ({ stack }: SampleBatch): string | undefined =>
    recording.frame(recording.stackOf(stack[0]!)[0]!).frames[0]?.name
  stream.sample({ pid: 1, at: 1e9, chain: [user, 0x1010] })
  const first = take()
  name = 'after'
  stream.sample({ pid: 1, at: 2e9, chain: [user, 0x1010] })
  expect(nameOf(take())).toBe('before')
  stream.sample({ pid: 1, at: 30e9, chain: [user, 0x1010] })
  const last = take()
  expect([nameOf(first), nameOf(last)]).toEqual(['before', 'after'])
})

test('a storm of forks for hours leaves no trace once it is compacted', () => {
  const stream = new DrawnStream()
  stream.comm(1, 'sh', { at: 0 })
  stream.map(1, '/bin/sh', { at: 0, start: 0x1000, length: 0x1000, inode: 1 })
  const recording = new PerfRecording()
  const symbolizer = nameByOffset()
  const live: SampleBatch[] = []
  let pid = 2
  for (let minute = 1; minute <= 20; minute++) {
    for (let i = 0; i < 500; i++, pid++) {
      const at = minute * 60e9 + i * 1e6
      stream.fork({ pid, from: 1, at })
      stream.comm(pid, 'ls', { at: at + 1, exec: true })
      stream.map(pid, `/bin/ls${minute}`, {
        at: at + 2,
        start: 0x100000 + pid * 0x1000,
        length: 0x1000,
        inode: 100 + minute,
      })
      stream.sample({ pid, at: at + 3, chain: [user, 0x100000 + pid * 0x1000 + (i % 50)] })
      stream.exit(pid, { at: at + 4 })
    }
    recording.push(stream.takeBytes())
    recording.drain()
    recording.symbolizeNew(symbolizer)
    live.push(recording.takeSamples())
    if (live.length > 2) live.shift()
    recording.compact({ stacks: live.flatMap(({ stack }) => [...stack]) })
    const first = live[0]!
    const name = recording.frame(recording.stackOf(first.stack[7]!)[0]!).frames[0]?.name
    expect(name).toBe(`ls${Math.max(1, minute - 1)}+7`)
  }
  const { tasks, rawStacks, stacks, frames, files } = recording.held
  expect({ tasks, rawStacks, stacks, frames }).toEqual({ tasks: 501, rawStacks: 500, stacks: 100, frames: 101 })
  expect(files).toBeLessThan(6)
})
