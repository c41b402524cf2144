// Notifications over a real server, from the evidence of a spike to what a receiver gets: once, also after restarts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { freePort } from '../../../test/free-port.ts'
import { machineProfile, spikeDocuments } from '../../../test/machine-profile.ts'
import { someMs } from '../../../test/nouns.ts'
import { PlayedAgent } from '../../../test/played-agent.ts'
import { startHttpReceiver } from '../../../test/receivers.ts'
import { startTestServer, type TestServer, until } from '../../../test/running-server.ts'
import { uploadBytes } from '../../agent/upload.ts'
import type { Incident } from '../../model/incident.ts'

const bytes = machineProfile()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spikecam-notify-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const publicUrl = 'https://spikecam.example/on-call'
function rulesFile(document: object): string {
  const path = join(folder, 'rules.yaml')
  writeFileSync(path, stringify(document))
  return path
}
const start = (rulesPath: string, firstPauseMs = 20) =>
  startTestServer({ dataDir: folder, rulesFile: rulesPath, publicUrl, notices: { firstPauseMs, nowMs } })

/** Half a minute after the spike, going on. */
const nowMs = (): number => someMs + 40_000 + performance.now()

/** A spike with all its evidence. */
async function deliverSpike(server: TestServer, change: Partial<Incident> = {}): Promise<PlayedAgent> {
  const agent = await PlayedAgent.connect(server.url)
  const { incident, capture, artifact } = spikeDocuments(bytes)
  const target = {
    ...incident.target,
    namespace: 'shop',
    pod: 'cart-0',
    container: 'app',
    workload: 'statefulset/cart',
  }
  const evidenceMs = incident.onsetMs + 12_000
  await agent.deliver({ type: 'incident', incident: { ...incident, target, evidenceMs, ...change } })
  await agent.deliver({ type: 'capture', capture: { ...capture, target } })
  await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact })
  await agent.deliver({ type: 'capture', capture: { ...capture, target, state: 'complete' } })
  return agent
}
const params = { id: 'inc-1' }
const rows = async (server: TestServer) => (await server.client.get('/api/v1/notices')).notices
const ended = (server: TestServer) =>
  until(
    () => rows(server),
    (all) => all.length > 0 && all.every(({ state }) => state === 'sent' || state === 'failed'),
  )

test('a webhook gets its own document, filled in, once: whatever is repeated, joined or restarted', async () => {
  await using receiver = await startHttpReceiver()
  writeFileSync(join(folder, 'token'), 'Bearer sesame-open\n')
  const body = {
    title: '{{workload}} on {{node}}: {{share}} in {{function}}',
    details: { percent: '{{sharePercent}}', when: ['{{onset}}', '{{noticed}}', '{{evidence}}'], link: '{{link}}' },
  }
  const headers = { authorization: { file: join(folder, 'token') }, 'x-source': 'spikecam' }
  const hook = { name: 'events', type: 'webhook', url: `${receiver.url}/hook?to=sre`, method: 'PUT', headers, body }
  const path = rulesFile({ receivers: [hook], to: 'events' })
  {
    await using server = await start(path)
    const agent = await deliverSpike(server)
    const [row] = await ended(server)
    expect(row).toMatchObject({
      receiver: 'events',
      incidentId: 'inc-1',
      state: 'sent',
      attempts: 1,
      message: '200: ok',
    })
    const { incident, captures } = await server.client.get('/api/v1/incidents/{id}', { params })
    expect(receiver.posted).toMatchObject([{ method: 'PUT', path: '/hook?to=sre' }])
    expect(receiver.posted[0]?.headers).toMatchObject({
      authorization: 'Bearer sesame-open',
      'x-source': 'spikecam',
      'content-type': 'application/json',
      'idempotency-key': 'inc-1.events',
    })
    expect(JSON.parse(receiver.posted[0]!.body)).toEqual({
      title: 'shop/statefulset/cart on node-1: 90.9 % in evilRegex',
      details: {
        percent: 90.9,
        when: ['2026-01-02T03:04:15.000Z', '2026-01-02T03:04:15.600Z', '2026-01-02T03:04:27.000Z'],
        link: `${publicUrl}/incidents/inc-1`,
      },
    })
    await agent.deliver({ type: 'capture', capture: captures[0]! })
    await agent.deliver({ type: 'incident', incident })
    expect(JSON.stringify(server.logged)).not.toContain('sesame')
  }
  await using again = await start(path)
  await again.client.post('/api/v1/incidents/{id}/pin', { params })
  expect(await rows(again)).toHaveLength(1)
  expect(receiver.posted).toHaveLength(1)
  expect(await again.client.get('/api/v1/receivers')).toEqual({
    receivers: [
      { name: 'events', type: 'webhook', place: receiver.url, rules: ['default', 'spikes'], byDefault: true },
    ],
  })
})

