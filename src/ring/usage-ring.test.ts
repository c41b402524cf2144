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

test('a series grows with what it holds, and holds what one of full length would', () => {
  const usage = new UsageRing({ stepMs: 200, keepMs: 400_000 })
  const firstSlot = 5_000_003
  const value = (n: number): number => ((n - firstSlot) % 97) / 100
  for (let n = firstSlot; n < firstSlot + 5000; n++) {
    // Every seventh is not measured.
    if (n % 7 === 0) continue
    usage.record('a', { fromMs: n * 200, toMs: (n + 1) * 200, cores: value(n) })
    const back = n - 40
    const seen = usage.slice('a', 'a', { fromMs: back * 200, toMs: (n + 1) * 200 })?.cores
    const wanted = Array.from({ length: 41 }, (_, i) => {
      const slot = back + i
      return slot < firstSlot || slot % 7 === 0 ? null : value(slot)
    })
    expect(seen).toEqual(wanted)
  }
  const whole = usage.slice('a', 'a', { fromMs: firstSlot * 200, toMs: (firstSlot + 5000) * 200 })!.cores
  expect(whole.slice(0, 3000).every((cores) => cores === null)).toBe(true)
  expect(whole.slice(3001).filter((cores) => cores === null).length).toBeLessThan(300)
})

test('a storm of processes does not fill the memory: those that ended go first', () => {
  const usage = new UsageRing({ stepMs: 200, keepMs: 360_000 })
  usage.record('lives', { fromMs: 0, toMs: 200, cores: 0.25 })
  for (let i = 0; i < 60_000; i++) {
    const fromMs = Math.floor(i / 100) * 200
    usage.record(`p:${i}:1`, { fromMs, toMs: fromMs + 200, cores: 1 })
    if (i % 100 === 0) usage.record('lives', { fromMs, toMs: fromMs + 200, cores: 0.25 })
  }
  expect(usage.size).toBeLessThanOrEqual(50_000)
  expect(usage.slice('lives', 'x', { fromMs: 119_000, toMs: 119_200 })!.cores).toEqual([0.25])
  expect(usage.slice('p:59999:1', 'x', { fromMs: 119_800, toMs: 120_000 })!.cores).toEqual([1])
})
