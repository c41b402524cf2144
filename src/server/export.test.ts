// The saved page says who was told of the incident, as the served one does.
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeIncident, someMs } from '../../test/nouns.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { createClient } from '../api/client.ts'
import type { ReportData } from '../flame/report.ts'
import type { Notice, NoticeState } from '../model/notice.ts'
import { exportIncident } from './export.ts'
import { openStore, type Store } from './store.ts'

const template = '<script type="application/json" id="spikecam-data">null</script>'
let store: Store
beforeAll(async () => {
  const log = pino({ level: 'silent' })
  store = await openStore({ dataDir: join(temporaryFolder(), 'data'), budgetBytes: 1e9, log })
  for (const id of ['inc-told', 'inc-other']) await store.catalog.updateIncident(id, () => makeIncident({ id }))
})
afterAll(() => store.close())

/** What the page gets when it asks for its incident, offline. */
async function savedNotices(id: string): Promise<Notice[] | undefined> {
  const html = await exportIncident(id, { store, template, version: '1' })
  const json = /id="spikecam-data">([^<]*)</.exec(html)?.[1] as string
  const { embedded } = JSON.parse(json) as ReportData
  const { notices } = await createClient({ embedded }).get('/api/v1/incidents/{id}', { params: { id } })
  return notices
}

test('messages of the incident are in the page, newest first, with what became of each; those of others are not', async () => {
  expect(await savedNotices('inc-told')).toBeUndefined()
  const put = async (receiver: string, state: NoticeState, more: Partial<Notice> = {}): Promise<Notice> => {
    const of = { incidentId: 'inc-told', receiver, about: 'cart', attempts: 1, atMs: someMs }
    const notice: Notice = { id: `inc-told.${receiver}`, ...of, state, ...more }
    await store.catalog.updateNotice(notice.id, () => notice)
    return notice
  }
  const sent = await put('events', 'sent', { sentMs: someMs + 400, message: '200' })
  const failed = await put('oncall', 'failed', { atMs: someMs + 1, message: 'it answered 404: </script><b>no</b>' })
  const waiting = await put('pager', 'waiting', { atMs: someMs + 2, nextMs: someMs + 9000, message: 'it answered 503' })
  expect(await savedNotices('inc-told')).toEqual([waiting, failed, sent])
  expect(await savedNotices('inc-other')).toBeUndefined()
})

test('an incident that is not there is said', async () => {
  await expect(exportIncident('inc-none', { store, template, version: '1' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})
