import { expect, test } from 'vitest'
import { MemoryBudget } from './memory-budget.ts'

/** Looks every five seconds for so long. @returns at which seconds it trimmed */
function run(seconds: number, rss: (second: number) => number): number[] {
  const trims: number[] = []
  let second = 0
  const budget = new MemoryBudget({
    budgetBytes: 100,
    rssBytes: () => rss(second),
    trim: () => trims.push(second),
    nowMs: () => second * 1000,
  })
  for (; second <= seconds; second += 5) budget.check()
  return trims
}

test('once after the start, and not again while memory is within the budget', () => {
  expect(run(3600, () => 90)).toEqual([20])
})

test('after something that took memory, within seconds', () => {
  expect(run(3600, (second) => (second === 600 ? 120 : 90))).toEqual([20, 600])
})

test('ever less often when it does not help', () => {
  expect(run(3600, () => 200)).toEqual([20, 50, 80, 140, 260, 500, 980, 1880, 2780])
})
