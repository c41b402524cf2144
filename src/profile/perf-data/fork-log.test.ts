import { expect, test } from 'vitest'
import { ForkLog } from './fork-log.ts'

test('children and grandchildren belong to the family from their fork on, older children do not', () => {
  const log = new ForkLog()
  log.add(5, 90, 100)
  log.add(20, 200, 100)
  log.add(30, 201, 200)
  log.add(40, 300, 7)
  log.add(45, 91, 90)
  const isOfFamily = log.family({ pid: 100 }, 10)
  expect([100, 200, 201, 300, 90, 91].filter((pid) => isOfFamily(pid, 50))).toEqual([100, 200, 201])
  expect(isOfFamily(200, 19)).toBe(false)
})

test('a PID that a stranger has later is a stranger later', () => {
  const log = new ForkLog()
  log.add(20, 200, 100)
  log.add(60, 200, 7)
  log.add(70, 201, 200)
  const isOfFamily = log.family({ pid: 100 }, 10)
  expect([isOfFamily(200, 30), isOfFamily(200, 60), isOfFamily(201, 80)]).toEqual([true, false, false])
})

test('what is old is forgotten, and a storm does not fill the memory', () => {
  const log = new ForkLog()
  for (let i = 0; i < 200_000; i++) log.add(i, 1000 + i, 1)
  expect(log.size).toBeLessThanOrEqual(65_536)
  log.forget(199_999)
  expect(log.size).toBe(1)
  expect(log.family({ pid: 1 }, 0)(200_999, 200_000)).toBe(true)
})

test('of the processes that had a PID one after another only the one that began at that time is meant, with its children', () => {
  const seconds = (count: number): number => count * 1e9
  const log = new ForkLog()
  log.add(seconds(10), 100, 1)
  log.add(seconds(11), 201, 100)
  log.add(seconds(20), 100, 1)
  log.add(seconds(21), 202, 100)
  log.add(seconds(30), 100, 1)
  log.add(seconds(31), 203, 100)
  const membersOf = (startNs: number): number[][] => {
    const isOfFamily = log.family({ pid: 100, startNs }, 0)
    return [5, 15, 25, 35].map((time) => [100, 201, 202, 203].filter((pid) => isOfFamily(pid, seconds(time))))
  }
  // Start times are told in steps of 10 ms.
  expect(membersOf(seconds(20) - 8e6)).toEqual([[], [], [100, 202], [202]])
  expect(membersOf(seconds(10) + 9e6)).toEqual([[], [100, 201], [201], [201]])
  expect(membersOf(seconds(30))).toEqual([[], [], [], [100, 203]])
  // One that began before the log does.
  expect(membersOf(seconds(4))).toEqual([[100], [], [], []])
})

test('two recordings together know what neither knows alone, and one fork told twice is one', () => {
  const always = new ForkLog()
  const deep = new ForkLog()
  always.add(1e9, 200, 100)
  always.add(5e9, 200, 7)
  deep.add(5e9 + 3000, 200, 7)
  deep.add(6e9, 201, 200)
  const forks = ForkLog.merge([deep, always])
  expect(forks.originOf(200, 2e9)).toEqual({ timeNs: 1e9, parent: 100 })
  const isOfFamily = forks.family({ pid: 200, startNs: 5e9 }, 0)
  expect([4e9, 5.1e9].map((time) => isOfFamily(200, time))).toEqual([false, true])
  expect(isOfFamily(201, 7e9)).toBe(true)
})

test('the origin of a PID is that of a moment, also after what is old was forgotten', () => {
  const log = new ForkLog()
  log.add(10, 200, 100)
  log.add(20, 200, 7)
  expect([log.originOf(200)?.parent, log.originOf(200, 15)?.parent, log.originOf(200, 5)]).toEqual([7, 100, undefined])
  log.forget(15)
  log.add(30, 201, 200)
  expect([log.originOf(200)?.parent, log.originOf(200, 15), log.originOf(201)?.parent]).toEqual([7, undefined, 200])
})
