import { expect, test } from 'vitest'
import { ForkLog } from '../profile/perf-data/fork-log.ts'
import type { SampleBatch } from '../profile/perf-data/sample-batch.ts'
import { ProcessPlaces } from './place-by-process.ts'

const batch = (pids: readonly number[], path: string): SampleBatch => ({
  length: pids.length,
  timeNs: new Float64Array(pids.length),
  thread: Uint32Array.from(pids.keys()),
  cgroup: new Uint32Array(pids.length),
  stack: new Int32Array(pids.length),
  rawStack: new Int32Array(pids.length),
  period: new Float64Array(pids.length),
  event: new Uint8Array(pids.length),
  cpu: new Uint16Array(pids.length),
  threads: pids.map((pid) => ({ pid, tid: pid, comm: 'a', processComm: 'a' })),
  cgroups: [{ id: 0, path }],
  losses: [],
})
const placed = ({ cgroup, cgroups }: SampleBatch): string[] => [...cgroup].map((row) => cgroups[row]?.path ?? '')

test('a sample without a cgroup is placed by its process, one that ended by what was seen of it or by its parent', () => {
  const alive = new Map([
    [10, '/kubepods/pod1/a'],
    [20, '/kubepods/pod1/b'],
  ])
  const places = new ProcessPlaces((pid) => alive.get(pid))
  const forks = new ForkLog()
  expect(placed(places.place(batch([10, 20, 30], '/'), forks, 1))).toEqual([
    '/kubepods/pod1/a',
    '/kubepods/pod1/b',
    '/',
  ])
  alive.clear()
  forks.add(2, 11, 10)
  forks.add(3, 12, 11)
  expect(placed(places.place(batch([10, 12], ''), forks, 4))).toEqual(['/kubepods/pod1/a', '/kubepods/pod1/a'])
})

test('a PID that was given to somebody else is not where the first one was', () => {
  const alive = new Map([[10, '/kubepods/pod1/a']])
  const places = new ProcessPlaces((pid) => alive.get(pid))
  const forks = new ForkLog()
  places.place(batch([10], '/'), forks, 1)
  alive.clear()
  forks.add(5, 10, 1)
  expect(placed(places.place(batch([10], '/'), forks, 6))).toEqual(['/'])
})

test('what perf places stays where it says', () => {
  const places = new ProcessPlaces(() => '/elsewhere')
  const given = batch([10], '/kubepods/pod1/a')
  expect(places.place(given, new ForkLog(), 1)).toBe(given)
})
