// Conclusions about incidents, with a clock in the test's hand.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCapture, makeIncident, someMs } from '../../test/nouns.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { ServerEvent } from '../api/shapes.ts'
import { openDuckdbCatalog } from '../store/duckdb-catalog.ts'
import { createEvidenceDesk } from './evidence.ts'

const folder = temporaryFolder()

test('an incident that no capture follows does not wait for ever, and one that has a capture waits', async () => {
  const catalog = await openDuckdbCatalog(join(folder, 'bare.duckdb'))
  let now = someMs
  const told: ServerEvent[] = []
  const desk = createEvidenceDesk({
    catalog,
    analyst: { ask: () => Promise.reject(new Error('no profile is asked for')), close: () => Promise.resolve() },
    events: { publish: (event) => told.push(event) },
    log: { error: (problem: unknown) => expect.fail(String(problem)) },
    nowMs: () => now,
  })
  for (const id of ['inc-bare', 'inc-recording']) await catalog.updateIncident(id, () => makeIncident({ id }))
  await catalog.updateCapture('cap-1', () => makeCapture({ id: 'cap-1', incidentId: 'inc-recording' }))
  await desk.recheck()
  now += 9 * 60_000
  await desk.recheck()
  expect((await catalog.incident('inc-bare'))?.state).toBe('capturing')
  now += 2 * 60_000
  await desk.recheck()
  expect(await catalog.incident('inc-bare')).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('no capture followed'),
  })
  expect((await catalog.incident('inc-recording'))?.state).toBe('capturing')
  expect(told).toMatchObject([{ type: 'incident', incident: { id: 'inc-bare', state: 'failed' } }])
  await desk.close()
  await catalog.close()
})

test('an alert incident begins when the CPU rose, which is before the alert, and has the quiet before as baseline', async () => {
  const catalog = await openDuckdbCatalog(join(folder, 'late.duckdb'))
  const desk = createEvidenceDesk({
    catalog,
    analyst: { ask: () => Promise.reject(new Error('no profile is asked for')), close: () => Promise.resolve() },
    events: { publish: () => undefined },
    log: { error: (problem: unknown) => expect.fail(String(problem)) },
  })
  // Quiet for 40 s, busy for 6 s; the alert fires 3 s and is told 4 s after that.
  const riseMs = someMs - 10_000
  const trigger = { kind: 'alert', rule: 'r', reason: 'alert CpuHigh' } as const
  const alerted = { id: 'inc-late', trigger, onsetMs: someMs - 1000, noticedMs: someMs, state: 'capturing' } as const
  await catalog.updateIncident('inc-late', () => makeIncident(alerted))
  await catalog.updateCapture('cap-late', () =>
    makeCapture({ id: 'cap-late', incidentId: 'inc-late', state: 'complete' }),
  )
  const cores = Array.from({ length: 300 }, (_, i) => (i >= 200 && i < 230 ? 0.98 : 0.01))
  await catalog.putSeries('cap-late', [
    { name: 'target', startMs: riseMs - 40_000, stepMs: 200, cores },
    { name: 'machine', startMs: riseMs - 40_000, stepMs: 200, cores: cores.map(() => 1.5) },
  ])
  desk.look('inc-late')
  await desk.close()
  expect(await catalog.incident('inc-late')).toMatchObject({
    onsetMs: riseMs,
    noticedMs: someMs,
    endedMs: riseMs + 6000,
    baseline: { fromMs: riseMs - 40_000, toMs: riseMs },
  })
  await catalog.close()
})
