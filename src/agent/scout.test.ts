import { expect, test } from 'vitest'
import type { Target } from '../model/target.ts'
import { UsageRing } from '../ring/usage-ring.ts'
import type { UsageReading } from '../target/cpu-usage.ts'
import { defaultSpikeRule } from '../trigger/spike.ts'
import { Scout } from './scout.ts'

/** A machine drawn as cores over time: each tick gives one reading of 200 ms per key. */
function world(own: number[] = []) {
  const log: string[] = []
  const nearMs: number[] = []
  let readings: UsageReading[] = []
  const alive = new Set<string>()
  const targets = new Map<string, Target>()
  const limits = new Map<string, { limitCores: number }>()
  const waited = new Map<string, number>()
  const ring = new UsageRing({ stepMs: 200, keepMs: 300_000 })
  let nowMs = 1_000_000
  const scout = new Scout({
    usage: {
      tick: () => readings,
      target: (key) => targets.get(key),
      follows: (key) => alive.has(key),
      limits: (key) => limits.get(key) ?? {},
      waitedSeconds: (key) => waited.get(key),
    },
    ring,
    rule: defaultSpikeRule,
    ownPids: () => own,
    events: {
      near: () => nearMs.push(nowMs),
      start: ({ key, rule, spike }) => log.push(`start ${key} ${rule} ${spike.cause}`),
      end: (key) => log.push(`end ${key}`),
      suppressed: (key, why) => log.push(`suppressed ${key} ${why}`),
    },
  })
  return {
    log,
    nearMs,
    ring,
    limits,
    name: (key: string, target: Partial<Target>) => {
      targets.set(key, { kind: 'process', node: 'n', ...target })
    },
    /** @param waiting for a CPU, in cores, of each of them */
    run: (seconds: number, cores: Record<string, number>, isOld = false, waiting = 0) => {
      for (const key of Object.keys(cores)) alive.add(key)
      for (const key of alive) if (!(key in cores)) alive.delete(key)
      for (let i = 0; i < seconds * 5; i++) {
        readings = Object.entries(cores).map(([key, value]) => ({
          key,
          fromMs: nowMs,
          toMs: nowMs + 200,
          cores: value,
          isOld,
        }))
        nowMs += 200
        for (const key of alive) waited.set(key, (waited.get(key) ?? 0) + waiting * 0.2)
        scout.tick(nowMs)
      }
    },
  }
}

test('an idle process that starts to burn is sighted once, with its past from the ring as baseline', () => {
  const it = world()
  it.name('p:1:1', { pid: 1, exe: '/bin/app' })
  it.run(20, { 'p:1:1': 0.02 })
  it.run(5, { 'p:1:1': 1 })
  it.run(3, { 'p:1:1': 0.02 })
  expect(it.log).toEqual(['start p:1:1 cpu-spike level', 'end p:1:1'])
})

test('the first reading over a threshold is told before it fires, and once', () => {
  const it = world()
  it.name('p:1:1', { pid: 1, exe: '/bin/app' })
  it.run(20, { 'p:1:1': 0.02 })
  expect(it.nearMs).toEqual([])
  it.run(0.4, { 'p:1:1': 1 })
  expect(it.log).toEqual([])
  expect(it.nearMs).toEqual([1_020_200])
  it.run(2, { 'p:1:1': 1 })
  expect(it.log).toEqual(['start p:1:1 cpu-spike level'])
  expect(it.nearMs).toHaveLength(1)
})

test('what burned before the agent came fires only after it was quiet', () => {
  const it = world()
  it.name('p:1:1', { pid: 1, exe: '/bin/app' })
  it.run(20, { 'p:1:1': 1 }, true)
  expect(it.log).toEqual([])
  it.run(10, { 'p:1:1': 0.01 }, true)
  it.run(2, { 'p:1:1': 1 }, true)
  expect(it.log).toEqual(['start p:1:1 cpu-spike level'])
})

test('a program that comes back under a new PID is still in its cooldown', () => {
  const it = world()
  it.name('p:1:1', { pid: 1, exe: '/usr/bin/cc1plus', cmdline: '/usr/bin/cc1plus a.cc' })
  it.name('p:2:2', { pid: 2, exe: '/usr/bin/cc1plus', cmdline: '/usr/bin/cc1plus b.cc' })
  it.run(2, { 'p:1:1': 1 })
  it.run(2, { 'p:2:2': 1 })
  expect(it.log[0]).toBe('start p:1:1 cpu-spike level')
  expect(it.log[1]).toBe('end p:1:1')
  expect(it.log[2]).toMatch(/^suppressed p:2:2 cooldown of cc1plus: 58 s left/)
})

