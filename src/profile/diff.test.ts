// Changes per function, and when they are more than chance.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { diffFunctions } from './diff.ts'
import { deviations, isSignificant } from './significance.ts'

test('compares shares, not values, and keeps what vanished', () => {
  const before = drawProfile('main;idle 90\nmain;gone 10')
  const during = drawProfile('main;idle 200\nmain;regex 800')
  const { functions, beforeTotal, duringTotal } = diffFunctions(before, during)
  expect([beforeTotal, duringTotal]).toEqual([100, 1000])
  expect(functions.map((row) => [row.function, row.selfChange, row.isSignificant])).toEqual([
    ['regex', 0.8, true],
    ['idle', expect.closeTo(-0.7), true],
    ['gone', -0.1, true],
    ['main', 0, false],
  ])
  expect(functions[0]).toMatchObject({ before: { self: 0, selfShare: 0 }, during: { total: 800, totalShare: 0.8 } })
})

test('three samples are no change, however large their share', () => {
  const { functions } = diffFunctions(drawProfile('main;a 3'), drawProfile('main;b 3'))
  expect(functions.map((row) => row.isSignificant)).toEqual([false, false, false])
})

test('counts samples, not nanoseconds: one sample of a second is one sample', () => {
  const types = ['samples/count', 'cpu/nanoseconds']
  const before = drawProfile('a 4 4000000000\nb 1 10000000', types)
  const during = drawProfile('a 1 1000000000\nb 4 40000000', types)
  expect(diffFunctions(before, during).functions.every((row) => !row.isSignificant)).toBe(true)
  // Without a column of counts, the period says how much a sample is worth.
  const cpu = { type: 'cpu', unit: 'nanoseconds' }
  const sampled = (drawing: string) => ({
    ...drawProfile(drawing, ['cpu/nanoseconds']),
    periodType: cpu,
    period: 10_000_000n,
  })
  const quiet = sampled('a 1000000000\nb 1000000000')
  const loud = sampled('a 1000000000\nb 9000000000')
  expect(diffFunctions(quiet, loud).functions.map((row) => row.isSignificant)).toEqual([true, true])
})

test('needs a sample type in common', () => {
  expect(() => diffFunctions(drawProfile('a 1', ['heap/bytes']), drawProfile('a 1'))).toThrow(
    expect.objectContaining({ code: 'INCOMPATIBLE', message: expect.stringContaining('heap/bytes') }),
  )
})

test('the test itself: no evidence, little evidence, much evidence', () => {
  const counts = (before: number, beforeTotal: number, during: number, duringTotal: number) => ({
    before,
    beforeTotal,
    during,
    duringTotal,
  })
  expect(deviations(counts(0, 0, 50, 50))).toBe(0)
  expect(deviations(counts(10, 100, 10, 100))).toBe(0)
  expect(isSignificant(counts(10, 100, 18, 100))).toBe(false)
  expect(isSignificant(counts(10, 100, 40, 100))).toBe(true)
  expect(deviations(counts(400, 1000, 100, 1000))).toBeLessThan(-3)
  // 30 of 100 against 10 of 100: sqrt(0.2*0.8*(1/100+1/100)) = 0.0566, so 0.2 is 3.54 of them.
  expect(deviations(counts(10, 100, 30, 100))).toBeCloseTo(3.54, 2)
})
