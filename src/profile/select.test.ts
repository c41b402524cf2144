// Selections by label, time and function names.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { type SampleFilter, selectSamples } from './select.ts'
import { topFunctions } from './top.ts'

const profile = drawProfile(`
  main;parse 1 @0 {pid=1 phase=before}
  main;parse;read 2 @100 {pid=1 phase=during}
  main;idle 4 @200 {pid=2 phase=during}
  main@/usr/bin/app;idle 8 {pid=2}
`)
const sum = (filter: Parameters<typeof selectSamples>[1]): number => topFunctions(selectSamples(profile, filter)).total

test('by label: text, numbers as text, one of several, pattern', () => {
  expect(sum({ labels: { pid: '2' } })).toBe(12)
  expect(sum({ labels: { pid: '1', phase: 'during' } })).toBe(2)
  expect(sum({ labels: { phase: ['before', 'during'] } })).toBe(7)
  expect(sum({ labels: { phase: /^dur/g } })).toBe(6)
  expect(sum({ labels: { tid: '1' } })).toBe(0)
})

test('by time: from, up to but without the end; samples of unknown time are left out', () => {
  expect(sum({ fromMs: 100 })).toBe(6)
  expect(sum({ fromMs: 0, toMs: 200 })).toBe(3)
  expect(selectSamples(profile, { fromMs: 100, toMs: 350 }).durationNanos).toBe(250_000_000n)
})

test('what is left begins and ends with the range, which reaches no further than the profile', () => {
  const recorded = { ...profile, timeNanos: 1_000_000_000n, durationNanos: 600_000_000n }
  const times = (filter: SampleFilter) => {
    const { timeNanos, durationNanos, samples } = selectSamples(recorded, filter)
    return [timeNanos, durationNanos, samples.offsetMs?.[0]]
  }
  const first = (fromMs: number) => profile.samples.offsetMs!.find((ms) => ms >= fromMs)! - fromMs
  expect(times({ fromMs: 100, toMs: 350 })).toEqual([1_100_000_000n, 250_000_000n, first(100)])
  expect(times({ fromMs: 100 })).toEqual([1_100_000_000n, 500_000_000n, first(100)])
  expect(times({ toMs: 3_600_000 })).toEqual([1_000_000_000n, 600_000_000n, first(0)])
})

test('by function or module', () => {
  expect(sum({ focus: /parse/ })).toBe(3)
  expect(sum({ focus: /parse/, ignore: /read/ })).toBe(1)
  expect(sum({ focus: /bin\/app/ })).toBe(8)
  expect(sum({ ignore: /main/g })).toBe(0)
})

test('keeps labels and times with their samples, and shares the tables', () => {
  const selected = selectSamples(profile, { labels: { phase: 'during' }, fromMs: 150 })
  expect([...selected.samples.offsetMs!]).toEqual([50])

  expect(selected.labelSets[selected.samples.labels[0]!]).toContainEqual({ key: 'pid', num: 2n })
  expect(selected.stacks).toBe(profile.stacks)
})
