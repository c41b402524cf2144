// Who is let in: names of the server, origins, tokens.
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer } from '../../test/running-server.ts'
import { createClient } from '../api/client.ts'
import { createAccess } from './access.ts'

/** fetch does not let a caller choose Host; node:http does. */
function ask(url: string, headers: Record<string, string>, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('without a token', () => {
  test.each([
    ['127.0.0.1:80', 200],
    ['localhost', 200],
    ['spikecam.localhost:7575', 200],
    ['[::1]:7575', 200],
    ['192.168.1.7', 200],
    ['spikecam.example', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
  ])('the host %s is answered with %d', async (host, status) => {
    await using server = await startTestServer({ publicUrl: 'https://spikecam.example/' })
    const answer = await ask(`${server.url}/api/v1/status`, { host })
    expect(answer.status).toBe(status)
    if (status === 403) expect(JSON.parse(answer.body)).toMatchObject({ code: 'HOST_NOT_ALLOWED' })
  })

  test.each([
    [{}, 404],
    [{ origin: 'http://OWN' }, 404],
    [{ 'sec-fetch-site': 'same-origin' }, 404],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
  ])('what changes something, asked with %o, is answered with %d', async (headers, status) => {
    await using server = await startTestServer()
    const own = new URL(server.url).host
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace('OWN', own)]))
    const answer = await ask(`${server.url}/api/v1/captures/cap-x/stop`, sent, 'POST')
    expect(answer.status).toBe(status)
    if (status === 403) expect(JSON.parse(answer.body)).toMatchObject({ code: 'CROSS_ORIGIN' })
  })

  test('a page of another site cannot play an agent', async () => {
    await using server = await startTestServer()
    const asked = PlayedAgent.connect(server.url, { headers: { origin: 'http://evil.example' } })
    await expect(asked).rejects.toThrow('403')
  })
})

describe('with a token', () => {
  const token = 'correct horse'

  test('everything but health wants it, as a header or as the cookie of /login', async () => {
    await using server = await startTestServer({ token })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    for (const path of ['/api/v1/status', '/metrics', '/api/v1/openapi.json', '/api/v1/events', '/']) {
      expect((await fetch(server.url + path)).status, path).toBe(401)
    }
    expect((await server.client.get('/api/v1/status')).version).toBe('0.0.0-test')
    const wrong = createClient({ baseUrl: server.url, token: 'wrong' })
    await expect(wrong.get('/api/v1/status')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: 'this is not the right token',
    })

    const login = await fetch(`${server.url}/login?token=${encodeURIComponent(token)}`, { redirect: 'manual' })
    expect([login.status, login.headers.get('location')]).toEqual([302, '/'])
    const cookie = login.headers.get('set-cookie') as string
    expect(cookie).toMatch(/^spikecam_token=correct%20horse; Path=\/; HttpOnly; SameSite=Lax; Max-Age=31536000$/)
    const own = { cookie: `other=1; ${cookie.split(';')[0]}` }
    expect((await fetch(`${server.url}/api/v1/status`, { headers: own })).status).toBe(200)
    expect((await fetch(`${server.url}/login?token=wrong`, { redirect: 'manual' })).status).toBe(401)
  })

  test('a cookie that is no escaped text is a wrong token, and no fault of ours', async () => {
    await using server = await startTestServer({ token })
    const headers = { cookie: 'spikecam_token=%zz' }
    expect((await fetch(`${server.url}/api/v1/status`, { headers })).status).toBe(401)
    expect(server.logged.filter(({ level }) => Number(level) >= 50)).toEqual([])
  })

  test('a browser is shown where to enter it', async () => {
    await using server = await startTestServer({ token })
    const page = await fetch(`${server.url}/incidents/x`, { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8'])
    expect(await page.text()).toContain('<form action="/login"')
  })

  test('a token of their own lets agents in, and nowhere else', async () => {
    await using server = await startTestServer({ token, agentToken: 'for agents' })
    await expect(PlayedAgent.connect(server.url)).rejects.toThrow('401')
    await expect(PlayedAgent.connect(server.url, { token })).rejects.toThrow('401')
    const agent = await PlayedAgent.connect(server.url, { token: 'for agents' })
    expect(await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-1' }) })).toMatchObject({
      type: 'stored',
    })
    const asAgent = createClient({ baseUrl: server.url, token: 'for agents' })
    await expect(asAgent.get('/api/v1/incidents')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    const upload = await asAgent.raw(`/api/v1/agent/uploads/${'a'.repeat(64)}`)
    expect(await upload.json()).toEqual({ offset: 0, complete: false })
  })

  test('any name will do: the token is what protects', async () => {
    await using server = await startTestServer({ token })
    const headers = { host: 'spikecam.monitoring.svc', authorization: `Bearer ${token}` }
    expect((await ask(`${server.url}/api/v1/status`, headers)).status).toBe(200)
  })
})

test('an address that others can reach is refused without a token', async () => {
  expect(() => createAccess({ host: '0.0.0.0' })).toThrow(expect.objectContaining({ code: 'USAGE' }))
  await expect(startTestServer({ listen: { host: '::', port: 0 } })).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('--token'),
  })
  await using server = await startTestServer({ listen: { host: '0.0.0.0', port: 0 }, token: 'x' })
  expect((await fetch(server.url.replace('0.0.0.0', '127.0.0.1'))).status).toBe(401)
})