test('Slack gets text whose marks are ours alone', async () => {
  await using receiver = await startHttpReceiver()
  writeFileSync(join(folder, 'slack-url'), `${receiver.url}/services/T0/B0/sesame-open\n`)
  const path = rulesFile({
    receivers: [{ name: 'oncall', type: 'slack', url: { file: join(folder, 'slack-url') } }],
    to: 'oncall',
  })
  await using server = await start(path)
  const reason = '<!channel> & `rm` \u2028 @here a@hereby 0.98 cores'
  await deliverSpike(server, { trigger: { kind: 'spike', rule: 'cpu-level', reason } })
  await ended(server)
  expect(receiver.posted[0]?.path).toBe('/services/T0/B0/sesame-open')
  expect(JSON.parse(receiver.posted[0]!.body).text.split('\n')).toEqual([
    '*shop/cart-0/app*: *90.9 %* in `evilRegex`',
    '&lt;!channel&gt; &amp; `rm` @\u200bhere a@hereby 0.98 cores',
    'shop/statefulset/cart on node-1, began 03:04:15Z, noticed after 600 ms, evidence after 12 s',
    `<${publicUrl}/incidents/inc-1|Open the incident>`,
  ])
  const told = JSON.stringify([await server.client.get('/api/v1/receivers'), await rows(server), server.logged])
  expect(told).not.toContain('sesame')
})

test('a receiver that is down is told when it is back, under the same id', async () => {
  const port = await freePort()
  const first = await startHttpReceiver(
    (_, index) => (index === 0 ? { status: 503, headers: { 'retry-after': '0' } } : undefined),
    port,
  )
  const path = rulesFile({ receivers: [{ name: 'events', type: 'webhook', url: first.url }], to: 'events' })
  await using server = await start(path)
  await deliverSpike(server)
  // Refused with 503, then taken without an answer, then gone.
  await until(
    async () => first.posted,
    (posted) => posted.length === 2,
  )
  await first[Symbol.asyncDispose]()
  await until(
    () => rows(server),
    ([row]) => row?.message?.includes('ECONNREFUSED') === true,
  )
  await using second = await startHttpReceiver(undefined, port)
  const [row] = await ended(server)
  expect(row).toMatchObject({ state: 'sent', unsure: true, message: '200: ok' })
  expect(row?.attempts).toBeGreaterThan(3)
  const keys = [...first.posted, ...second.posted].map(({ headers }) => headers['idempotency-key'])
  expect(keys).toEqual(['inc-1.events', 'inc-1.events', 'inc-1.events'])
  const { mayBeRepeat, text } = JSON.parse(second.posted[0]!.body)
  expect([mayBeRepeat, text.includes('This may be a repeat')]).toEqual([true, true])
  // The one that answered had not taken it, and was not asked about a repeat.
  expect(JSON.parse(first.posted[1]!.body).mayBeRepeat).toBeUndefined()
})

