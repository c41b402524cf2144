import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { joinThreadDumps, roleOf } from './thread-cpu.ts'
import type { ThreadDump, ThreadOfDump } from './thread-dump.ts'
import { parseHotspotThreads } from './thread-dump-hotspot.ts'

const fixture = (name: string): string =>
  readFileSync(new URL(`../../test/fixtures/thread-dump/${name}`, import.meta.url), 'utf8')
const dumpOf = (name: string): ThreadDump => parseHotspotThreads(new TextEncoder().encode(fixture(name))).dumps[0]!

test('two dumps of a process: the spinning threads first, with what they ran', () => {
  const busy = joinThreadDumps(dumpOf('jdk25-print.txt'), dumpOf('jdk25-print-later.txt'))
  expect(busy).toMatchObject({ source: 'dump', ended: 0, unknown: 0 })
  expect(busy.threads).toHaveLength(48)
  // `elapsed=` of the two dumps: 4.40 s and 6.69 s.
  expect(busy.wallMs).toBeGreaterThan(2200)
  expect(busy.wallMs).toBeLessThan(2400)
  const [first, second] = busy.threads
  expect([first?.name, second?.name].sort()).toEqual(['ForkJoinPool-1-worker-2', 'busy "quoted" #1'])
  const carrier = [first, second].find((thread) => thread?.nid === 8994)
  expect(carrier?.frames[0]?.method).toBe('Dumpee.lambda$main$16')
  expect(carrier?.framesBefore[0]?.method).toBe('Dumpee.lambda$main$16')
  expect(carrier?.cores).toBeGreaterThan(0.5)
  const cpu = /"VM Thread".* cpu=([\d.]+)ms/
  const delta =
    Number(cpu.exec(fixture('jdk25-print-later.txt'))?.[1]) - Number(cpu.exec(fixture('jdk25-print.txt'))?.[1])
  expect(busy.threads.find((thread) => thread.name === 'VM Thread')).toMatchObject({
    role: 'vm',
    cpuMs: Number(delta.toFixed(2)),
  })
  const total = busy.threads.reduce((sum, thread) => sum + thread.cpuMs, 0)
  expect(total).toBeLessThan(2 * busy.wallMs! * 1.05)
})

test('readings of /proc instead', () => {
  const ticks = new Map(
    fixture('jdk25-stat.txt')
      .trim()
      .split('\n')
      .map((line) => {
        const [tid, user, system] = line.split(' ').map(Number) as [number, number, number]
        return [tid, (user + system) * 10]
      }),
  )
  const dump = dumpOf('jdk25-print-later.txt')
  const busy = joinThreadDumps(dump, dump, {
    beforeMs: new Map([...ticks.keys()].map((tid) => [tid, 0])),
    afterMs: ticks,
    wallMs: 10_000,
  })
  expect(busy).toMatchObject({ source: 'proc', unknown: 0 })
  expect(busy.threads[0]).toMatchObject({
    name: 'ForkJoinPool-1-worker-2',
    cpuMs: ticks.get(8994),
    cores: ticks.get(8994)! / 10_000,
  })
  // HotSpot's own figure of the same thread, a second earlier.
  const printed = dump.threads.find((thread) => thread.nid === 8994)?.cpuMs
  expect(ticks.get(8994)).toBeGreaterThanOrEqual(printed! - 10)
})

test('ids that are reused, threads that came and went, threads without figures', () => {
  const thread = (name: string, nid: number, cpuMs?: number): ThreadOfDump => ({
    kind: 'java',
    name,
    nid,
    isDaemon: false,
    ...(cpuMs !== undefined && { cpuMs }),
    frames: [],
    ownedSynchronizers: [],
  })
  const dump = (...threads: ThreadOfDump[]): ThreadDump => ({ vm: '', threads, deadlocks: [] })
  const busy = joinThreadDumps(
    dump(thread('a', 1, 50), thread('gone', 2, 9), thread('reused', 3, 80)),
    dump(thread('a', 1, 60.005), thread('new', 2, 7), thread('reused', 3, 4), thread('silent', 5)),
  )
  expect(busy.threads.map(({ name, cpuMs, isNew }) => [name, cpuMs, isNew])).toEqual([
    ['a', 10.01, false],
    ['new', 7, true],
    ['reused', 4, true],
  ])
  expect(busy).toMatchObject({ ended: 1, unknown: 1 })
  expect(busy).not.toHaveProperty('wallMs')
  expect(joinThreadDumps(dump(), dump())).toMatchObject({ source: 'none', threads: [] })
})

test('roles by name', () => {
  const role = (kind: 'java' | 'vm', name: string) => roleOf({ kind, name })
  expect(
    ['GC Thread#1', 'G1 Conc#0', 'GC task thread#0 (ParallelGC)', 'ZWorkerYoung#0'].map((name) => role('vm', name)),
  ).toEqual(Array(4).fill('collector'))
  expect(role('java', 'C2 CompilerThread0')).toBe('compiler')
  expect(role('java', 'G1 invoices')).toBe('application')
  expect(role('vm', 'VM Periodic Task Thread')).toBe('vm')
  expect(role('java', 'http-nio-8080-exec-1')).toBe('application')
})
