import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Alert, AlertMessage, AlertRecord } from '../model/alert.ts'
import type { Catalog } from '../store/catalog.ts'
import { openDuckdbCatalog } from '../store/duckdb-catalog.ts'
import { createAlertIntake } from './alert-intake.ts'

const folders: string[] = []
const catalogs: Catalog[] = []
afterEach(async () => {
  for (const catalog of catalogs.splice(0)) await catalog.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function openIntake(
  folder = mkdtempSync(join(tmpdir(), 'spikecam-alerts-')),
  options: { mostOpen?: number } = {},
) {
  if (!folders.includes(folder)) folders.push(folder)
  const catalog = await openDuckdbCatalog(join(folder, 'catalog.duckdb'))
  catalogs.push(catalog)
  const queued: AlertRecord[] = []
  const resolved: AlertRecord[] = []
  let transactions = 0
  /** Instead of the next transaction. */
  const failures: (() => Promise<never>)[] = []
  const counted: Pick<Catalog, 'saveAlerts' | 'unresolvedAlerts' | 'listAlerts'> = {
    saveAlerts: (records, ledger) => {
      transactions++
      return failures.shift()?.() ?? catalog.saveAlerts(records, ledger)
    },
    unresolvedAlerts: () => catalog.unresolvedAlerts(),
    listAlerts: (page) => catalog.listAlerts(page),
  }
  const intake = createAlertIntake({
    catalog: counted,
    onQueued: (records) => queued.push(...records),
    onResolved: (records) => resolved.push(...records),
    ...options,
  })
  await intake.resume()
  return { intake, catalog, queued, resolved, folder, failures, transactions: () => transactions }
}

const alert = (series: string, other: Partial<Alert> = {}): Alert => ({
  source: 'alertmanager',
  status: 'firing',
  name: 'cpu',
  series,
  group: 'g',
  labels: { pod: series },
  context: {},
  annotations: {},
  startsMs: 1000,
  ...other,
})
const message = (...alerts: Alert[]): AlertMessage => ({
  source: 'alertmanager',
  alerts,
  resolvedGroups: [],
  skipped: [],
  truncated: 0,
})

test('a firing is taken once, its repeats are counted, its end is told', async () => {
  const { intake, queued, resolved, catalog } = await openIntake()
  const first = await intake.take(message(alert('a'), alert('b')))
  expect(first.accepted).toHaveLength(2)
  for (const record of queued) await intake.replace({ ...record, state: 'open' })
  expect(await intake.take(message(alert('a')))).toMatchObject({ accepted: [], repeated: 1 })
  expect(queued.map(({ alert: { series } }) => series)).toEqual(['a', 'b'])
  const end = await intake.take(message(alert('a', { status: 'resolved', endsMs: 9000 })))
  expect(end.resolved).toEqual([first.accepted[0]])
  expect(resolved).toMatchObject([{ id: first.accepted[0]?.id, state: 'resolved', resolvedMs: 9000 }])
  expect((await catalog.unresolvedAlerts()).map((record) => record.alert.series)).toEqual(['b'])
  expect(await catalog.alert(first.accepted[0]?.id as string)).toMatchObject({ state: 'resolved' })
})

test('a new start of a series is a new firing, and the end of the old one', async () => {
  const { intake, resolved } = await openIntake()
  const { accepted } = await intake.take(message(alert('a')))
  const again = await intake.take(message(alert('a', { startsMs: 5000 })))
  expect(again.accepted).toHaveLength(1)
  expect(resolved.map(({ id }) => id)).toEqual([accepted[0]?.id])
  // The end of the first one comes late and says nothing of the second.
  const late = await intake.take(message(alert('a', { status: 'resolved', startsMs: 1000 })))
  expect(late.resolved).toEqual([])
})

test('a rule that is ok ends all of its series, and those without a start repeat until then', async () => {
  const { intake } = await openIntake()
  const { startsMs: _, ...legacy } = alert('a', { group: 'rule-7' })
  expect((await intake.take(message(legacy))).accepted).toHaveLength(1)
  expect((await intake.take(message(legacy))).repeated).toBe(1)
  const end = await intake.take({ ...message(), resolvedGroups: ['rule-7'] })
  expect(end.resolved).toHaveLength(1)
  expect((await intake.take(message(legacy))).accepted).toHaveLength(1)
})

test('a repeat that comes after the end is none of a new firing, neither before nor after a restart', async () => {
  const { intake, catalog, folder } = await openIntake()
  await intake.take(message(alert('a')))
  await intake.take(message(alert('a', { status: 'resolved', endsMs: 9000 })))
  // As from the other of two Alertmanagers, or played again by somebody who listened.
  expect(await intake.take(message(alert('a')))).toMatchObject({ accepted: [], repeated: 1 })
  const [record] = await catalog.listAlerts({ limit: 9 })
  await intake.replace({ ...(record as AlertRecord), state: 'open' })
  await catalog.close()
  catalogs.length = 0
  const again = await openIntake(folder)
  expect(await again.intake.take(message(alert('a')))).toMatchObject({ accepted: [], repeated: 1 })
  expect((await again.intake.take(message(alert('a', { startsMs: 10_000 })))).accepted).toHaveLength(1)
})

test('of firings that nobody ends the oldest are forgotten', async () => {
  const { intake } = await openIntake(undefined, { mostOpen: 2 })
  await intake.take(message(alert('a'), alert('b'), alert('c')))
  expect(await intake.take(message(alert('b'), alert('c')))).toMatchObject({ accepted: [], repeated: 2 })
  expect((await intake.take(message(alert('a')))).accepted).toHaveLength(1)
})

test('the same alert in many requests at once is one record, and a storm needs few transactions', async () => {
  const { intake, catalog, transactions } = await openIntake()
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) => intake.take(message(alert(`s${i % 100}`), alert('same')))),
  )
  expect(answers.flatMap(({ accepted }) => accepted)).toHaveLength(101)
  expect((await catalog.listAlerts({ limit: 1000 })).length).toBe(101)
  expect(transactions()).toBeLessThan(5)
})

