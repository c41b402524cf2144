// Slices of a whole machine's profile: the same numbers as the API gives for the same question.
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { machineProfile, spikeDocuments, spikeEndMs, spikeOnsetMs } from '../../test/machine-profile.ts'
import { makeCapture, makeIncident, someMs } from '../../test/nouns.ts'
import { functionColumns } from '../flame/functions.ts'
import { parseCpuProfile } from '../profile/cpuprofile-profile.ts'
import { decodePprof } from '../profile/pprof-decode.ts'
import { rangesOf } from './ranges.ts'
import { listProcesses, profileInfo, type SliceRequest, sliceProfile } from './slice.ts'
import type { Who } from './view-state.ts'

const profile = decodePprof(gunzipSync(machineProfile()))
const { incident, capture } = spikeDocuments(machineProfile())
const during = { fromMs: spikeOnsetMs, toMs: spikeEndMs }
const before = { fromMs: someMs, toMs: spikeOnsetMs }
const request: SliceRequest = { during, before, who: { kind: 'target' }, target: incident.target, ignore: [] }

/** Self seconds by function, now and before. */
function selfSeconds(change: Partial<SliceRequest>): Record<string, [number, number]> {
  const { tree } = sliceProfile(profile, { ...request, ...change })
  const { self, base } = functionColumns(tree)
  const rows = tree.frames.name.map((name, row): [string, [number, number]] => [
    name,
    [self[row]! / 1e9, Number(((base?.self[row] ?? 0) / 1e9).toFixed(6))],
  ])
  return Object.fromEntries(rows.filter(([, [now, then]]) => now > 0 || then > 0))
}

test('the target now, and its baseline scaled to the length of the spike', () => {
  expect(selfSeconds({})).toEqual({ evilRegex: [6, 0], collect: [0.6, 0], handle: [0, 0.6] })
})

test('everything, one process, one thread', () => {
  expect(selfSeconds({ who: { kind: 'all' } })).toEqual({
    evilRegex: [6, 0],
    collect: [0.6, 0],
    readQuery: [1.2, 1.2],
    handle: [0, 0.6],
  })
  expect(selfSeconds({ who: { kind: 'process', pid: 7 } })).toEqual({ readQuery: [1.2, 1.2] })
  expect(selfSeconds({ who: { kind: 'thread', pid: 4242, tid: 4250 } })).toEqual({ collect: [0.6, 0] })
})

test('part of the time', () => {
  const firstSecond = { fromMs: spikeOnsetMs, toMs: spikeOnsetMs + 1000 }
  expect(selfSeconds({ during: firstSecond })).toEqual({ evilRegex: [1, 0], collect: [0.1, 0], handle: [0, 0.1] })
})

test('only stacks through a function, or none through it', () => {
  expect(selfSeconds({ focus: 'serve' })).toEqual({ evilRegex: [6, 0], handle: [0, 0.6] })
  expect(selfSeconds({ ignore: ['serve'] })).toEqual({ collect: [0.6, 0] })
  expect(selfSeconds({ focus: 'main', ignore: ['evilRegex', 'collect'] })).toEqual({ handle: [0, 0.6] })
})

test('samples are counted, not rows, and tell what one is worth', () => {
  const slice = sliceProfile(profile, request)
  expect(slice).toMatchObject({ samples: 66, beforeSamples: 10, duringMs: 6000, beforeMs: 10_000, baseFactor: 0.6 })
  expect(slice.perSample).toBeCloseTo(1e8, 0)
})

test('without a baseline, or times, there is no diff', () => {
  const { before: _, ...alone } = request
  expect(sliceProfile(profile, alone).tree.base).toBeUndefined()
  const { offsetMs: __, ...timeless } = profile.samples
  const slice = sliceProfile({ ...profile, samples: timeless }, request)
  expect(slice.tree.base).toBeUndefined()
  // All there is: nobody knows when it was.
  expect(slice.samples).toBe(80)
})

test('a container is its control group and those below it', () => {
  const target = { kind: 'container', node: 'n', cgroup: '/kubepods/cart' } as const
  expect(selfSeconds({ target })).toEqual(selfSeconds({}))
  expect(selfSeconds({ target: { ...target, cgroup: '/kubepods/ca' } })).toEqual({})
  expect(selfSeconds({ target: { kind: 'node', node: 'n' } })).toEqual(selfSeconds({ who: { kind: 'all' } }))
})

test('processes with their threads, heaviest first, with what they used before', () => {
  const rows = listProcesses(profile, request)
  const seconds = (value: number | undefined): number => Number(((value ?? 0) / 1e9).toFixed(6))
  expect(rows.map((row) => [row.pid, row.name, seconds(row.during), seconds(row.before), row.isTarget])).toEqual([
    [4242, 'cart', 6.6, 0.6, true],
    [7, 'redis', 1.2, 1.2, false],
  ])
  expect(rows[0]!.threads.map((row) => [row.tid, row.name, seconds(row.during)])).toEqual([
    [4242, 'cart', 6],
    [4250, 'gc', 0.6],
  ])
})

