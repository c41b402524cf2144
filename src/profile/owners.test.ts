// Who had a PID: told apart by the labels of the recorder, counted in the order of time.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { ownersByPid, printOwners } from './owners.ts'

const brief = (...lines: string[]) =>
  Object.fromEntries(
    [...ownersByPid(drawProfile(lines.join('\n')))].map(([pid, owners]) => [
      pid,
      owners.map(({ owner, name, samples, isMeant }) => `${owner} ${name} ${samples}${isMeant ? ' meant' : ''}`),
    ]),
  )

test('a neighbour has its owners as they were counted; who was sampled most is meant', () => {
  expect(
    brief(
      'main 2 @9 {pid=50 tid=51 comm=worker owner=2}',
      'main 1 @8 {pid=50 tid=50 comm=new owner=2}',
      'main 1 @0 {pid=50 tid=50 comm=old owner=1}',
      'main 9 @0 {pid=60 tid=60 comm=redis}',
    ),
  ).toEqual({ 50: ['1 old 1', '2 new 3 meant'] })
})

test('of its own PID the target is meant, however little it was sampled, and its children have a PID of their own', () => {
  expect(
    brief(
      'main 1 @8 {pid=10 tid=10 comm=app family=10}',
      'main 7 @1 {pid=10 tid=10 comm=old family=0}',
      'main 1 @8 {pid=11 tid=11 comm=child family=10}',
    ),
  ).toEqual({ 10: ['1 old 7', '2 app 1 meant'] })
  // Marked by both: the recorder counted more than one that was not the target.
  expect(
    brief(
      'main 4 @0 {pid=10 comm=a family=0 owner=1}',
      'main 5 @3 {pid=10 comm=b family=0 owner=2}',
      'main 1 @8 {pid=10 comm=app family=10 owner=3}',
    ),
  ).toEqual({ 10: ['1 a 4', '2 b 5', '3 app 1 meant'] })
})

test('where the target itself was never sampled, nobody is meant by its PID', () => {
  expect(brief('main 2 {pid=40 tid=40 comm=stranger family=0}')).toEqual({ 40: ['1 stranger 2'] })
})

test('labels of a program that are called the same are none of ours', () => {
  expect(brief('main 1 {pid=7 owner=team-a}', 'main 1 {pid=7 owner=team-b family=x}')).toEqual({})
})

test('a profile without times, or without a beginning, says how many samples alone', () => {
  const drawn = drawProfile('main 1 {pid=5 comm=a owner=1}\nmain 2 {pid=5 comm=b owner=2}')
  const owners = ownersByPid(drawn).get(5) ?? []
  expect(printOwners(drawn, owners)).toBe('1 (a, 1 sample), 2 (b, 2 samples)')
  expect(owners[0]).not.toHaveProperty('fromMs')
})
