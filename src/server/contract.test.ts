// What every caller may rely on: errors, limits, the OpenAPI document, events, metrics.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../test/free-port.ts'
import { makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import { openapiPath, routes } from '../api/routes.ts'
import { ErrorBody, type ServerEvent } from '../api/shapes.ts'
import { watchEvents } from '../api/watch.ts'
import { type FailureCode, failures } from '../model/errors.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const asJson = { 'content-type': 'application/json' }
const sha256 = 'a'.repeat(64)
const upload = { 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' }

describe('errors are {code, message, advice} everywhere', () => {
  const cases: [name: string, path: string, init: RequestInit, code: FailureCode, message: RegExp][] = [
    ['unknown path', '/api/v1/nothing', {}, 'NOT_FOUND', /nothing is at \/api\/v1\/nothing/],
    ['unknown incident', '/api/v1/incidents/inc-x', {}, 'NOT_FOUND', /there is no incident inc-x/],
    ['unknown capture', '/api/v1/captures/cap-x', {}, 'NOT_FOUND', /there is no capture cap-x/],
    ['unknown artifact', '/api/v1/artifacts/art-x/content', {}, 'NOT_FOUND', /there is no artifact art-x/],
    ['view of unknown', '/api/v1/incidents/inc-x/flame', {}, 'NOT_FOUND', /there is no incident inc-x/],
    ['wrong method', '/api/v1/incidents', { method: 'DELETE' }, 'METHOD_NOT_ALLOWED', /takes GET, HEAD, not DELETE/],
    ['bad limit', '/api/v1/incidents?limit=0', {}, 'BAD_REQUEST', /^query limit: /],
    ['bad phase', '/api/v1/incidents/x/top?phase=never', {}, 'BAD_REQUEST', /^query phase: /],
    ['bad cursor', '/api/v1/incidents?cursor=%21', {}, 'BAD_REQUEST', /cursor was not given by this server/],
    ['bad state', '/api/v1/captures?state=tired', {}, 'BAD_REQUEST', /tired is none of recording/],
    ['bad sha256', '/api/v1/agent/uploads/xyz', {}, 'BAD_REQUEST', /^param sha256: /],
    ['not JSON', '/api/v1/captures', { method: 'POST', headers: asJson, body: '{"kind"' }, 'BAD_REQUEST', /JSON/],
    [
      'wrong JSON',
      '/api/v1/captures',
      { method: 'POST', headers: asJson, body: '{}' },
      'BAD_REQUEST',
      /^body kind: .*"bundle"/,
    ],
    ['no JSON at all', '/api/v1/captures', { method: 'POST', body: 'kind=cpu' }, 'BAD_REQUEST', /Media Type/],
    [
      'large body',
      '/api/v1/captures',
      { method: 'POST', headers: asJson, body: ' '.repeat(1_100_000) },
      'TOO_LARGE',
      /larger than 1048576/,
    ],
    [
      'large upload',
      `/api/v1/agent/uploads/${sha256}`,
      { method: 'PATCH', headers: { ...upload, 'upload-length': '2000000000' }, body: 'x' },
      'TOO_LARGE',
      /an artifact of 2\.0 GB is more than the 1\.0 GB/,
    ],
    [
      'upload without length',
      `/api/v1/agent/uploads/${sha256}`,
      { method: 'PATCH', headers: upload, body: 'x' },
      'BAD_REQUEST',
      /^header upload-length: /,
    ],
    ['socket without upgrade', '/api/v1/agent/socket', {}, 'PROTOCOL', /WebSocket/],
    ['report without UI', '/api/v1/incidents/inc-x/export.html', {}, 'NOT_FOUND', /UI is not built/],
    [
      'no agent',
      '/api/v1/captures',
      { method: 'POST', headers: asJson, body: '{"kind":"cpu","target":{"kind":"node"}}' },
      'NOT_FOUND',
      /no agent is connected/,
    ],
  ]
  test.each(cases)('%s', async (_name, path, init, code, message) => {
    const response = await fetch(server.url + path, init)
    const body = ErrorBody.parse(await response.json())
    expect(body).toMatchObject({ code, message: expect.stringMatching(message), advice: failures[code].advice })
    expect(response.status).toBe(failures[code].status)
  })

  test('a body that hides its size is cut off at the limit', async () => {
    const chunk = new TextEncoder().encode(' '.repeat(65_536))
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        controller.enqueue(chunk)
        sent += chunk.length
        if (sent > 50_000_000) controller.close()
      },
    })
    const init = { method: 'POST', headers: asJson, body, duplex: 'half' } as RequestInit
    const response = await fetch(`${server.url}/api/v1/captures`, init)
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(50_000_000)
  })

  test('405 says what is allowed', async () => {
    const response = await fetch(`${server.url}/api/v1/captures`, { method: 'PUT' })
    expect(response.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST'])
  })
})