test('who had a PID before, and who has it since, are rows of their own, and each can be looked at', () => {
  const reused = drawProfile(
    [
      'main;earlier 1 100 @0 {pid=50 tid=50 comm=old owner=1}',
      'main;later 1 100 @1000 {pid=50 tid=50 comm=new owner=2}',
      'main;deeper 2 200 @2000 {pid=50 tid=51 comm=worker owner=2}',
      'main;stranger 3 300 @0 {pid=10 tid=10 comm=bash family=0}',
      'main;app 1 100 @1000 {pid=10 tid=10 comm=app family=10}',
      'main;child 1 100 @1000 {pid=11 tid=11 comm=sh family=10}',
    ].join('\n'),
    ['samples/count', 'cpu/nanoseconds'],
  )
  const asked = {
    during: { fromMs: someMs, toMs: someMs + 5000 },
    target: { kind: 'process', node: 'n', pid: 10 } as const,
    ignore: [],
  }
  const timed = { ...reused, defaultType: 1, timeNanos: BigInt(someMs) * 1_000_000n }
  const rows = listProcesses(timed, asked).map(({ pid, owner, name, during, isTarget, threads }) => ({
    who: `${name} ${pid} ${owner ? `${owner.owner}/${owner.of} ${owner.isMeant}` : ''}`.trim(),
    during,
    threads: threads.map(({ tid }) => tid),
    isTarget,
  }))
  expect(rows).toEqual([
    { who: 'new 50 2/2 true', during: 300, threads: [51, 50], isTarget: false },
    { who: 'bash 10 1/2 false', during: 300, threads: [10], isTarget: false },
    { who: 'old 50 1/2 false', during: 100, threads: [50], isTarget: false },
    { who: 'app 10 2/2 true', during: 100, threads: [10], isTarget: true },
    { who: 'sh 11', during: 100, threads: [11], isTarget: true },
  ])
  const functions = (who: Who): string[] => {
    const { tree } = sliceProfile(timed, { ...asked, who })
    return tree.frames.name.filter((name, row) => name !== 'main' && tree.frame.includes(row)).sort()
  }
  const { tree, ofChildren } = sliceProfile(timed, { ...asked, who: { kind: 'target' } })
  expect([tree.total[0], ofChildren]).toEqual([200, 100])
  expect(sliceProfile(timed, { ...asked, who: { kind: 'process', pid: 10 } }).ofChildren).toBe(0)
  expect(functions({ kind: 'process', pid: 50, owner: 1 })).toEqual(['earlier'])
  expect(functions({ kind: 'process', pid: 50, owner: 2 })).toEqual(['deeper', 'later'])
  expect(functions({ kind: 'process', pid: 50 })).toEqual(['deeper', 'later'])
  expect(functions({ kind: 'thread', pid: 50, owner: 1, tid: 50 })).toEqual(['earlier'])
  expect(functions({ kind: 'thread', pid: 50, owner: 2, tid: 50 })).toEqual(['later'])
  expect(functions({ kind: 'process', pid: 10, owner: 1 })).toEqual(['stranger'])
  expect(functions({ kind: 'process', pid: 10, owner: 2 })).toEqual(['app'])
  // The target with what it forked, and nobody who had its number before; of an owner that never was, nothing.
  expect(functions({ kind: 'target' })).toEqual(['app', 'child'])
  expect(functions({ kind: 'process', pid: 50, owner: 3 })).toEqual([])
})

test('what the profile says of itself', () => {
  expect(profileInfo(profile)).toMatchObject({
    startMs: someMs,
    endMs: someMs + 20_000,
    unit: 'nanoseconds',
    hasTimes: true,
  })
})

test('during is the spike, before its baseline, both cut to what was recorded', () => {
  expect(rangesOf(incident, capture)).toMatchObject({ during, spike: during, before })
  expect(rangesOf(incident, { ...capture, fromMs: someMs + 4000 }).before).toEqual({ ...before, fromMs: someMs + 4000 })
  expect(rangesOf(incident, { ...capture, fromMs: spikeOnsetMs - 500 }).before).toBeUndefined()
})

test('a chosen range is relative to the onset; one outside of the evidence chooses nothing', () => {
  expect(rangesOf(incident, capture, [-1000, 500]).during).toEqual({
    fromMs: spikeOnsetMs - 1000,
    toMs: spikeOnsetMs + 500,
  })
  expect(rangesOf(incident, capture, [90_000, 91_000]).during).toEqual(during)
})

test('while it lasts, during goes on to the end of the evidence', () => {
  const open = makeIncident({ id: 'inc-1', onsetMs: spikeOnsetMs })
  expect(rangesOf(open, makeCapture({ id: 'cap-1', fromMs: someMs, toMs: someMs + 12_000 })).spike).toEqual({
    fromMs: spikeOnsetMs,
    toMs: someMs + 12_000,
  })
})

test('what V8 says of itself is not cut by times that are not on any clock', () => {
  const v8 = {
    nodes: [
      { id: 1, callFrame: { functionName: '(root)', url: '', lineNumber: -1 }, children: [2] },
      { id: 2, callFrame: { functionName: 'hot', url: 'app.js', lineNumber: 4 } },
    ],
    startTime: 5_000_000,
    endTime: 5_003_000,
    samples: [2, 2, 2],
    timeDeltas: [0, 1000, 1000],
  }
  const own = parseCpuProfile(new TextEncoder().encode(JSON.stringify(v8)))
  const whole = sliceProfile(own, { ...request, before: { fromMs: 0, toMs: 5000 } })
  expect(whole).toMatchObject({ isOfNode: false, samples: 3, duringMs: 3, beforeMs: undefined })
  expect(profileInfo(own).hasTimes).toBe(false)
})