test('the machine fires for many small processes, and not beside a process that explains it', () => {
  const it = world()
  it.name('machine', { kind: 'node' })
  it.name('p:1:1', { pid: 1, exe: '/bin/app' })
  it.run(20, { machine: 0.1 }, true)
  it.run(5, { machine: 1000 }, true)
  expect(it.log).toEqual(['start machine node-saturated level'])
  const other = world()
  other.name('p:1:1', { pid: 1, exe: '/bin/app' })
  other.run(20, { machine: 0.1 }, true)
  other.run(5, { machine: 1000, 'p:1:1': 3 })
  expect(other.log).toEqual(['start p:1:1 cpu-spike level'])
})

test('on a full node the one that wants more than before is sighted, not those that wait for it', () => {
  const it = world()
  it.name('machine', { kind: 'node' })
  it.name('p:1:1', { pid: 1, exe: '/bin/burner' })
  it.name('p:2:2', { pid: 2, exe: '/bin/victim' })
  it.run(20, { 'p:1:1': 0.02, 'p:2:2': 0.4, machine: 0.5 })
  it.run(4, { 'p:1:1': 0.35, 'p:2:2': 0.4, machine: 1000 }, false, 0.6)
  expect(it.log).toEqual(['start p:1:1 cpu-spike contention'])
})

test('of many that begin to want more on a full node two are captured at once, the others are named and follow in their turn', () => {
  const it = world()
  const pids = [1, 2, 3, 4, 5]
  const all = (cores: number): Record<string, number> => Object.fromEntries(pids.map((pid) => [`p:${pid}:1`, cores]))
  for (const pid of pids) it.name(`p:${pid}:1`, { pid, exe: `/bin/burner-${pid}` })
  const started = () => it.log.filter((line) => line.startsWith('start')).map((line) => line.split(' ')[1])
  it.run(20, all(0.02))
  it.run(5, all(0.25), false, 0.7)
  expect(started()).toEqual(['p:1:1', 'p:2:1'])
  const named = it.log.filter((line) => line.startsWith('suppressed'))
  expect(named).toHaveLength(3)
  expect(named[0]).toMatch(
    /^suppressed p:3:1 it is one of more than 2 that began to want more of a full node; its turn comes$/,
  )
  // The others end before their turn: the look-back has them, for a while.
  it.run(8, all(0.02), false, 0.7)
  expect(started()).toEqual(['p:1:1', 'p:2:1', 'p:3:1', 'p:4:1'])
  expect(it.log.slice(-4)).toEqual([
    'start p:3:1 cpu-spike contention',
    'end p:3:1',
    'start p:4:1 cpu-spike contention',
    'end p:4:1',
  ])
  it.run(30, all(0.02), false, 0.7)
  expect(started().at(-1)).toBe('p:5:1')
})

test('of several of one program that wait for their turn one is captured', () => {
  const it = world()
  const keys = [1, 2, 3, 4, 5].map((pid) => `p:${pid}:1`)
  const all = (cores: number): Record<string, number> => Object.fromEntries(keys.map((key) => [key, cores]))
  keys.forEach((key, i) => {
    it.name(key, { pid: i + 1, exe: i < 2 ? `/bin/burner-${i}` : '/bin/cc1plus' })
  })
  it.run(20, all(0.02))
  it.run(30, all(0.25), false, 0.7)
  const started = it.log.filter((line) => line.startsWith('start')).map((line) => line.split(' ')[1])
  expect(started).toEqual(['p:1:1', 'p:2:1', 'p:3:1'])
})

test('who gets so little of a full node that it is hardly seen is sighted all the same', () => {
  const it = world()
  it.name('p:1:1', { pid: 1, exe: '/bin/burner' })
  it.run(20, { 'p:1:1': 0.01 })
  it.run(12, { 'p:1:1': 0.06 }, false, 0.9)
  expect(it.log).toEqual(['start p:1:1 cpu-spike contention'])
})

test('our own processes are charted but never sighted', () => {
  const it = world([1])
  it.run(5, { 'p:1:1': 1 })
  expect(it.log).toEqual([])
  expect(it.ring.size).toBe(1)
})

test('a container is judged against its own limit', () => {
  const it = world()
  it.name('c:1', { kind: 'container', containerId: '1' })
  it.limits.set('c:1', { limitCores: 0.5 })
  it.run(2, { 'c:1': 0.35 })
  expect(it.log).toEqual([])
  it.run(2, { 'c:1': 0.48 })
  expect(it.log).toEqual(['start c:1 cpu-spike level'])
})

test('a limit that is changed while the container runs is the one it is judged by', () => {
  const it = world()
  it.name('c:1', { kind: 'container', containerId: '1' })
  it.limits.set('c:1', { limitCores: 0.5 })
  it.run(40, { 'c:1': 0.3 })
  it.limits.set('c:1', { limitCores: 1 })
  it.run(40, { 'c:1': 0.35 })
  it.run(5, { 'c:1': 0.48 })
  expect(it.log).toEqual([])
  it.limits.set('c:1', { limitCores: 0.5 })
  it.run(40, { 'c:1': 0.35 })
  it.run(2, { 'c:1': 0.48 })
  expect(it.log).toEqual(['start c:1 cpu-spike level'])
})
