// Who is told and who is not, with a clock and a receiver in the test's hand; the catalog is real.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeCapture, makeIncident, someMs } from '../../../test/nouns.ts'
import { until } from '../../../test/running-server.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import type { Incident } from '../../model/incident.ts'
import { openDuckdbCatalog } from '../../store/duckdb-catalog.ts'
import { readRules } from '../../trigger/rule.ts'
import { createNotifyDesk } from './desk.ts'

const folder = temporaryFolder()
const receiver = (name: string) => ({ name, type: 'webhook', url: 'https://receiver.example/hook', every: '10m' })
const file = {
  receivers: [receiver('everybody'), receiver('pager')],
  to: 'everybody',
  rules: [
    { name: 'quiet', match: { source: ['spike'], namespaces: ['dev'] }, to: [] },
    { name: 'paging', match: { source: ['alert'] }, to: 'pager' },
  ],
}
const done = (change: Partial<Incident> = {}) =>
  makeIncident({
    id: 'inc-1',
    state: 'complete',
    evidenceMs: someMs + 11_000,
    top: [{ function: 'f', selfShare: 1, totalShare: 1 }],
    ...change,
  })
const alert = { id: 'alr-1', name: 'CpuHigh', receivedMs: someMs + 60_000, rule: 'paging' }

async function openDesk(name: string, { rules = file as object, now = someMs + 12_000 } = {}) {
  const catalog = await openDuckdbCatalog(join(folder, `${name}.duckdb`))
  const clock = { now }
  const told: string[] = []
  const desk = createNotifyDesk({
    catalog,
    rules: () => readRules(rules),
    send: async ({ name: to }, { values }) => {
      told.push(`${to}: ${values.incident}`)
      return { isDelivered: true, answer: '200' }
    },
    linkOf: (id) => `https://spikecam.example/incidents/${id}`,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    nowMs: () => clock.now,
  })
  const conclude = async (next: Incident, old: Incident = { ...next, state: 'capturing', evidenceMs: undefined }) => {
    await desk.plan(old, next)
    await catalog.updateIncident(next.id, () => next)
    desk.look(next.id)
  }
  const rows = () => catalog.listNotices({ limit: 99 })
  const settled = () => until(rows, (all) => all.every(({ state }) => state !== 'waiting' && state !== 'sending'))
  const close = async () => {
    await desk.close()
    await catalog.close()
  }
  return { catalog, clock, told, desk, conclude, settled, rows, [Symbol.asyncDispose]: close }
}

test('an alert that joins a spike tells the receivers of its rule; those who know are not told again', async () => {
  await using open = await openDesk('joined')
  await open.conclude(done())
  await open.settled()
  expect(open.told).toEqual(['everybody: inc-1'])
  open.clock.now = alert.receivedMs + 1000
  const joined = done({ alerts: [alert] })
  await open.catalog.updateIncident('inc-1', () => joined)
  open.desk.note(joined)
  await until(open.rows, (all) => all.length === 2)
  await open.settled()
  expect(open.told).toEqual(['everybody: inc-1', 'pager: inc-1'])
  await open.conclude(joined, joined)
  expect(await open.rows()).toHaveLength(2)
})

test('what nobody has to hear of is told to nobody', async () => {
  await using open = await openDesk('silent')
  const dev = { kind: 'container' as const, node: 'node-1', pod: 'a', namespace: 'dev' }
  await open.conclude(done({ id: 'inc-dev', target: dev }))
  await open.conclude(done({ id: 'inc-asked', trigger: { kind: 'manual', rule: 'manual', reason: 'asked for' } }))
  await open.conclude(done({ id: 'inc-failed', state: 'failed' }))
  // Concluded long ago, before there was a receiver: it is only looked at again.
  await open.conclude(done({ id: 'inc-old' }), done({ id: 'inc-old' }))
  open.clock.now = alert.receivedMs + 3_600_000
  open.desk.note(done({ id: 'inc-late', alerts: [alert] }))
  await open.conclude(done({ id: 'inc-last', noticedMs: open.clock.now }))
  await open.settled()
  expect(open.told).toEqual(['everybody: inc-last'])
  expect(await open.rows()).toHaveLength(1)
})

test('an incident of yesterday, and a receiver that is gone, are rows that say so', async () => {
  await using open = await openDesk('late', { now: someMs + 13 * 3_600_000 })
  await open.conclude(done())
  const [row] = await open.settled()
  expect(row).toMatchObject({ state: 'failed', attempts: 0, message: 'its beginning was noticed 12 h 59 min ago' })
  expect(open.told).toEqual([])
  const id = 'inc-1.gone'
  const left = {
    id,
    incidentId: 'inc-1',
    receiver: 'gone',
    about: 'x',
    state: 'waiting' as const,
    atMs: someMs,
    attempts: 3,
  }
  await open.catalog.updateNotice(id, () => left)
  await open.desk.resume()
  open.desk.look()
  const rows = await open.settled()
  expect(rows.find((each) => each.id === id)).toMatchObject({
    state: 'failed',
    message: 'there is no receiver gone in the rules any more',
  })
})

test('while stacks are still to come the message waits for them, though not for ever', async () => {
  await using open = await openDesk('patient')
  await open.catalog.updateCapture('cap-2', () => makeCapture({ id: 'cap-2', incidentId: 'inc-1' }))
  await open.conclude(done({ top: [] }))
  open.clock.now += 60_000
  open.desk.look('inc-1')
  await open.desk.close() // resolves when it has been looked at
  expect(open.told).toEqual([])
  expect(await open.rows()).toMatchObject([{ state: 'waiting', attempts: 0 }])
  await open.catalog.close()
  await using again = await openDesk('patient', { now: someMs + 12_000 + 301_000 })
  await again.desk.resume()
  again.desk.look()
  await again.settled()
  expect(again.told).toEqual(['everybody: inc-1'])
})

test('of a workload that burns again and again a receiver hears once in its time, and the rows say so', async () => {
  await using open = await openDesk('again')
  const target = { kind: 'container' as const, node: 'node-1', namespace: 'shop', workload: 'deployment/cart' }
  const burns = async (id: string, pod: string, change: object = {}) => {
    await open.conclude(done({ id, target: { ...target, pod, ...change } }))
    await open.settled()
  }
  await burns('inc-1', 'cart-a')
  open.clock.now += 5 * 60_000
  await burns('inc-2', 'cart-b')
  await burns('inc-3', 'redis-a', { workload: 'deployment/redis' })
  open.clock.now += 5 * 60_000
  await burns('inc-4', 'cart-a')
  expect(open.told).toEqual(['everybody: inc-1', 'everybody: inc-3', 'everybody: inc-4'])
  expect((await open.rows()).find(({ incidentId }) => incidentId === 'inc-2')).toMatchObject({
    state: 'skipped',
    attempts: 0,
    message: 'it was told of shop/deployment/cart 5 min ago (inc-1), and wants to hear of it every 10 min',
  })
})