test.each([
  [404, 'no_service', 1, 'it answered 404: no_service'],
  [302, '', 1, 'it answered 302: redirects are not followed, write the address that it redirects to'],
  [500, 'boom', 10, 'it answered 500: boom (after 10 attempts)'],
])('what it does not take is given up with the reason: %d', async (status, body, attempts, message) => {
  await using elsewhere = await startHttpReceiver()
  await using receiver = await startHttpReceiver(() => ({ status, body, headers: { location: elsewhere.url } }))
  const path = rulesFile({ receivers: [{ name: 'events', type: 'webhook', url: receiver.url }], to: 'events' })
  await using server = await start(path, 1)
  await deliverSpike(server)
  const [row] = await ended(server)
  expect(row).toMatchObject({ state: 'failed', attempts, message })
  expect(row?.nextMs).toBeUndefined()
  expect(elsewhere.posted).toEqual([])
  const detail = await server.client.get('/api/v1/incidents/{id}', { params })
  expect(detail.notices).toEqual([row])
  expect(await (await server.client.raw('/metrics')).text()).toContain('spikecam_notices{state="failed"} 1')
})

test('what a gateway says leaves open whether it arrived', async () => {
  await using receiver = await startHttpReceiver((_, index) => ({ status: index === 0 ? 504 : 200 }))
  const path = rulesFile({ receivers: [{ name: 'events', type: 'webhook', url: receiver.url }], to: 'events' })
  await using server = await start(path, 1)
  await deliverSpike(server)
  expect(await ended(server)).toMatchObject([{ state: 'sent', attempts: 2, unsure: true }])
  expect(JSON.parse(receiver.posted[1]!.body).mayBeRepeat).toBe(true)
})

test('of an address that is a secret nothing is told on that comes after the host', async () => {
  await using receiver = await startHttpReceiver(({ path }) => ({ status: 404, body: `nobody is at ${path}` }))
  process.env.NOTIFY_TEST_URL = `${receiver.url}/hook/sesame-open?key=sesame-too`
  const hook = { name: 'events', type: 'webhook', url: { env: 'NOTIFY_TEST_URL' } }
  await using server = await start(rulesFile({ receivers: [hook] }))
  const answer = await server.client.post('/api/v1/receivers/{name}/test', { params: { name: 'events' } })
  expect(answer).toMatchObject({ delivered: false, answer: 'it answered 404: nobody is at ***' })
  expect(JSON.stringify(server.logged)).not.toContain('sesame')
  delete process.env.NOTIFY_TEST_URL
})

test('a test message says that it is one, and shows what the receiver answered, without secrets', async () => {
  await using receiver = await startHttpReceiver(({ headers }) => ({
    status: 403,
    body: `bad ${headers.authorization}; token=sesame-open`,
  }))
  const hook = (name: string, env: string) => {
    return { name, type: 'webhook', url: receiver.url, headers: { authorization: { env } } }
  }
  process.env.NOTIFY_TEST_TOKEN = 'Bearer sesame-open'
  const path = rulesFile({ receivers: [hook('events', 'NOTIFY_TEST_TOKEN')] })
  await using server = await start(path)
  const ask = (name: string) => server.client.post('/api/v1/receivers/{name}/test', { params: { name } })
  expect(await ask('events')).toMatchObject({ delivered: false, answer: 'it answered 403: bad ***; token=***' })
  const { test: isTest, subject, link } = JSON.parse(receiver.posted[0]!.body)
  expect([isTest, link]).toEqual([true, `${publicUrl}/`])
  expect(subject).toMatch(/^Test: /)
  await expect(ask('pager')).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('events') })
  expect(await rows(server)).toEqual([])
  delete process.env.NOTIFY_TEST_TOKEN
  expect(await ask('events')).toMatchObject({ answer: 'the environment variable NOTIFY_TEST_TOKEN is not set' })
  await expect(start(path)).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: 'receiver events: headers.authorization: the environment variable NOTIFY_TEST_TOKEN is not set',
  })
})