test('a client that never finishes its headers is cut off', async () => {
  await using slow = await startTestServer({ headersWithinMs: 200 })
  const socket = connect(Number(new URL(slow.url).port), '127.0.0.1')
  socket.on('error', () => undefined) // reset instead of a clean end: cut off all the same
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-')
  await once(socket, 'close')
  expect(answer).toMatch(/^HTTP\/1\.1 408 /)
})

describe('the OpenAPI document', () => {
  test('describes every route of the table, and every reference in it leads somewhere', async () => {
    const document = (await (await fetch(server.url + openapiPath)).json()) as Record<string, unknown>
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Spikecam' } })
    const paths = document.paths as Record<
      string,
      Record<string, { parameters?: { name: string; in: string }[]; responses: object }>
    >
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(described.sort()).toEqual(
      Object.values(routes)
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    )
    for (const [path, methods] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      for (const { parameters = [], responses } of Object.values(methods)) {
        expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(named)
        expect(Object.keys(responses).length).toBeGreaterThan(0)
      }
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      (match) => match[1] as string,
    )
    expect(references.length).toBeGreaterThan(10)
    for (const reference of references) {
      const target = reference
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document)
      expect(target, reference).toBeDefined()
    }
  })
})

describe('events', () => {
  test('tell of incidents as they are stored, and of agents that come and go', async () => {
    const events: ServerEvent[] = []
    const stop = new AbortController()
    let connected: () => void = () => undefined
    const isConnected = new Promise<void>((resolve) => {
      connected = resolve
    })
    const watching = watchEvents(server.client, {
      signal: stop.signal,
      onEvent: (event) => events.push(event),
      onState: () => connected(),
    })
    await isConnected
    const agent = await PlayedAgent.connect(server.url, { node: 'node-9' })
    await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-live' }) })
    await agent.close()
    const seen = await until(
      async () => events.map((event) => (event.type === 'agent' ? `agent ${event.agent.connected}` : event.type)),
      (list) => list.includes('agent false'),
    )
    // The incident is told of twice: as the agent brought it, and with what the rules say of it.
    expect([...new Set(seen)]).toEqual(['agent true', 'incident', 'agent false'])
    stop.abort()
    await watching
    await until(
      async () => server.client.raw('/metrics').then((response) => response.text()),
      (text) => text.includes('spikecam_event_listeners 0'),
    )
  })

  test('a listener that is cut off comes back', async () => {
    const listen = { host: '127.0.0.1', port: await freePort() }
    const first = await startTestServer({ listen })
    const states: boolean[] = []
    const stop = new AbortController()
    const watching = watchEvents(first.client, {
      signal: stop.signal,
      onEvent: () => undefined,
      onState: (isUp) => states.push(isUp),
    })
    await until(
      async () => states.at(-1),
      (isUp) => isUp === true,
    )
    await first[Symbol.asyncDispose]()
    await until(
      async () => states.at(-1),
      (isUp) => isUp === false,
    )
    const second = await startTestServer({ listen })
    await until(
      async () => states.at(-1),
      (isUp) => isUp === true,
    )
    stop.abort()
    await watching
    await second[Symbol.asyncDispose]()
  })
})

test('health and metrics', async () => {
  expect(await (await fetch(`${server.url}/healthz`)).text()).toBe('ok\n')
  expect(await (await fetch(`${server.url}/readyz`)).text()).toBe('ok\n')
  await fetch(`${server.url}/api/v1/incidents/inc-x`)
  await fetch(`${server.url}/wp-admin/${Math.random()}.php`)
  const text = await (await fetch(`${server.url}/metrics`)).text()
  expect(text).toMatch(
    /^spikecam_http_requests_total\{method="GET",route="\/api\/v1\/incidents\/\{id\}",status="404"\} \d+$/m,
  )
  expect(text).toMatch(/^spikecam_http_requests_total\{method="GET",route="unknown",status="404"\} \d+$/m)
  expect(text).not.toContain('wp-admin')
  for (const name of [
    'spikecam_incidents',
    'spikecam_artifact_bytes',
    'spikecam_agents_connected',
    'nodejs_eventloop_lag_seconds',
  ]) {
    expect(text).toMatch(new RegExp(`^${name} [\\d.e-]+$`, 'm'))
  }
})

test('JSON answers are compressed for those who can read that', async () => {
  const response = await fetch(server.url + openapiPath, { headers: { 'accept-encoding': 'gzip' } })
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect(((await response.json()) as { openapi: string }).openapi).toBe('3.1.0')
})
