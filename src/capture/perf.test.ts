import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { maxSampleHz, perfFailure, perfVersion, startPerf } from './perf.ts'
import { runTool, startTool } from './run.ts'

const fake = (name: string): string => resolve(import.meta.dirname, '../../test/fake-bin', name)

test('a perf that is not there is told apart from one that may not record', async () => {
  await expect(startPerf({ hz: 49, event: 'cpu-clock', perf: 'perf-of-nowhere' })).rejects.toMatchObject({
    code: 'TOOL_MISSING',
  })
  expect(await perfVersion('perf-of-nowhere')).toBeUndefined()
  const denied = await startPerf({ hz: 49, event: 'cpu-clock', perf: fake('perf-denied') })
  const failure = perfFailure(await denied.ended)
  expect(failure.code).toBe('PERF_FORBIDDEN')
  expect(failure.advice).toContain('perf_event_paranoid')
  expect(await perfVersion(fake('perf-denied'))).toBe('6.1.0')
  const full = await startPerf({ hz: 49, event: 'cpu-clock', perf: fake('perf-mlock') })
  const atLimit = perfFailure(await full.ended)
  expect(atLimit).toMatchObject({ code: 'PERF_MLOCK', exit: 7 })
  expect(atLimit.advice).toContain('sysctl kernel.perf_event_mlock_kb')
  expect(maxSampleHz()).toBeGreaterThan(0)
  expect(maxSampleHz('/nowhere')).toBe(Number.POSITIVE_INFINITY)
})

test('a perf that answers nothing is killed, and a drain does not wait for it for ever', async () => {
  const deaf = await startTool({ command: fake('perf-deaf'), args: ['record'], killAfterMs: 100 })
  await once(deaf.stdout, 'data')
  const end = await deaf.stop()
  expect(end).toMatchObject({ signal: 'SIGKILL', endedBy: 'stopped' })
  const perf = await startPerf({ hz: 49, event: 'cpu-clock', perf: fake('perf-deaf') })
  expect(await perf.drain(100)).toBe(false)
  process.kill(perf.pid, 'SIGKILL')
  expect(perfFailure(await perf.ended).message).toContain('SIGKILL')
  expect(await perf.drain(100)).toBe(false)
})

test('a tool is bounded in time and in output, and the first cause of its end is kept', async () => {
  const late = await runTool({ command: 'sleep', args: ['60'], deadlineMs: 50 })
  expect(late).toMatchObject({ endedBy: 'deadline', signal: 'SIGTERM' })
  const chatty = await runTool({ command: 'head', args: ['-c', '5000000', '/dev/zero'], maxBytes: 1000 })
  expect(chatty.cut).toBe(true)
  expect(chatty.stdout.length).toBeLessThanOrEqual(1000)
  const abort = new AbortController()
  abort.abort()
  expect(await runTool({ command: 'sleep', args: ['60'], signal: abort.signal })).toMatchObject({ endedBy: 'aborted' })
})

test('real perf records the whole machine and ends cleanly', async (context) => {
  if (process.getuid?.() !== 0 || !(await perfVersion())) return context.skip('needs root and perf')
  const perf = await startPerf({ hz: 99, event: 'cpu-clock' })
  const chunks: Buffer[] = []
  perf.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  expect(await perf.drain(10_000)).toBe(true)
  expect(Buffer.concat(chunks).subarray(0, 8).toString()).toBe('PERFILE2')
  expect(await perf.stop()).toMatchObject({ exitCode: 0, endedBy: 'itself' })
})
