import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { ForkLog } from '../profile/perf-data/fork-log.ts'
import { markOwners, type TimedProfile } from './mark-owners.ts'

const second = 1e9

/** A sample of each PID at each second. */
function part(fromNs: number, pids: readonly number[], seconds: number): TimedProfile {
  const lines = Array.from({ length: seconds }, () => pids.map((pid) => `main 1 {pid=${pid} tid=${pid}}`)).flat()
  const profile = drawProfile(lines.join('\n'))
  const offsetMs = Float64Array.from(lines, (_, i) => Math.floor(i / pids.length) * 1000)
  return { fromNs, profile: { ...profile, samples: { ...profile.samples, offsetMs } } }
}

function ownersIn({ samples, labelSets }: TimedProfile['profile'], pid: number): (bigint | undefined)[] {
  return Array.from(samples.labels, (set) => labelSets[set] ?? [])
    .filter((labels) => labels.some(({ key, num }) => key === 'pid' && num === BigInt(pid)))
    .map((labels) => labels.find(({ key }) => key === 'owner')?.num)
}

test('who had a PID before and who has it since are told apart, across the pieces of a capture', () => {
  const forks = new ForkLog()
  forks.add(12.5 * second, 200, 1)
  forks.add(11.5 * second + 3 * second, 200, 7)
  forks.add(10.5 * second, 300, 1)
  const parts = [part(10 * second, [200, 300, 400], 3), part(13 * second, [200, 300, 400], 3)]
  const [ring, deep] = markOwners(parts, forks)
  expect([ownersIn(ring!, 200), ownersIn(deep!, 200)]).toEqual([
    [1n, 1n, 1n],
    [2n, 2n, 3n],
  ])
  // Somebody else had it at 10 s.
  expect([ownersIn(ring!, 300), ownersIn(deep!, 300)]).toEqual([
    [1n, 2n, 2n],
    [2n, 2n, 2n],
  ])
  expect(ownersIn(ring!, 400)).toEqual([undefined, undefined, undefined])
})

test('one fork that two recordings tell of makes no second owner, and what needs no mark stays as it is', () => {
  const forks = new ForkLog()
  forks.add(9 * second, 200, 1)
  forks.add(9 * second + 4000, 200, 1)
  const parts = [part(9 * second + 1000, [200, 300], 3)]
  expect(markOwners(parts, forks)[0]).toBe(parts[0]!.profile)
})
