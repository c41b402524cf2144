import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { startedMonotonicMs, startTicksOf } from './process-identity.ts'

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

test('a start time in ticks since boot is a moment on the clock of the recorder, to 10 ms', () => {
  const beforeMs = nowMs()
  const child = spawn('sleep', ['60'])
  const afterMs = nowMs()
  const startedMs = startedMonotonicMs(startTicksOf(child.pid as number) as number)
  child.kill('SIGKILL')
  // Both the start time and /proc/uptime are cut off to 10 ms.
  expect(startedMs).toBeGreaterThan(beforeMs - 11)
  expect(startedMs).toBeLessThan(afterMs + 11)
})
