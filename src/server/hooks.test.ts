// Alerts from the request to the order that an agent gets, over a real server.
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cart, makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import type { ServerMessage } from '../api/messages.ts'
import type { HookAnswer } from '../api/shapes.ts'
import type { Vitals } from '../model/inventory.ts'
import type { Target } from '../model/target.ts'

const alert = (change: object = {}) => ({
  status: 'firing',
  labels: { alertname: 'CpuHigh', namespace: 'shop', pod: 'cart-0', container: 'app' },
  annotations: { summary: 'cart-0 is busy' },
  startsAt: new Date(Date.now() - 90_000).toISOString(),
  endsAt: '0001-01-01T00:00:00Z',
  fingerprint: 'aa',
  ...change,
})
const message = (...alerts: object[]) => ({ version: '4', groupKey: 'g', status: 'firing', alerts })

interface PostOptions {
  path?: string
  method?: string
  headers?: Record<string, string>
}
const post = (
  server: TestServer,
  body: unknown,
  { path = '/hooks', method = 'POST', headers = {} }: PostOptions = {},
) => fetch(`${server.url}${path}`, { method, headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
async function take(server: TestServer, body: unknown): Promise<HookAnswer> {
  const response = await post(server, body)
  expect(response.status).toBe(202)
  return (await response.json()) as HookAnswer
}

const idle: Vitals = {
  cores: 0.4,
  limitCores: 0.5,
  baselineCores: 0.35,
  runtimes: ['go'],
  node: { cpus: 2, cores: 1, memoryAvailableShare: 0.5 },
}
/** An agent on whose node the cart runs. */
async function connectCart(
  server: TestServer,
  { targets = [cart], vitals = idle, node = 'node-1' }: { targets?: Target[]; vitals?: Vitals; node?: string } = {},
): Promise<PlayedAgent> {
  const agent = await PlayedAgent.connect(server.url, { node })
  agent.answerWith((question) => {
    const { about } = question
    if (about === 'targets')
      return { about, candidates: targets.map((target, i) => ({ target, cores: 1 - i / 10 })), near: [] }
    return { about: 'vitals', ...vitals }
  })
  return agent
}
type Order = Extract<ServerMessage, { type: 'start-capture' }>
const orders = (agent: PlayedAgent): Order[] => agent.received.filter((each) => each.type === 'start-capture')
const decided = (server: TestServer) =>
  until(
    async () => (await server.client.get('/api/v1/alerts')).alerts,
    (alerts) => alerts.length > 0 && alerts.every(({ state }) => state !== 'queued'),
  )

test('an alert becomes an incident of the container that its labels name, with the time before it began', async () => {
  await using server = await startTestServer()
  const agent = await connectCart(server)
  const { accepted } = await take(server, message(alert()))
  expect(accepted).toMatchObject([{ name: 'CpuHigh' }])
  const order = await agent.nextOf('start-capture')
  expect(order).toMatchObject({ triggerKind: 'alert', rule: 'default', captureKind: 'bundle', target: cart })
  expect(order.reason).toBe('alert CpuHigh: cart-0 is busy')
  // A minute before it began to fire, which was 90 s ago.
  expect(order.lookBackMs).toBeGreaterThanOrEqual(150_000)
  const { incident } = await server.client.get('/api/v1/incidents/{id}', { params: { id: order.incidentId as string } })
  expect(incident).toMatchObject({
    trigger: { kind: 'alert' },
    alerts: [{ name: 'CpuHigh', summary: 'cart-0 is busy' }],
  })
  expect(incident.noticedMs - incident.onsetMs).toBeGreaterThanOrEqual(90_000)
  const [record] = await decided(server)
  expect(record?.decisions).toMatchObject([
    { outcome: 'captured', because: 'by labels pod, container, namespace', incidentId: order.incidentId },
  ])
})

test('repeats of a firing capture nothing; its end closes the incident', async () => {
  await using server = await startTestServer()
  const agent = await connectCart(server)
  const firing = alert()
  await take(server, message(firing))
  const order = await agent.nextOf('start-capture')
  expect(await take(server, message(firing))).toMatchObject({ accepted: [], repeated: 1 })
  const endsAt = new Date().toISOString()
  const answer = await take(server, message(alert({ ...firing, status: 'resolved', endsAt })))
  expect(answer.resolved).toHaveLength(1)
  const { incident } = await until(
    () => server.client.get('/api/v1/incidents/{id}', { params: { id: order.incidentId as string } }),
    (detail) => detail.incident.endedMs !== undefined,
  )
  expect(incident.endedMs).toBe(Date.parse(endsAt))
  expect(orders(agent)).toHaveLength(1)
})

test('what ended before anybody was asked about it is an incident that has ended', async () => {
  await using server = await startTestServer()
  const firing = alert()
  // No agent yet: it is decided about when one is there.
  await take(server, message(firing))
  const endsAt = new Date().toISOString()
  await take(server, message(alert({ ...firing, status: 'resolved', endsAt })))
  // Each that comes back is asked, and the one that knows it may be the last.
  for (const node of ['a', 'b', 'c', 'd']) {
    const other = await connectCart(server, { node, targets: [] })
    await other.nextOf('ask')
  }
  const agent = await connectCart(server)
  const order = await agent.nextOf('start-capture')
  const { incident } = await until(
    () => server.client.get('/api/v1/incidents/{id}', { params: { id: order.incidentId as string } }),
    (detail) => detail.incident.endedMs !== undefined,
  )
  expect(incident).toMatchObject({ endedMs: Date.parse(endsAt), alerts: [{ resolvedMs: Date.parse(endsAt) }] })
})

test('within the cooldown a new firing is refused, which the ledger and the alert say', async () => {
  await using server = await startTestServer()
  const agent = await connectCart(server)
  await take(server, message(alert()))
  const order = await agent.nextOf('start-capture')
  const detail = await server.client.get('/api/v1/captures/{id}', { params: { id: order.captureId } })
  await agent.deliver({ type: 'capture', capture: { ...detail.capture, state: 'complete' } })
  // Another episode as far as incidents go: the first one ended long ago.
  const { incident } = await server.client.get('/api/v1/incidents/{id}', { params: { id: order.incidentId as string } })
  const longAgo = Date.now() - 3_600_000
  await agent.deliver({ type: 'incident', incident: { ...incident, state: 'complete', endedMs: longAgo } })
  await take(server, message(alert({ startsAt: new Date().toISOString() })))
  const alerts = await decided(server)
  expect(alerts[0]?.decisions).toMatchObject([{ outcome: 'refused', guard: 'cooldown' }])
  const { entries } = await server.client.get('/api/v1/triggers')
  expect(entries.map(({ outcome, guard }) => guard ?? outcome).sort()).toEqual(['accepted', 'cooldown'])
  const rules = await server.client.get('/api/v1/rules')
  expect(rules.rules).toMatchObject([
    { name: 'default', captures: 1, cooling: [{ workload: 'shop/statefulset/cart' }] },
    { name: 'spikes', captures: 0 },
  ])
})

test('an alert about what the spike watcher captured already joins that incident', async () => {
  await using server = await startTestServer()
  const agent = await connectCart(server)
  const noticedMs = Date.now() - 60_000
  const incident = makeIncident({
    id: 'inc-spike',
    target: cart,
    onsetMs: noticedMs - 500,
    noticedMs,
    state: 'complete',
  })
  await agent.deliver({ type: 'incident', incident })
  await take(server, message(alert()))
  const [record] = await decided(server)
  expect(record?.decisions).toMatchObject([{ outcome: 'joined', incidentId: 'inc-spike' }])
  const joined = await server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-spike' } })
  expect(joined.incident.alerts).toMatchObject([{ name: 'CpuHigh' }])
  expect(orders(agent)).toEqual([])
})

test('steps of a rule follow one another, whatever became of the one before', async () => {
  await using folder = ownFolder()
  const rulesFile = join(folder.path, 'rules.yaml')
  writeFileSync(rulesFile, 'rules: [{ name: steps, do: [context, cpu 5s] }]')
  await using server = await startTestServer({ rulesFile })
  const agent = await connectCart(server)
  await take(server, message(alert()))
  const first = await agent.nextOf('start-capture')
  expect(first.captureKind).toBe('context')
  const { capture } = await server.client.get('/api/v1/captures/{id}', { params: { id: first.captureId } })
  await agent.deliver({ type: 'capture', capture: { ...capture, state: 'failed' } })
  const second = (await agent.next((each) => each.type === 'start-capture' && each.captureKind === 'cpu')) as Order
  expect(second).toMatchObject({ incidentId: first.incidentId, forMs: 5000, rule: 'steps' })
})

test('a CPU condition is judged by what the target uses of its limit', async () => {
  await using folder = ownFolder()
  const rulesFile = join(folder.path, 'rules.yaml')
  writeFileSync(rulesFile, 'rules: [{ name: busy, when: { above: 90% } }]')
  await using server = await startTestServer({ rulesFile })
  await connectCart(server)
  await take(server, message(alert()))
  const [record] = await decided(server)
  expect(record?.decisions).toMatchObject([
    { outcome: 'skipped', message: 'shop/cart-0/app: it uses 80 % of its limit, above is 90 %' },
  ])
})

test('a rule file that changes is read again, and what makes no sense of it is told', async () => {
  await using folder = ownFolder()
  const rulesFile = join(folder.path, 'rules.yaml')
  writeFileSync(rulesFile, 'rules: [{ name: first }]')
  await using server = await startTestServer({ rulesFile })
  const names = async () => {
    const { rules, problem } = await server.client.get('/api/v1/rules')
    return [problem ?? '', ...rules.map(({ name }) => name)]
  }
  expect(await names()).toEqual(['', 'first'])
  writeFileSync(rulesFile, 'rules: [{ name: second, limts: {} }]')
  expect(await until(names, ([problem]) => problem !== '')).toEqual([expect.stringContaining('limts'), 'first'])
})

test('an alert that names nobody is kept with the reason', async () => {
  await using server = await startTestServer()
  await connectCart(server)
  await take(server, message(alert({ labels: { alertname: 'Watchdog' } })))
  const [record] = await decided(server)
  expect(record?.decisions).toMatchObject([{ outcome: 'skipped' }])
  expect(record?.decisions[0]?.message).toContain('no label names a target')
})

test('what was acknowledged is decided after a restart, and nothing is captured twice', async () => {
  await using folder = ownFolder()
  const dataDir = join(folder.path, 'data')
  const first = await startTestServer({ dataDir })
  await take(first, message(alert(), alert({ fingerprint: 'bb', labels: { alertname: 'Watchdog' } })))
  await first.close()
  await using server = await startTestServer({ dataDir })
  const agent = await connectCart(server)
  const order = await agent.nextOf('start-capture')
  await decided(server)
  await server.close()
  await using again = await startTestServer({ dataDir })
  const returned = await connectCart(again)
  expect(await take(again, message(alert({ startsAt: undefined })))).toMatchObject({ accepted: [], repeated: 1 })
  // It has not been heard of since: told again, by the same name.
  expect((await returned.nextOf('start-capture')).captureId).toBe(order.captureId)
  expect(orders(returned)).toHaveLength(1)
  const { captures } = await again.client.get('/api/v1/captures')
  expect(captures.map(({ id }) => id)).toEqual([order.captureId])
})

describe('the door', () => {
  test('POST and PUT, any content type or none, and a path for each sender', async () => {
    await using server = await startTestServer()
    for (const path of ['/hooks', '/hooks/alertmanager', '/hooks/prometheus']) {
      expect((await post(server, message(), { path })).status).toBe(202)
      expect(
        (await post(server, message(), { path, method: 'PUT', headers: { 'content-type': 'text/x' } })).status,
      ).toBe(202)
    }
    const wrong = await post(server, message(), { path: '/hooks/grafana' })
    expect([wrong.status, ((await wrong.json()) as { message: string }).message]).toEqual([
      400,
      'this is a message of Alertmanager, which is to be sent to /hooks/alertmanager',
    ])
    expect((await post(server, message(), { path: '/hooks/nagios' })).status).toBe(404)
  })

  test('nonsense is refused with the reason, too much with 413', async () => {
    await using server = await startTestServer()
    expect((await post(server, '{')).status).toBe(400)
    expect((await post(server, { text: 'hi' })).status).toBe(400)
    expect((await post(server, `{"x":"${'x'.repeat(2_000_000)}"}`)).status).toBe(413)
  })

  test('token, basic and signature each let in; anything else does not', async () => {
    const hooks = { basic: 'grafana:s3cret', secret: 'key' }
    await using server = await startTestServer({ token: 'tok', hooks })
    const status = async (headers: Record<string, string>) => (await post(server, message(), { headers })).status
    const sign = (text: string) => createHmac('sha256', 'key').update(text).digest('hex')
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    const body = JSON.stringify(message())
    expect(await status({})).toBe(401)
    expect(await status({ authorization: 'Bearer tok' })).toBe(202)
    expect(await status({ authorization: 'Bearer toc' })).toBe(401)
    expect(await status(basic('grafana:s3cret'))).toBe(202)
    expect(await status(basic('grafana:wrong'))).toBe(401)
    expect(await status({ 'x-grafana-alerting-signature': sign(body) })).toBe(202)
    expect(await status({ 'x-grafana-alerting-signature': sign(`${body} `) })).toBe(401)
    expect(await status({ 'x-grafana-alerting-signature': 'zz' })).toBe(401)
  })

  test('who shows nothing is refused before the body has come', async () => {
    await using server = await startTestServer({ token: 'tok', hooks: { secret: 'key' } })
    const sending = request(`${server.url}/hooks`, { method: 'POST', headers: { 'content-length': 1000 } })
    sending.on('error', () => undefined) // the connection is closed with the answer
    sending.write('{')
    const [answer] = (await once(sending, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(401)
    sending.destroy()
  })

  test('a signature with a time is good for minutes only', async () => {
    await using server = await startTestServer({ hooks: { secret: 'key', timestampHeader: 'X-Time' } })
    const status = async (seconds: number, signed = seconds) => {
      const signature = createHmac('sha256', 'key')
        .update(`${signed}:${JSON.stringify(message())}`)
        .digest('hex')
      const headers = { 'x-grafana-alerting-signature': signature, 'x-time': String(seconds) }
      return (await post(server, message(), { headers })).status
    }
    const now = Math.floor(Date.now() / 1000)
    expect(await status(now)).toBe(202)
    expect(await status(now - 3600)).toBe(401)
    expect(await status(now, now - 1)).toBe(401)
  })
})

function ownFolder() {
  const path = mkdtempSync(join(tmpdir(), 'spikecam-hooks-'))
  return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) }
}
