import { expect, test } from 'vitest'
import { ForkLog } from './fork-log.ts'

test('children and grandchildren belong to the family from their fork on, older children do not', () => {
  const log = new ForkLog()
  log.add(5, 90, 100)
  log.add(20, 200, 100)
  log.add(30, 201, 200)
  log.add(40, 300, 7)
  log.add(45, 91, 90)
  const isOfFamily = log.family(100, 10)
  expect([100, 200, 201, 300, 90, 91].filter((pid) => isOfFamily(pid, 50))).toEqual([100, 200, 201])
  expect(isOfFamily(200, 19)).toBe(false)
})

test('a PID that a stranger has later is a stranger later', () => {
  const log = new ForkLog()
  log.add(20, 200, 100)
  log.add(60, 200, 7)
  log.add(70, 201, 200)
  const isOfFamily = log.family(100, 10)
  expect([isOfFamily(200, 30), isOfFamily(200, 60), isOfFamily(201, 80)]).toEqual([true, false, false])
})

test('what is old is forgotten, and a storm does not fill the memory', () => {
  const log = new ForkLog()
  for (let i = 0; i < 200_000; i++) log.add(i, 1000 + i, 1)
  expect(log.size).toBeLessThanOrEqual(65_536)
  log.forget(199_999)
  expect(log.size).toBe(1)
  expect(log.family(1, 0)(200_999, 200_000)).toBe(true)
})
