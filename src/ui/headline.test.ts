// The sentence at the top of an incident, from the numbers below it.
import { expect, test } from 'vitest'
import { drawnTree } from '../../test/drawn-tree.ts'
import { Incident } from '../model/incident.ts'
import { headlineOf } from './headline.ts'
import type { Slice } from './slice.ts'

const incident = Incident.parse({
  version: 1,
  id: 'inc-1',
  node: 'vm1',
  target: {
    kind: 'process',
    node: 'vm1',
    pid: 4242,
    comm: 'node',
    cmdline: '/usr/bin/node --perf-basic-prof /app/app.js',
  },
  trigger: {
    kind: 'spike',
    rule: 'cpu',
    reason: '',
    spike: { cause: 'jump', cores: 1.1, baselineCores: 0.025, thresholdCores: 0.8, heldMs: 1000 },
  },
  state: 'complete',
  onsetMs: 1_000_000,
  noticedMs: 1_000_400,
  endedMs: 1_006_100,
})
const second = 1e9
const slice = (lines: string[]): Slice => ({
  tree: drawnTree(...lines),
  duringMs: 6100,
  beforeMs: 15_000,
  samples: 600,
  beforeSamples: 12,
  perSample: second / 99,
  baseFactor: 6.1 / 15,
  ofChildren: 0,
  isOfNode: true,
})

test('with a profile: who, how much, which function, through what, compared with before', () => {
  const headline = headlineOf(
    incident,
    slice([
      `main;onRequest;checkCoupon;isWellFormed;regex@app.js:js ${5.6 * second} 0`,
      `main;gc ${0.5 * second} ${0.1525 * second}`,
    ]),
  )
  expect(headline).toEqual({
    who: 'node app.js (pid 4242)',
    did: 'burned 1.00 core for 6.1 s',
    function: { name: 'regex', module: 'app.js', share: '91.8 %' },
    nameless: undefined,
    mostly: undefined,
    through: ['onRequest', 'checkCoupon', 'isWellFormed'],
    compared: '40× its normal 0.03 cores',
  })
})

test('an incident of an alert is compared with the time before its rise too; what somebody asked for is not', () => {
  const profile = slice([`main;encode ${5.6 * second} 0`, `main;gc ${0.5 * second} ${0.1525 * second}`])
  const of = (kind: 'alert' | 'manual') =>
    headlineOf({ ...incident, trigger: { kind, rule: 'cpu', reason: 'CpuHigh' } }, profile)
  expect(of('alert')).toMatchObject({ did: 'used 1.00 core over 6.1 s', compared: '40× its normal 0.03 cores' })
  expect(of('manual').compared).toBeUndefined()
})

test('the busiest threads are named with their shares', () => {
  const thread = (tid: number, name: string, share: number) => ({ pid: 4242, tid, name, share })
  const one = { ...incident, threads: [thread(4243, 'worker-1', 0.98)] }
  expect(headlineOf(one, undefined).threads).toBe('in thread worker-1 98 %')
  const two = { ...incident, threads: [thread(4243, 'worker-1', 0.51), thread(4244, 'worker-2', 0.49)] }
  expect(headlineOf(two, undefined).threads).toBe('in threads worker-1 51 %, worker-2 49 %')
})

test('in a flat profile the last function that still holds a third says where the time went', () => {
  const leaves = Array.from({ length: 5 }, (_, i) => `main;serve;handle;leaf${i} ${0.1 * second} 0`)
  const flat = headlineOf(
    incident,
    slice([...leaves, `main;gc;scan ${0.15 * second} 0`, `main;idle ${0.15 * second} 0`]),
  )
  expect(flat).toMatchObject({ function: { share: '18.8 %' }, mostly: '62.5 % below handle', through: [] })
})

test('a spike of which there are no samples is told as the watcher saw it', () => {
  expect(headlineOf(incident, { ...slice(['main 0 0']), samples: 0 }).did).toBe('burned 1.10 cores for 6.1 s')
})

test('what its children burned is told apart from what it burned itself, which is all that the chart shows', () => {
  const family = slice([`main;compile ${6.1 * second} 0`, `main;spawn ${1.22 * second} 0`])
  const did = (ofChildren: number) => headlineOf(incident, { ...family, ofChildren }).did
  expect(did(6.1 * second)).toBe('burned 1.20 cores with its children (0.20 alone) for 6.1 s')
  expect(did(7.32 * second)).toBe('burned 1.20 cores with its children (0 alone) for 6.1 s')
  // One `date` that it called is not worth a word.
  expect(did(0.06 * second)).toBe('burned 1.20 cores for 6.1 s')
})

test('what waited for its neighbours says how much more it wanted', () => {
  const spike = { ...incident.trigger.spike!, cause: 'contention' as const, cores: 0.2, waitingCores: 0.9 }
  const heldBack = { ...incident, trigger: { ...incident.trigger, spike } }
  expect(headlineOf(heldBack, undefined).did).toBe('burned 0.20 cores for 6.1 s, waiting for 0.90 cores more')
})

test('a function without a name says what would give it one', () => {
  expect(headlineOf(incident, slice([`main;[jit] ${second} 0`])).nameless).toMatch(/perf map/)
  expect(headlineOf(incident, slice([`main;[cc1plus]@/usr/lib/cc1plus ${second} 0`])).nameless).toMatch(/no symbols/)
})

test('goroutines are told by where most of them began: where they wait is the same function for all', () => {
  const asked = { ...incident, asked: 'goroutines', trigger: { kind: 'manual', rule: 'anna', reason: '' } } as const
  const goroutines = { ...slice(['main.serve;runtime.gopark 6 0', 'main.main;runtime.gopark 1 0']), isOfNode: false }
  expect(headlineOf(asked, goroutines).function).toMatchObject({ name: 'main.serve', share: '85.7 %' })
  const top = [{ function: 'runtime.gopark', selfShare: 1, totalShare: 1 }]
  expect(headlineOf({ ...asked, top }, undefined).function).toBeUndefined()
})

test('before there is a profile: what the watcher saw, and the functions the incident brings', () => {
  const early = headlineOf({ ...incident, top: [{ function: 'regex', selfShare: 0.92, totalShare: 0.92 }] }, undefined)
  expect(early).toMatchObject({
    did: 'burned 1.10 cores for 6.1 s',
    function: { name: 'regex', share: '92 %' },
    through: [],
    compared: '44× its normal 0.03 cores',
  })
})

test('while it lasts, and after nothing', () => {
  const { endedMs: _, ...open } = incident
  expect(headlineOf(open, undefined).did).toBe('is burning 1.10 cores')
  const idle = slice([`main ${6.1 * second} 0`])
  expect(headlineOf(incident, idle).compared).toBe('was idle before')
})

test('a capture that a person asked for burned nothing and is compared with nothing', () => {
  const manual = headlineOf(
    { ...incident, trigger: { kind: 'manual', rule: 'anna', reason: '' } },
    slice([`main ${second} 0`]),
  )
  expect(manual).toMatchObject({ did: 'used 0.16 cores over 6.1 s', compared: undefined })
})
