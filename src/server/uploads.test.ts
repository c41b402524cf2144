// Uploads over HTTP: cut in half and continued, wrong bytes, the same bytes twice; and what the budget drops.
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { expect, test } from 'vitest'
import { makeArtifact, makeCapture, makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import { sha256Of, someBytes } from '../../test/some-bytes.ts'
import { uploadBytes } from '../agent/upload.ts'

const path = (sha256: string) => `/api/v1/agent/uploads/${sha256}`
const patch = (server: TestServer, sha256: string, offset: number, length: number, body: Uint8Array<ArrayBuffer>) =>
  fetch(server.url + path(sha256), {
    method: 'PATCH',
    headers: {
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
      'upload-length': String(length),
    },
    body,
  })

/** Announces all of the bytes, and sends what is then written to it. */
const announce = (server: TestServer, bytes: Uint8Array): ClientRequest =>
  request(server.url + path(sha256Of(bytes)), {
    method: 'PATCH',
    headers: {
      'content-type': 'application/offset+octet-stream',
      'content-length': bytes.length,
      'upload-offset': '0',
      'upload-length': String(bytes.length),
    },
  })

test('an upload whose connection is cut at half goes on from what arrived', async () => {
  await using server = await startTestServer()
  const bytes = someBytes(3_000_000, 1)
  const sha256 = sha256Of(bytes)
  // Sends half, and is gone: as a node that loses its network.
  const cut = announce(server, bytes)
  cut.on('error', () => undefined)
  cut.write(bytes.subarray(0, 1_500_000))
  const head = () => fetch(server.url + path(sha256), { method: 'HEAD' })
  // The half is on disk before the cut: what a broken connection still held in buffers goes with it on either side.
  const state = await until(
    async () => (await head()).headers,
    (headers) => headers.get('upload-offset') === '1500000',
  )
  cut.destroy()
  expect(state.get('upload-complete')).toBe('?0')
  expect((await server.client.get('/api/v1/status')).data.blobs).toBe(0)

  const wrong = await patch(server, sha256, 7, bytes.length, bytes.subarray(7))
  expect([wrong.status, ((await wrong.json()) as { details: unknown }).details]).toEqual([409, { offset: 1_500_000 }])

  const rest = await patch(server, sha256, 1_500_000, bytes.length, bytes.subarray(1_500_000))
  expect([rest.status, await rest.json()]).toEqual([200, { offset: bytes.length, complete: true }])
  expect((await head()).headers.get('upload-complete')).toBe('?1')
  expect((await server.client.get('/api/v1/status')).data).toMatchObject({ blobs: 1, blobBytes: bytes.length })
})

test('what others have announced is not free any more', async () => {
  const space = { freeBytes: 3_000_000, totalBytes: 10_000_000 }
  const diskLimits = { minFreeShare: 0.1, minFreeBytes: 1e9 }
  await using server = await startTestServer({ measureDisk: async () => space, diskLimits })
  const bytes = someBytes(1_200_000, 1)
  const other = someBytes(1_200_000, 2)
  const sending = announce(server, bytes)
  sending.write(bytes.subarray(0, 1000))
  const head = () => fetch(server.url + path(sha256Of(bytes)), { method: 'HEAD' })
  await until(
    async () => (await head()).headers.get('upload-offset'),
    (offset) => offset === '1000',
  )
  const refused = await patch(server, sha256Of(other), 0, other.length, other)
  expect([refused.status, await refused.json()]).toMatchObject([507, { code: 'DISK_FULL' }])
  sending.end(bytes.subarray(1000))
  const [answer] = (await once(sending, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
  expect((await patch(server, sha256Of(other), 0, other.length, other)).status).toBe(200)
})

test('bytes that are not those of the sha256 are dropped', async () => {
  await using server = await startTestServer()
  const sha256 = sha256Of(someBytes(100, 1))
  const answer = await patch(server, sha256, 0, 100, someBytes(100, 2))
  expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'MALFORMED' }])
  expect(await (await fetch(server.url + path(sha256))).json()).toEqual({ offset: 0, complete: false })
})

test('an agent uploads in pieces, and what is there is not sent again', async () => {
  await using server = await startTestServer()
  const bytes = someBytes(9_000_000, 3)
  const sha256 = sha256Of(bytes)
  await uploadBytes(server.url, { bytes, sha256 })
  const patches = () =>
    server.client.raw('/metrics').then(async (response) => {
      const text = await response.text()
      return /method="PATCH",route="[^"]*",status="200"\} (\d+)/.exec(text)?.[1]
    })
  const before = await patches()
  await uploadBytes(server.url, { bytes, sha256 })
  expect([before, await patches()]).toEqual(['3', '3'])
})

test('beyond the budget the oldest evidence goes, is still known, and a late repeat does not bring it back', async () => {
  await using server = await startTestServer({ dataBudgetBytes: 250_000 })
  const agent = await PlayedAgent.connect(server.url)
  const store = async (n: number) => {
    const bytes = someBytes(100_000, n)
    const artifact = makeArtifact(bytes, { id: `art-${n}`, captureId: `cap-${n}`, createdMs: n })
    await agent.deliver({ type: 'incident', incident: makeIncident({ id: `inc-${n}`, state: 'complete' }) })
    await agent.deliver({
      type: 'capture',
      capture: makeCapture({ id: `cap-${n}`, incidentId: `inc-${n}`, state: 'complete' }),
    })
    await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
    expect(await agent.deliver({ type: 'artifact', artifact })).toMatchObject({ type: 'stored' })
    return artifact
  }
  const first = await store(1)
  await store(2)
  await store(3)
  const { artifacts } = await server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-1' } })
  expect(artifacts[0]?.evictedMs).toBeGreaterThan(0)
  const gone = server.client.bytes('/api/v1/artifacts/{id}/content', { params: { id: 'art-1' } })
  await expect(gone).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('dropped') })
  const flame = server.client.get('/api/v1/incidents/{id}/flame', { params: { id: 'inc-1' } })
  await expect(flame).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('dropped') })
  expect((await server.client.get('/api/v1/status')).data).toMatchObject({ blobs: 2, blobBytes: 200_000, evicted: 1 })
  expect(await agent.deliver({ type: 'artifact', artifact: first })).toMatchObject({ type: 'stored' })
  expect((await server.client.get('/api/v1/status')).data.evicted).toBe(1)
})
