// The client against a fetch that answers from a list: addresses, errors, offline pages.
import { expect, test } from 'vitest'
import { createClient, requestKey } from './client.ts'
import { readEvents } from './watch.ts'

const answering = (status: number, body: string, seen: string[] = []): typeof fetch =>
  (async (input: string | URL | Request) => {
    seen.push(String(input))
    return new Response(body, { status })
  }) as typeof fetch

test('paths are filled in, escaped, and the query is sorted', async () => {
  const seen: string[] = []
  const client = createClient({ baseUrl: 'http://x/', fetch: answering(200, '{}', seen) })
  await client.get('/api/v1/incidents/{id}/flame', {
    params: { id: 'inc-1/2' },
    query: { phase: 'all', diff: 'before', pid: 7 },
  })
  expect(seen).toEqual(['http://x/api/v1/incidents/inc-1%2F2/flame?diff=before&phase=all&pid=7'])
  expect(client.url('/api/v1/incidents/{id}/pprof', { params: { id: 'a' }, query: { pid: undefined } })).toBe(
    'http://x/api/v1/incidents/a/pprof',
  )
})

test('an error of the server comes back as the same failure', async () => {
  const body = JSON.stringify({
    code: 'REFUSED',
    message: 'per-node: 2 run',
    advice: '',
    details: { guard: 'per-node' },
  })
  const client = createClient({ fetch: answering(429, body) })
  await expect(
    client.post('/api/v1/captures', { body: { kind: 'cpu', target: { kind: 'node' } } }),
  ).rejects.toMatchObject({ code: 'REFUSED', message: 'per-node: 2 run', details: { guard: 'per-node' } })
})

test('an answer of something that is not spikecam is UNREACHABLE and says so', async () => {
  const client = createClient({ fetch: answering(502, '<html>Bad gateway') })
  await expect(client.get('/api/v1/status')).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: '/api/v1/status was answered with 502, and not by a spikecam server',
  })
})

test('nobody listens: the reason is in the message', async () => {
  const client = createClient({ baseUrl: 'http://127.0.0.1:1' })
  await expect(client.get('/api/v1/status')).rejects.toMatchObject({ code: 'UNREACHABLE' })
})

test('an offline page answers from what it carries', async () => {
  const key = requestKey('/api/v1/incidents/{id}/top', { params: { id: 'i' }, query: { phase: 'during', limit: 5 } })
  const client = createClient({
    embedded: { [key]: { json: { rows: [] } }, '/api/v1/incidents/i/pprof': { base64: 'H4s=', mediaType: 'x/y' } },
  })
  const asked = { params: { id: 'i' }, query: { limit: 5, phase: 'during' } } as const
  expect(await client.get('/api/v1/incidents/{id}/top', asked)).toEqual({ rows: [] })
  expect(client.url('/api/v1/incidents/{id}/pprof', { params: { id: 'i' } })).toBe('data:x/y;base64,H4s=')
  const bytes = await client.bytes('/api/v1/incidents/{id}/pprof', { params: { id: 'i' } })
  expect(new Uint8Array(await bytes.arrayBuffer())).toEqual(new Uint8Array([0x1f, 0x8b]))
  await expect(client.get('/api/v1/status')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(client.url('/api/v1/status')).toBeUndefined()
})

test('events are read across chunk borders; comments and a cut end are left out', async () => {
  const chunks = [
    ': hello\n\nevent: incident\nda',
    'ta: {"type":',
    '"incident"}\n\nevent: agent\r\ndata: {}\r\n\r\ndata: cut',
  ]
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
      controller.close()
    },
  })
  const seen: string[] = []
  for await (const data of readEvents(stream)) seen.push(data)
  expect(seen).toEqual(['{"type":"incident"}', '{}'])
})

test('paths, parameters and answers are checked by the compiler', () => {
  const client = createClient({ fetch: answering(200, '{}') })
  const compiledOnly = async (): Promise<void> => {
    const page = await client.get('/api/v1/incidents', { query: { limit: 5 } })
    page.incidents[0]?.top[0]?.selfShare.toFixed()
    // @ts-expect-error there is no such route
    await client.get('/api/v1/incident')
    // @ts-expect-error the id is missing
    await client.get('/api/v1/incidents/{id}')
    // @ts-expect-error there is no such phase
    await client.get('/api/v1/incidents/{id}/flame', { params: { id: 'a' }, query: { phase: 'never' } })
    // @ts-expect-error the answer has no such field
    page.captures
  }
  expect(compiledOnly).toBeTypeOf('function')
})