test('after a restart nothing is lost and nothing is new again', async () => {
  const first = await openIntake()
  await first.intake.take(message(alert('a'), alert('b')))
  const [a] = first.queued
  await first.intake.replace({ ...(a as AlertRecord), state: 'open' })
  await first.catalog.close()
  catalogs.length = 0
  const second = await openIntake(first.folder)
  expect(second.queued.map((record) => record.alert.series)).toEqual(['b'])
  expect(await second.intake.take(message(alert('a'), alert('b')))).toMatchObject({ accepted: [], repeated: 2 })
})

test('before it is known what an earlier run has, nothing is taken', async () => {
  const first = await openIntake()
  await first.intake.take(message(alert('a')))
  const early = createAlertIntake({ catalog: first.catalog, onQueued: () => undefined, onResolved: () => undefined })
  const answer = early.take(message(alert('a')))
  await early.resume()
  expect(await answer).toMatchObject({ accepted: [], repeated: 1 })
  expect(await first.catalog.listAlerts({ limit: 10 })).toHaveLength(1)
})

test('what could not be written is not acknowledged, and the sender may repeat it', async () => {
  const { intake, catalog, queued } = await openIntake()
  await catalog.close()
  catalogs.length = 0
  await expect(intake.take(message(alert('a')))).rejects.toThrow('closed')
  expect(queued).toEqual([])
  await expect(intake.take(message(alert('a')))).rejects.toThrow('closed')
})

test('a disk that does not keep up is told to the sender as something to repeat, and nothing is half taken', async () => {
  const open: { finish(): void } = { finish: () => undefined }
  const disk = new Promise<void>((resolve) => {
    open.finish = resolve
  })
  const queued: AlertRecord[] = []
  const intake = createAlertIntake({
    catalog: { saveAlerts: () => disk, unresolvedAlerts: async () => [], listAlerts: async () => [] },
    onQueued: (records) => queued.push(...records),
    onResolved: () => undefined,
  })
  await intake.resume()
  const many = Array.from({ length: 50_001 }, (_, i) => alert(`series-${i}`))
  const first = intake.take(message(...many))
  await expect(intake.take(message(alert('one more')))).rejects.toMatchObject({ code: 'OVERLOADED' })
  open.finish()
  await first
  expect(queued).toHaveLength(many.length)
  expect(await intake.take(message(alert('one more')))).toMatchObject({ accepted: [expect.anything()] })
})

