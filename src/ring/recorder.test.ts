import { expect, test } from 'vitest'
import { Recorder, type RecorderStatus } from './recorder.ts'

const options = { ringHz: 49, deepHz: 99, keepMs: 1000, maxBytes: 1e6, event: 'auto', perf: 'perf' } as const

test('a worker that dies fails its calls, says so, and is started again', async () => {
  const program = new URL('../../test/fake-bin/recorder-that-dies.mjs', import.meta.url)
  const said: string[] = []
  let next: (status: RecorderStatus) => void = () => undefined
  const recorder = new Recorder(program, options, (status) => {
    said.push(status.recording ? 'recording' : (status.message ?? ''))
    next(status)
  })
  const recording = (): Promise<void> =>
    new Promise((resolve) => {
      next = (status) => status.recording && resolve()
    })
  await recording()
  const again = recording()
  await expect(recorder.beginDeep()).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'the recorder ended: worn out',
  })
  await again
  await recorder.close()
  expect(said).toEqual([
    'recording',
    'the recorder ended: worn out; it is started again, without what it had recorded',
    'recording',
  ])
})
