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
