import { expect, test } from 'vitest'
import { ForkLog } from '../profile/perf-data/fork-log.ts'
import type { SampleBatch } from '../profile/perf-data/sample-batch.ts'
import { ProcessPlaces } from './place-by-process.ts'

const batch = (pids: readonly number[], path: string, timesNs: readonly number[] = pids.map(() => 9)): SampleBatch => ({
  length: pids.length,
  timeNs: Float64Array.from(timesNs),
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

test('samples of both owners of a PID within one batch are placed each by its own process', () => {
  const alive = new Map([
    [7, '/kubepods/pod1/old'],
    [10, '/kubepods/pod1/new'],
  ])
  const seen = new ProcessPlaces((pid) => alive.get(pid))
  const forks = new ForkLog()
  // 10 was a worker of 7, ended, and was given to a worker of 8: /proc tells of the latter alone.
  forks.add(3, 10, 7)
  forks.add(6, 10, 8)
  const [old, now] = [4, 7]
  expect(placed(seen.place(batch([10, 10], '/', [old, now]), forks, 8))).toEqual([
    '/kubepods/pod1/old',
    '/kubepods/pod1/new',
  ])
  // In the order of the threads or not, and when only the former owner was sampled.
  expect(placed(seen.place(batch([10, 10], '/', [now, old]), forks, 8))).toEqual([
    '/kubepods/pod1/new',
    '/kubepods/pod1/old',
  ])
  expect(placed(seen.place(batch([10], '/', [old]), forks, 8))).toEqual(['/kubepods/pod1/old'])
})

test('what perf places stays where it says', () => {
  const places = new ProcessPlaces(() => '/elsewhere')
  const given = batch([10], '/kubepods/pod1/a')
  expect(places.place(given, new ForkLog(), 1)).toBe(given)
})