test('what is on disk is decided about though a repeat beside it could not be kept', async () => {
  const { intake, queued, failures, transactions } = await openIntake()
  const disk = Promise.withResolvers<never>()
  failures.push(() => disk.promise)
  const first = intake.take(message(alert('a')))
  first.catch(() => undefined) // looked at below
  await expect.poll(transactions).toBe(1)
  const second = intake.take(message(alert('a'), alert('b')))
  second.catch(() => undefined)
  disk.reject(new Error('no space'))
  await expect(first).rejects.toThrow('no space')
  await expect(second).rejects.toThrow('no space')
  expect(queued.map(({ alert: { series } }) => series)).toEqual(['b'])
  expect(await intake.take(message(alert('a'), alert('b')))).toMatchObject({ accepted: [{}], repeated: 1 })
})

test('an end that could not be kept is taken when it is told again', async () => {
  const { intake, resolved, failures, catalog, queued } = await openIntake()
  await intake.take(message(alert('a'), alert('b')))
  for (const record of queued) await intake.replace({ ...record, state: 'open' })
  failures.push(() => Promise.reject(new Error('no space')))
  const end = message(alert('a', { status: 'resolved' }), alert('b', { startsMs: 5000 }))
  await expect(intake.take(end)).rejects.toThrow('no space')
  expect(resolved).toEqual([])
  expect(await intake.take(end)).toMatchObject({ accepted: [{}], resolved: [{}, {}] })
  expect((await catalog.unresolvedAlerts()).map((each) => each.alert)).toMatchObject([{ series: 'b', startsMs: 5000 }])
})

test('what begins and ends in one message has ended once it is decided about', async () => {
  const { intake, catalog, queued } = await openIntake()
  await intake.take(message(alert('a'), alert('a', { status: 'resolved', endsMs: 9000 })))
  expect(queued).toHaveLength(1)
  expect(await intake.replace({ ...(queued[0] as AlertRecord), state: 'open' })).toMatchObject({
    state: 'resolved',
    resolvedMs: 9000,
  })
  expect(await catalog.unresolvedAlerts()).toEqual([])
})

test('what ended before it was decided about is decided about after a restart, and fires anew when it does', async () => {
  const first = await openIntake()
  await first.intake.take(message(alert('a')))
  await first.intake.take(message(alert('a', { status: 'resolved', endsMs: 9000 })))
  await first.catalog.close()
  catalogs.length = 0
  const second = await openIntake(first.folder)
  expect(second.queued).toMatchObject([{ alert: { series: 'a' }, state: 'queued', resolvedMs: 9000 }])
  // Another message without a start, as of a sender that does not say: what has ended is nothing that it repeats.
  const { startsMs: _, ...again } = alert('a')
  expect(await second.intake.take(message(again))).toMatchObject({ accepted: [{}], repeated: 0 })
  const [ended] = second.queued
  expect(await second.intake.replace({ ...(ended as AlertRecord), state: 'open' })).toMatchObject({
    state: 'resolved',
    resolvedMs: 9000,
  })
  expect(await second.catalog.unresolvedAlerts()).toMatchObject([{ state: 'queued' }])
})

test('what nobody could decide about for weeks is told to who decides, and does not fire any more', async () => {
  const first = await openIntake()
  const weekAgo = Date.now() - 8 * 24 * 3_600_000
  const old = { receivedMs: weekAgo, alert: alert('a'), decisions: [] }
  await first.catalog.saveAlerts([
    { ...old, id: 'alr-1', state: 'queued' },
    { ...old, id: 'alr-2', alert: alert('b'), state: 'open' },
  ])
  await first.intake.resume()
  expect(first.queued.map(({ id }) => id)).toEqual(['alr-1'])
  expect(await first.intake.take(message(alert('a'), alert('b')))).toMatchObject({ accepted: [{}, {}], repeated: 0 })
})
