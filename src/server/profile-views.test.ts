// Whose samples a view shows, for every way in which a target may be named.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { someMs } from '../../test/nouns.ts'
import type { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import type { Whose } from '../profile/whose.ts'
import { threadsView, topView, type ViewRequest } from './profile-views.ts'

const id = 'a'.repeat(64)
const other = 'b'.repeat(64)
/** One pod of two containers, a child of pid 10, and a program outside. */
const profile = drawProfile(
  [
    `main;app 1 {pid=10 tid=10 cgroup=/kubepods/pod1/${id} family=10}`,
    `main;child 1 {pid=11 tid=11 cgroup=/kubepods/pod1/${id} family=10}`,
    `main;nested 1 {pid=12 tid=12 cgroup=/kubepods/pod1/${id}/inner}`,
    `main;sidecar 1 {pid=20 tid=20 cgroup=/kubepods/pod1/${other}}`,
    `main;scope 1 {pid=25 tid=25 cgroup=/kubepods.slice/cri-containerd-${'c'.repeat(64)}.scope}`,
    'main;sshd 1 {pid=30 tid=30 cgroup=/system.slice/ssh}',
  ].join('\n'),
  ['samples/count'],
)
const request = (who: Whose): ViewRequest => ({
  captureId: 'cap-1',
  artifactId: 'art-1',
  who,
  range: { fromMs: 0, toMs: 1 },
})
const functionsOf = (target: Omit<Target, 'node'>): string[] => {
  const who = { kind: 'target' as const, target: { node: 'vm1', ...target } }
  return topView(profile, request(who), 100)
    .rows.filter((row) => row.self > 0)
    .map((row) => row.function)
    .sort()
}

test('a container is its id, with what it made below; a pod is its folder', () => {
  expect(functionsOf({ kind: 'container', containerId: id })).toEqual(['app', 'child', 'nested'])
  expect(functionsOf({ kind: 'container', containerId: id, cgroup: '/of/another/hierarchy' })).toHaveLength(3)
  expect(functionsOf({ kind: 'container', containerId: 'c'.repeat(64) })).toEqual(['scope'])
  expect(functionsOf({ kind: 'container', cgroup: '/kubepods/pod1' })).toEqual(['app', 'child', 'nested', 'sidecar'])
})

test('a process has its children with it where they were marked', () => {
  expect(functionsOf({ kind: 'process', pid: 10 })).toEqual(['app', 'child'])
  expect(functionsOf({ kind: 'process', pid: 11 })).toEqual(['child'])
  expect(functionsOf({ kind: 'node' })).toHaveLength(6)
})

test('somebody else who had the PID of the target before is not it, also where the target itself was never sampled', () => {
  const recycled = drawProfile(
    [
      'main;earlier 3 {pid=10 tid=10 comm=old family=0}',
      'main;app 1 {pid=10 tid=10 comm=new family=10}',
      'main;stranger 2 {pid=40 tid=40 family=0}',
    ].join('\n'),
    ['samples/count'],
  )
  const target = { kind: 'process', node: 'vm1', pid: 10 } as const
  const top = (who: Whose): string[] => topView(recycled, request(who), 9).rows.map((row) => row.function)
  expect(top({ kind: 'target', target })).toEqual(['app', 'main'])
  expect(top({ kind: 'process', pid: 10 })).toEqual(['app', 'main'])
  expect(top({ kind: 'thread', pid: 10, tid: 10 })).toEqual(['app', 'main'])
  expect(() => top({ kind: 'target', target: { ...target, pid: 40 } })).toThrow('no sample of the target')
  expect(() => top({ kind: 'process', pid: 40 })).toThrow('owners of PID 40: 1 (2 samples)')
  expect(top({ kind: 'process', pid: 40, owner: 1 })).toEqual(['stranger', 'main'])
  expect(top({ kind: 'process', pid: 10, owner: 1 })).toEqual(['earlier', 'main'])
  expect(top({ kind: 'process', pid: 10, owner: 2 })).toEqual(['app', 'main'])
  const { rows } = threadsView(recycled, request({ kind: 'all' }), target)
  // Three samples of the one before are one row of the profile.
  expect(rows.map(({ comm, samples, isTarget }) => ({ comm, samples, isTarget }))).toEqual(
    expect.arrayContaining([
      { comm: 'new', samples: 1, isTarget: true },
      { comm: 'old', samples: 3, isTarget: false },
    ]),
  )
  expect(rows.filter(({ pid }) => pid === 10)).toHaveLength(2)
})

test('of a PID that was given again each owner can be chosen; alone it means the one that was sampled most', () => {
  const drawn = drawProfile(
    [
      'main;earlier 1 @500 {pid=50 tid=50 comm=old owner=1}',
      'main;later 1 @2000 {pid=50 tid=50 comm=new owner=2}',
      'main;later;deeper 2 @4000 {pid=50 tid=51 comm=worker owner=2}',
      'main;app 1 @0 {pid=10 tid=10 family=10}',
    ].join('\n'),
    ['samples/count'],
  )
  const recycled = { ...drawn, timeNanos: BigInt(someMs) * 1_000_000n }
  const target = { kind: 'process', node: 'vm1', pid: 10 } as const
  const ofMoment = (who: Whose, toMs = 9000): ViewRequest => ({
    ...request(who),
    range: { fromMs: someMs, toMs: someMs + toMs },
  })
  const functions = (who: Whose, toMs?: number): string[] =>
    topView(recycled, ofMoment(who, toMs), 9)
      .rows.map((row) => row.function)
      .sort()
  expect(functions({ kind: 'process', pid: 50 })).toEqual(['deeper', 'later', 'main'])
  expect(functions({ kind: 'process', pid: 50, owner: 1 })).toEqual(['earlier', 'main'])
  expect(functions({ kind: 'process', pid: 50, owner: 2 })).toEqual(['deeper', 'later', 'main'])
  expect(functions({ kind: 'thread', pid: 50, tid: 50 })).toEqual(['later', 'main'])
  expect(functions({ kind: 'thread', pid: 50, owner: 1, tid: 50 })).toEqual(['earlier', 'main'])
  const { rows } = threadsView(recycled, ofMoment({ kind: 'all' }), target)
  expect(rows.map(({ pid, owner, tid, comm }) => [pid, owner, tid, comm])).toEqual([
    [50, 2, 51, 'worker'],
    [10, undefined, 10, ''],
    [50, 1, 50, 'old'],
    [50, 2, 50, 'new'],
  ])

  const owners =
    'owners of PID 50: 1 (old, 1 sample, 03:04:05Z to 03:04:05Z), 2 (new, 3 samples, 03:04:07Z to 03:04:09Z)'
  const failureOf = (who: Whose, toMs?: number): unknown => {
    try {
      return functions(who, toMs)
    } catch (error) {
      return `${(error as Failure).code}: ${(error as Failure).message}`
    }
  }
  expect(failureOf({ kind: 'process', pid: 50, owner: 3 })).toBe(`BAD_REQUEST: query owner: 3 is none of the ${owners}`)
  expect(failureOf({ kind: 'process', pid: 50, owner: 2 }, 1000)).toMatch(/^EMPTY: no sample of the process .*; owners/)
  expect(failureOf({ kind: 'thread', pid: 10, owner: 1, tid: 10 })).toMatch(
    /^BAD_REQUEST: .* PID 10 was not given again/,
  )
})

test('a target that says nothing of itself has no samples, rather than those of the whole node', () => {
  expect(() => functionsOf({ kind: 'container', pod: 'cart-0' })).toThrow('no sample of the target')
})
