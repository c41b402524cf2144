// Pins and notes over a real server: who may write, what is kept, and what an agent's repeat does not undo.
import { expect, test } from 'vitest'
import { makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer } from '../../test/running-server.ts'

const params = { id: 'inc-1' }
async function withIncident(server: TestServer): Promise<PlayedAgent> {
  const agent = await PlayedAgent.connect(server.url)
  await agent.deliver({ type: 'incident', incident: makeIncident(params) })
  return agent
}

test('a pin says who and when, stays through what the agent repeats, and can be taken back', async () => {
  await using server = await startTestServer()
  const agent = await withIncident(server)
  const pinned = await server.client.post('/api/v1/incidents/{id}/pin', { params, body: { by: 'ada' } })
  expect(pinned.incident.pin).toMatchObject({ by: 'ada' })
  // Again, by somebody else and without a body: the first one stays.
  expect(await server.client.post('/api/v1/incidents/{id}/pin', { params })).toEqual(pinned)
  await agent.deliver({ type: 'incident', incident: makeIncident({ ...params, endedMs: 7 }) })
  const { incident } = await server.client.get('/api/v1/incidents/{id}', { params })
  expect(incident).toMatchObject({ endedMs: 7, pin: pinned.incident.pin })
  const unpinned = await server.client.delete('/api/v1/incidents/{id}/pin', { params })
  expect(unpinned.incident.pin).toBeUndefined()
})

test('what an agent says of pins and notes is not taken: its token is on every node', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  const said = { pin: { atMs: 1, by: 'node' }, notes: [{ id: 'not-1', atMs: 1, text: 'keep this' }] }
  await agent.deliver({ type: 'incident', incident: makeIncident({ ...params, ...said }) })
  const { incident } = await server.client.get('/api/v1/incidents/{id}', { params })
  expect([incident.pin, incident.notes]).toEqual([undefined, undefined])
})

test('notes are written, changed and taken back, each with its author and time', async () => {
  await using server = await startTestServer()
  await withIncident(server)
  const path = '/api/v1/incidents/{id}/notes/{note}'
  const write = (text: string, by?: string) =>
    server.client.post('/api/v1/incidents/{id}/notes', { params, body: { text, ...(by ? { by } : {}) } })
  await write('  rolled back cart 2.3\n', 'ada')
  const { incident } = await write('<b>nobody & "I"</b>')
  expect(incident.notes).toMatchObject([{ by: 'ada', text: 'rolled back cart 2.3' }, { text: '<b>nobody & "I"</b>' }])
  const [first, second] = incident.notes!
  const changed = await server.client.put(path, {
    params: { ...params, note: first!.id },
    body: { text: 'it was 2.4' },
  })
  expect(changed.incident.notes).toEqual([{ ...first, text: 'it was 2.4', editedMs: expect.any(Number) }, second])
  await server.client.delete(path, { params: { ...params, note: first!.id } })
  const left = await server.client.delete(path, { params: { ...params, note: second!.id } })
  expect(left.incident.notes).toBeUndefined()
  await expect(server.client.delete(path, { params: { ...params, note: second!.id } })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `incident inc-1 has no note ${second!.id}`,
  })
})

test('what is no note is refused: empty, too long, too many, of no incident', async () => {
  await using server = await startTestServer()
  await withIncident(server)
  const write = (text: string, id = 'inc-1') =>
    server.client.post('/api/v1/incidents/{id}/notes', { params: { id }, body: { text } })
  await expect(write(' \n ')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(write('x'.repeat(8001))).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(write('hello', 'inc-none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  for (let n = 0; n < 100; n++) await write(`${n}`)
  await expect(write('one more')).rejects.toMatchObject({ code: 'REFUSED', details: { guard: 'notes' } })
})

test('neither a page of another site nor somebody without the token may write', async () => {
  await using server = await startTestServer({ token: 'sesame' })
  const ask = (headers: Record<string, string>, method = 'POST') =>
    fetch(`${server.url}/api/v1/incidents/inc-1/pin`, { method, headers })
  expect((await ask({})).status).toBe(401)
  const authorization = 'Bearer sesame'
  for (const method of ['POST', 'DELETE']) {
    expect((await ask({ authorization, origin: 'https://elsewhere.example' }, method)).status).toBe(403)
    expect((await ask({ authorization, origin: server.url }, method)).status).toBe(404)
  }
})
