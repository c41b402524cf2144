import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPace } from './pace.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('the first goes on at once, the next one when its time has come', async () => {
  const pace = createPace(100, () => Date.now())
  const beganMs = Date.now()
  const times: number[] = []
  const work = (async () => {
    for (let i = 0; i < 3; i++) {
      await pace()
      times.push(Date.now() - beganMs)
    }
  })()
  await vi.advanceTimersByTimeAsync(250)
  await work
  expect(times).toEqual([0, 100, 200])
  await vi.advanceTimersByTimeAsync(100)
  await pace()
  expect(Date.now() - beganMs).toBe(350)
})
