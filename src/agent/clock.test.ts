import { expect, test } from 'vitest'
import { monotonicMs, WallClock } from './clock.ts'

test('a step of the wall clock is followed, what passes between the readings of two clocks is none', () => {
  let stepMs = 0
  let delayMs = 0
  const clock = new WallClock(() => {
    const wallMs = 5_000_000 + monotonicMs() + stepMs
    const untilMs = monotonicMs() + delayMs
    while (monotonicMs() < untilMs); // another process has the CPU
    return wallMs
  })
  const first = clock.offsetMs
  delayMs = 80
  expect(clock.offsetMs).toBe(first)
  delayMs = 0
  const pinned = clock.pinned()
  stepMs = -60_000
  expect(Math.abs(clock.offsetMs - (first - 60_000))).toBeLessThan(30_000)
  expect(pinned.offsetMs).toBe(first)
})
