import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseArthasThreads } from './arthas.ts'
import type { ThreadDump } from './thread-dump.ts'
import { parseHotspotThreads } from './thread-dump-hotspot.ts'
import { type ThreadWindow, tableThreads } from './thread-table.ts'
import { profileThreads } from './thread-table-profile.ts'
import { printThreadTable } from './thread-table-text.ts'
import { topFunctions } from './top.ts'

const dumpOf = (name: string): ThreadDump => {
  const url = new URL(`../../test/fixtures/thread-dump/${name}`, import.meta.url)
  return parseHotspotThreads(readFileSync(url)).dumps[0]!
}
const dumps = [dumpOf('jdk25-print.txt'), dumpOf('jdk25-print-later.txt')]
const nidOf = (name: string): number => dumps[1]!.threads.find((thread) => thread.name === name)!.nid!
const carrier = 8994
const window: ThreadWindow = {
  wallMs: 2000,
  processCpuMs: 2100,
  uses: [
    { nid: carrier, comm: 'ForkJoinPool-1-', cpuMs: 1500, isNew: false },
    { nid: nidOf('VM Thread'), comm: 'VM Thread', cpuMs: 20.004, isNew: false },
    { nid: 12_345, comm: 'netty-native', cpuMs: 400, isNew: true },
  ],
}

test('threads with what they used, busiest first; native ones too; the rest by their whole life', () => {
  const table = tableThreads(dumps, [window], { limit: 5 })
  expect(table.threads.map(({ name, role, cpuMs, cores }) => [name, role, cpuMs, cores]).slice(0, 3)).toEqual([
    ['ForkJoinPool-1-worker-2', 'application', 1500, 0.75],
    ['netty-native', 'native', 400, 0.2],
    ['VM Thread', 'vm', 20, 0.01],
  ])
  // It spins as a virtual thread on this carrier, and was there in both snapshots.
  expect(table.threads[0]).toMatchObject({ isNew: false, sameStack: 2 })
  expect(table.threads[0]!.frames[0]!.method).toBe('Dumpee.lambda$main$16')
  expect(table.threads[3]).toMatchObject({ name: 'busy "quoted" #1', cpuMs: 0 })
  expect(table).toMatchObject({ threadCount: 48, omitted: 44, snapshots: 2, wallMs: 2000 })
  expect(table.cpu).toEqual({ processMs: 2100, byRole: { application: 1500, native: 400, vm: 20 }, endedMs: 180 })
  expect(Object.values(table.states).reduce((sum, count) => sum + count, 0)).toBe(48)
})

test('who holds a lock and who waits for it', () => {
  const table = tableThreads([dumpOf('jdk25-print.txt')], [], { limit: 100 })
  const waiter = table.threads.find(({ name }) => name === 'dead-monitor-1')!
  expect(waiter.waitsFor).toMatchObject({ className: 'java.lang.Object', owner: { name: 'dead-monitor-2' } })
  expect(waiter.holds).toMatchObject([{ className: 'java.lang.Object', waiters: 1 }])
  const parked = table.threads.find(({ name }) => name === 'dead-lock-1')!
  expect(parked.waitsFor?.owner?.name).toBe('dead-lock-2')
  expect(parked.holds[0]?.className).toBe('java.util.concurrent.locks.ReentrantLock$NonfairSync')
  // Object.wait() has given its monitor up, whatever the frame below says.
  expect(table.threads.find(({ name }) => name === 'waiter')!.holds).toEqual([])
  const owners = table.locks.map(({ owner }) => owner?.name)
  expect(owners.sort()).toEqual(['class-locker', 'dead-lock-1', 'dead-lock-2', 'dead-monitor-1', 'dead-monitor-2'])
  expect(table.deadlocks).toHaveLength(2)
})

test('the text is what arthas prints, and is read back as that', () => {
  const table = tableThreads(dumps, [window], { limit: 100 })
  const text = printThreadTable(table)
  expect(text).toContain('DEADLOCK: dead-monitor-1 waits for dead-monitor-2 waits for dead-monitor-1\n')
  expect(text).toMatch(/LOCK: 1 wait for java\.lang\.Class:Dumpee@[0-9a-f]+ held by 'class-locker': 'class-blocked'\n/)
  expect(text.split('\n\n')[1]).toMatch(
    /^"ForkJoinPool-1-worker-2" Id=\d+ cpuUsage=75\.00% deltaTime=1500ms time=\d+ms.*\n {4}at Dumpee\.lambda\$main\$16\(Dumpee\.java:\d+\)\n/,
  )
  const { threads, losses } = parseArthasThreads(new TextEncoder().encode(text))
  expect(losses).toEqual([])
  expect(threads).toHaveLength(table.threads.length)
  for (const [i, thread] of threads.entries()) {
    const row = table.threads[i]!
    expect(thread).toMatchObject({ cpuPercent: row.cores * 100, deltaMs: Math.round(row.cpuMs) })
    expect(thread.frames.map(({ method, line }) => [method, line])).toEqual(
      row.frames.map(({ method, line }) => [method, line]),
    )
    expect(thread.ownedBy?.name).toBe(row.waitsFor?.owner?.name)
  }
})

test('as a profile: half of what was used for each of the two stacks, groups for what has none', () => {
  const profile = profileThreads(dumps, [window], 1_800_000_000_000)
  expect(profile.sampleTypes[profile.defaultType]).toEqual({ type: 'cpu', unit: 'nanoseconds' })
  const { functions } = topFunctions(profile)
  const total = (name: string): number | undefined => functions.find((row) => row.function === name)?.total
  expect(total('Dumpee.lambda$main$16')).toBe(1_500_000_000)
  expect(total('[native threads]')).toBe(400_000_000)
  expect(total('[VM Thread]')).toBe(20_004_000)
  expect(profile.samples.length).toBe(48 + 48 + 1)
  expect(profile.durationNanos).toBe(2_000_000_000n)
})

test('one snapshot alone has no CPU figures, and says nothing of them', () => {
  const table = tableThreads([dumps[1]!], [], { limit: 2 })
  expect(table.threads.map(({ name }) => name)).toEqual(['ForkJoinPool-1-worker-2', 'busy "quoted" #1'])
  expect(printThreadTable(table)).toContain('Busiest 2 of 48 threads in 0.00 s, 1 snapshot')
  expect(printThreadTable(table)).not.toContain('cpuUsage')
})
