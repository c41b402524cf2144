import { expect, test } from 'vitest'
import { UsageRing } from './usage-ring.ts'

const ring = (): UsageRing => new UsageRing({ stepMs: 200, keepMs: 2000 })

test('a reading fills the slots it covers; what was not measured is null', () => {
  const usage = ring()
  usage.record('p:1:2', { fromMs: 1000, toMs: 1200, cores: 0.5 })
  usage.record('p:1:2', { fromMs: 1600, toMs: 2000, cores: 1 })
  expect(usage.slice('p:1:2', 'app', { fromMs: 800, toMs: 2200 })).toEqual({
    name: 'app',
    startMs: 800,
    stepMs: 200,
    cores: [null, 0.5, null, null, 1, 1, null],
  })
  expect(usage.slice('p:9:9', 'x', { fromMs: 0, toMs: 1 })).toBeUndefined()
})

test('containers of a pod are added up; what was not measured of one counts for nothing', () => {
  const usage = ring()
  usage.record('a', { fromMs: 1000, toMs: 1400, cores: 0.5 })
  usage.record('b', { fromMs: 1200, toMs: 1400, cores: 0.25 })
  expect(usage.sum(['a', 'b', 'c'], 'pod', { fromMs: 1000, toMs: 1600 })?.cores).toEqual([0.5, 0.75, null])
  expect(usage.sum(['x', 'y'], 'pod', { fromMs: 0, toMs: 1 })).toBeUndefined()
})

test('old slots are gone after one round', () => {
  const usage = ring()
  for (let t = 0; t < 6000; t += 200) usage.record('a', { fromMs: t, toMs: t + 200, cores: t / 1000 })
  const cores = usage.slice('a', 'a', { fromMs: 3000, toMs: 6000 })!.cores
  expect(cores.slice(0, 5)).toEqual([null, null, null, null, null])
  expect(cores.slice(5, 7)).toEqual([4, 4.2])
  expect(cores.at(-1)).toBe(5.8)
})

test('a gap longer than the ring leaves nothing of before', () => {
  const usage = ring()
  usage.record('a', { fromMs: 0, toMs: 2000, cores: 3 })
  usage.record('a', { fromMs: 60_000, toMs: 60_200, cores: 1 })
  expect(usage.slice('a', 'a', { fromMs: 58_400, toMs: 60_200 })!.cores).toEqual([...Array(8).fill(null), 1])
})

test('targets that are long gone are forgotten', () => {
  const usage = ring()
  usage.record('a', { fromMs: 0, toMs: 200, cores: 1 })
  usage.record('b', { fromMs: 5000, toMs: 5200, cores: 1 })
  usage.sweep(5200)
  expect(usage.size).toBe(1)
})
