import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { perfVersion } from '../capture/perf.ts'
import { decodePprof } from '../profile/pprof-decode.ts'
import { parseMachineBusyTicks } from '../target/proc-stat.ts'
import { type FreezeRequest, type Frozen, Recorder, type RecorderOptions, type RecorderStatus } from './recorder.ts'

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

test('a worker that hangs is said to record no more, and what is asked of it fails', async () => {
  const program = new URL('../../test/fake-bin/recorder-that-hangs.mjs', import.meta.url)
  const statuses: RecorderStatus[] = []
  let told: () => void = () => undefined
  const silent = new Promise<void>((resolve) => {
    told = resolve
  })
  const recorder = new Recorder(program, { ...options, patience: { silentMs: 40, answerMs: 40 } }, (status) => {
    statuses.push(status)
    if (!status.recording) told()
  })
  await silent
  expect(statuses.map(({ recording }) => recording)).toEqual([true, false])
  expect(statuses.at(-1)?.message).toMatch(/^the recorder has said nothing for 40 ms: it may be reading a program from/)
  await expect(recorder.beginDeep()).rejects.toMatchObject({ code: 'TIMEOUT' })
  await recorder.close()
})

const main = new URL('../main.ts', import.meta.url)
const fakePerf = (name: string): string => fileURLToPath(new URL(`../../test/fake-bin/${name}`, import.meta.url))
const startBurner = () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })

/** What the kernel says that all cores together have worked, in ticks of 10 ms. */
function busyMs(): number {
  const stat = readFileSync('/proc/stat')
  return parseMachineBusyTicks(stat, stat.length) * 10
}

/** The real recorder, and a promise of its first status that is what is waited for. */
function startRecorder(change: Partial<RecorderOptions>, isReady: (status: RecorderStatus) => boolean) {
  let latest: RecorderStatus | undefined
  let told: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    told = resolve
  })
  const recorder = new Recorder(main, { ...options, ...change }, (status) => {
    latest = status
    if (isReady(status)) told()
  })
  return { recorder, ready, latest: () => latest }
}

/** Until now. */
function spanFrom(fromMs: number): FreezeRequest {
  const wallOffsetMs = Date.now() - Number(process.hrtime.bigint()) / 1e6
  return { fromMs, toMs: Date.now(), wallOffsetMs, comments: [] }
}

test.each([
  ['perf-denied', 'PERF_FORBIDDEN'],
  ['perf-mlock', 'PERF_MLOCK'],
  ['not-there', 'TOOL_MISSING'],
])('with %s a capture fails with %s, and is not empty', async (perf, code) => {
  const { recorder, ready } = startRecorder(
    { perf: fakePerf(perf) },
    ({ message }) => message?.startsWith('not recording: ') === true,
  )
  await ready
  await expect(recorder.freeze(spanFrom(Date.now() - 1000))).rejects.toMatchObject({ code })
  await recorder.close()
})

/** On a busy machine perf may take longer to begin, or to end, than the recorder waits for it: then it is asked again. */
async function frozenOnce(recorder: Recorder, fromMs: number, isWanted: (frozen: Frozen) => boolean): Promise<Frozen> {
  for (;;) {
    const frozen = await recorder.freeze(spanFrom(fromMs))
    if (isWanted(frozen)) return frozen
  }
}

/** So that what was recorded at the beginning is still there. */
const keeping = { keepMs: 60_000, event: 'cpu-clock' } as const
const canRecord = process.getuid?.() === 0 && (await perfVersion()) !== undefined

test.skipIf(!canRecord)(
  'where only the deep perf is at its limit, the always-on samples are kept, and it is said',
  async () => {
    const perf = fakePerf('perf-once')
    const burner = startBurner()
    const { recorder, ready } = startRecorder({ ...keeping, perf }, ({ samples }) => samples > 10)
    try {
      await ready
      await recorder.beginDeep()
      const frozen = await frozenOnce(recorder, Date.now() - 30_000, ({ partial }) => partial !== undefined)
      expect(frozen.samples).toBeGreaterThan(10)
      expect(frozen).toMatchObject({
        deepHz: undefined,
        partial: expect.stringMatching(/^recorded at the always-on rate alone: perf may lock no more memory/),
      })
      await recorder.endDeep()
    } finally {
      burner.kill('SIGKILL')
      await recorder.close()
    }
  },
)

test.skipIf(!canRecord)(
  'until the deep perf records, the always-on samples stand: nothing is lost between them',
  async () => {
    const perf = fakePerf('perf-late')
    const burners = Array.from({ length: availableParallelism() }, startBurner)
    const { recorder, ready } = startRecorder({ ...keeping, perf }, ({ samples }) => samples > 10)
    try {
      await ready
      const askedMs = Date.now()
      const busyBeforeMs = busyMs()
      await recorder.beginDeep()
      const frozen = await frozenOnce(recorder, askedMs, ({ boundaryMs }) => boundaryMs !== undefined)
      // Every core is busy all the time, but for what a host may steal, so that the samples have to add up to all of it:
      // 2 cores, 1.3 s, 2.6 s of CPU.
      const busyShare = (busyMs() - busyBeforeMs) / ((Date.now() - askedMs) * burners.length)
      const profile = decodePprof(gunzipSync(frozen.pprof))
      const cpuType = profile.sampleTypes.findIndex(({ unit }) => unit === 'nanoseconds')
      const cpuMs =
        Number((profile.samples.values[cpuType] as BigInt64Array).reduce((sum, value) => sum + value, 0n)) / 1e6
      const coreMs = (frozen.toMs - askedMs) * burners.length
      expect(frozen.boundaryMs).toBeGreaterThan(askedMs + 500)
      expect(cpuMs / coreMs).toBeGreaterThan(0.9 * busyShare)
      expect(cpuMs / coreMs).toBeLessThan(1.1)
      await recorder.endDeep()
    } finally {
      for (const burner of burners) burner.kill('SIGKILL')
      await recorder.close()
    }
  },
)

test.skipIf(!canRecord)(
  'who comes while a deep recording runs joins it at its rate, and it ends with the last',
  async () => {
    const { recorder, ready, latest } = startRecorder(keeping, ({ recording }) => recording)
    const burner = startBurner()
    try {
      await ready
      // Of a capture that began before the recorder was started again.
      await recorder.endDeep()
      await recorder.beginDeep(199)
      await recorder.beginDeep(999)
      expect(latest()?.perfPids).toHaveLength(2)
      await recorder.endDeep()
      const frozen = await frozenOnce(recorder, Date.now() - 30_000, ({ deepHz }) => deepHz !== undefined)
      expect(frozen.deepHz).toBe(199)
      await recorder.endDeep()
      expect(latest()?.perfPids).toHaveLength(1)
    } finally {
      burner.kill('SIGKILL')
      await recorder.close()
    }
  },
)
