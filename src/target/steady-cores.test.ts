import { expect, test } from 'vitest'
import { SteadyCores } from './steady-cores.ts'

test('a counter that is read often is averaged over a second, one that is read seldom over its own time', () => {
  const steady = new SteadyCores(10, 0)
  const seen: number[] = []
  for (let ms = 200; ms <= 2000; ms += 200) {
    // It burns in the second half of the first second, and then all the time.
    steady.note(10 + Math.max(0, ms - 500) / 1000, ms)
    seen.push(Number(steady.cores.toFixed(3)))
  }
  expect(seen).toEqual([0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1])
  steady.note(12, 6000)
  expect(steady.cores).toBeCloseTo(0.125)
  steady.note(11.99, 7000)
  expect(steady.cores).toBe(0)
})

test('a counter whose past is unknown says nothing before it was read twice', () => {
  const steady = new SteadyCores(0, Number.NEGATIVE_INFINITY)
  steady.note(5000, 100)
  expect(steady.cores).toBe(0)
  steady.note(5000.5, 1100)
  expect(steady.cores).toBe(0.5)
})
