// The walk of a spike through the server: an agent reports, uploads, completes; people list, look, download.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { machineProfile, spikeDocuments, spikeEndMs, spikeOnsetMs } from '../../test/machine-profile.ts'
import { makeArtifact, someMs } from '../../test/nouns.ts'
import { PlayedAgent, someStatus } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import { sha256Of } from '../../test/some-bytes.ts'
import { uploadBytes } from '../agent/upload.ts'
import { type Capture, mediaTypes } from '../model/capture.ts'
import { decodePprof } from '../profile/pprof-decode.ts'

const bytes = machineProfile()
const { incident, capture, artifact } = spikeDocuments(bytes)
const series = [{ name: 'target', startMs: someMs, stepMs: 200, cores: [0.1, null, 1] }]
const usage = new TextEncoder().encode(JSON.stringify({ series }))

let server: TestServer
let agent: PlayedAgent
beforeAll(async () => {
  server = await startTestServer()
  agent = await PlayedAgent.connect(server.url)
  await agent.nextOf('welcome')
  await agent.deliver({ type: 'incident', incident })
  await agent.deliver({ type: 'capture', capture })
  for (const each of [
    { bytes, artifact },
    {
      bytes: usage,
      artifact: makeArtifact(usage, {
        id: 'art-usage',
        captureId: capture.id,
        mediaType: mediaTypes.usage,
        name: 'u.json',
      }),
    },
  ]) {
    await uploadBytes(server.url, { bytes: each.bytes, sha256: each.artifact.sha256 })
    expect(await agent.deliver({ type: 'artifact', artifact: each.artifact })).toMatchObject({ type: 'stored' })
  }
  await agent.deliver({ type: 'capture', capture: { ...capture, state: 'complete' } })
  await agent.deliver({ type: 'incident', incident: { ...incident, state: 'complete', evidenceMs: someMs + 21_000 } })
})
afterAll(() => server[Symbol.asyncDispose]())

/** Rows that `go tool pprof -top` prints of a file or an address, heaviest first. */
async function pprofTop(source: string): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), 'spikecam-pprof-'))
  const env = { ...process.env, PPROF_TMPDIR: home }
  const { stdout } = await promisify(execFile)('go', ['tool', 'pprof', '-top', source], { env })
  rmSync(home, { recursive: true })
  const lines = stdout.split('\n').map((line) => line.trim())
  return lines.slice(lines.findIndex((line) => line.startsWith('flat ')) + 1)
}

const detail = () => server.client.get('/api/v1/incidents/{id}', { params: { id: incident.id } })
const params = { id: incident.id }

describe('an incident that is complete', () => {
  test('names the busiest functions of its target during the spike', async () => {
    const { incident: stored } = await until(detail, (answer) => answer.incident.top.length > 0)
    expect(stored).toMatchObject({ state: 'complete', onsetMs: spikeOnsetMs, endedMs: spikeEndMs })
    expect(stored.top.map((row) => [row.function, row.module, Number(row.selfShare.toFixed(3))])).toEqual([
      ['evilRegex', 'cart', 0.909],
      ['collect', 'cart', 0.091],
      ['main', 'cart', 0],
      ['serve', 'cart', 0],
    ])
  })

  test('is listed with its captures, artifacts and usage', async () => {
    expect((await server.client.get('/api/v1/incidents')).incidents.map(({ id }) => id)).toEqual([incident.id])
    const found = await detail()
    expect(found.captures.map(({ id, state }) => [id, state])).toEqual([[capture.id, 'complete']])
    expect(found.artifacts.map(({ id }) => id).sort()).toEqual([artifact.id, 'art-usage'].sort())
    expect(await server.client.get('/api/v1/incidents/{id}/series', { params })).toEqual({ series })
    const one = await server.client.get('/api/v1/captures/{id}', { params: { id: capture.id } })
    expect(one.artifacts.length).toBe(2)
    const ledger = await server.client.get('/api/v1/triggers')
    expect(ledger.entries.map(({ captureId, outcome }) => [captureId, outcome])).toEqual([[capture.id, 'accepted']])
  })

  test('old repeats change nothing', async () => {
    await agent.deliver({ type: 'capture', capture: { ...capture, state: 'uploading' } })
    await agent.deliver({ type: 'incident', incident })
    expect(await agent.deliver({ type: 'artifact', artifact })).toMatchObject({ type: 'stored' })
    const found = await detail()
    expect(found.incident).toMatchObject({ state: 'complete', top: [{ function: 'evilRegex' }, {}, {}, {}] })
    expect(found.captures.map(({ state }) => state)).toEqual(['complete'])
    expect(found.artifacts.length).toBe(2)
  })

  test('`go tool pprof -top URL` names the same function first', async () => {
    const rows = await pprofTop(`${server.url}/api/v1/incidents/${incident.id}/pprof?phase=during`)
    expect(rows[0]).toMatch(/^6000ms 90.91% 90.91% +6000ms 90.91% +evilRegex$/)
  })
})

describe('views', () => {
  const self = async (query: Record<string, unknown>) => {
    const { rows } = await server.client.get('/api/v1/incidents/{id}/top', { params, query })
    return Object.fromEntries(rows.filter((row) => row.self > 0).map((row) => [row.function, row.self / 1e9]))
  }

  test('phases, processes and threads are what they say', async () => {
    expect(await self({ phase: 'before' })).toEqual({ handle: 1 })
    expect(await self({ phase: 'during' })).toEqual({ evilRegex: 6, collect: 0.6 })
    expect(await self({ phase: 'after' })).toEqual({ handle: 0.4 })
    expect(await self({ phase: 'all' })).toEqual({ evilRegex: 6, collect: 0.6, handle: 1.4 })
    expect(await self({ scope: 'node' })).toEqual({ evilRegex: 6, collect: 0.6, readQuery: 1.2 })
    expect(await self({ pid: 7 })).toEqual({ readQuery: 1.2 })
    expect(await self({ pid: 4242, tid: 4250 })).toEqual({ collect: 0.6 })
    await expect(self({ pid: 99 })).rejects.toMatchObject({ code: 'EMPTY' })
    const refused = (message: string) => ({ code: 'BAD_REQUEST', message: expect.stringContaining(message) })
    await expect(self({ pid: 7, owner: 1 })).rejects.toMatchObject(refused('PID 7 was not given again in this capture'))
    await expect(self({ owner: 1 })).rejects.toMatchObject(refused('name the pid as well'))
    await expect(self({ pid: 7, owner: 0 })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  test('the call tree is in preorder, and in a diff the baseline is scaled to the length of the spike', async () => {
    const answer = await server.client.get('/api/v1/incidents/{id}/flame', { params, query: { diff: 'before' } })
    const { tree } = answer
    const rows = tree.frame.map((frame, node) => {
      const name = frame < 0 ? 'root' : tree.frames.name[frame]
      return [
        tree.depth[node],
        name,
        (tree.total[node] ?? 0) / 1e9,
        Number(((tree.base?.total[node] ?? 0) / 1e9).toFixed(6)),
      ]
    })
    expect(rows).toEqual([
      [0, 'root', 6.6, 0.6],
      [1, 'main', 6.6, 0.6],
      [2, 'serve', 6, 0.6],
      [3, 'evilRegex', 6, 0],
      [3, 'handle', 0, 0.6],
      [2, 'collect', 0.6, 0],
    ])
    expect(answer).toMatchObject({ captureId: capture.id, artifactId: artifact.id, samples: 66, baseSamples: 10 })
    expect(answer.range).toEqual({ fromMs: spikeOnsetMs, toMs: spikeEndMs })
    expect(answer.baseRange).toEqual({ fromMs: someMs, toMs: spikeOnsetMs })
  })

  test('threads of the whole node to pick from', async () => {
    const { rows } = await server.client.get('/api/v1/incidents/{id}/threads', { params })
    expect(rows.map(({ pid, tid, thread, samples, isTarget }) => [pid, tid, thread, samples, isTarget])).toEqual([
      [4242, 4242, 'cart', 60, true],
      [7, 7, 'redis', 12, false],
      [4242, 4250, 'gc', 6, true],
    ])
    expect(rows[0]?.baseValue).toBeCloseTo(0.6e9)
  })

  test('pprof, folded and SVG are the same samples', async () => {
    const pprof = await server.client.bytes('/api/v1/incidents/{id}/pprof', { params })
    expect(pprof.headers.get('content-encoding')).toBeNull()
    expect(pprof.headers.get('content-disposition')).toBe('attachment; filename="node-1_cpu.during.pb.gz"')
    const profile = decodePprof(gunzipSync(new Uint8Array(await pprof.arrayBuffer())))
    expect(profile.samples.length).toBe(66)
    const folded = await server.client.bytes('/api/v1/incidents/{id}/folded', { params })
    expect(await folded.text()).toBe('cart;main;collect 600000000\ncart;main;serve;evilRegex 6000000000\n')
    const svg = await server.client.bytes('/api/v1/incidents/{id}/flame.svg', { params, query: { diff: 'before' } })
    expect(svg.headers.get('content-security-policy')).toContain('sandbox')
    expect(await svg.text()).toMatch(/^<svg.*evilRegex.*66 samples, 10 before/s)
  })

  test('an incident without a profile says which', async () => {
    await agent.deliver({ type: 'incident', incident: { ...incident, id: 'inc-bare' } })
    const asked = server.client.get('/api/v1/incidents/{id}/flame', { params: { id: 'inc-bare' } })
    await expect(asked).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'incident inc-bare has no profile' })
  })
})

describe('artifacts', () => {
  const content = `/api/v1/artifacts/${artifact.id}/content`

  test('bytes come back as they were, named, and cached for ever', async () => {
    const response = await server.client.raw(content)
    expect(sha256Of(new Uint8Array(await response.arrayBuffer()))).toBe(artifact.sha256)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': mediaTypes.pprof,
      'content-length': String(bytes.length),
      'content-disposition': 'attachment; filename="node-1_cpu.pb.gz"',
      'cache-control': 'private, max-age=31536000, immutable, no-transform',
      etag: `"${artifact.sha256}"`,
      'x-content-type-options': 'nosniff',
    })
    const again = await fetch(server.url + content, { headers: { 'if-none-match': `"${artifact.sha256}"` } })
    expect(again.status).toBe(304)
    const head = await server.client.raw(content, { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe(String(bytes.length))
  })

  test.each([
    ['bytes=0-9', 206, 0, 10],
    ['bytes=100-', 206, 100, bytes.length],
    ['bytes=-7', 206, bytes.length - 7, bytes.length],
    ['bytes=5-999999999', 206, 5, bytes.length],
    ['bytes=9-5', 200, 0, bytes.length],
    ['bytes=0-1,4-5', 200, 0, bytes.length],
    ['pages=1-2', 200, 0, bytes.length],
  ])('range %s is answered with %d', async (range, status, start, end) => {
    const response = await fetch(server.url + content, { headers: { range } })
    expect(response.status).toBe(status)
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes.subarray(start, end))).toBe(0)
    if (status === 206) expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${bytes.length}`)
  })

  test('a range behind the end is 416', async () => {
    const response = await fetch(server.url + content, { headers: { range: `bytes=${bytes.length}-` } })
    expect(response.status).toBe(416)
    expect(await response.json()).toMatchObject({ code: 'RANGE_NOT_SATISFIABLE' })
  })
})

test('a profile of Go itself, without times and pids, counts as a whole', async () => {
  const goCpu = join(import.meta.dirname, '../../test/fixtures/pprof/go-cpu.pb.gz')
  const go = Uint8Array.from(readFileSync(goCpu))
  const documents = spikeDocuments(go, { incidentId: 'inc-go', captureId: 'cap-go' })
  await agent.deliver({ type: 'incident', incident: documents.incident })
  await uploadBytes(server.url, { bytes: go, sha256: documents.artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact: documents.artifact })
  await agent.deliver({ type: 'capture', capture: { ...documents.capture, state: 'complete' } as Capture })
  const { incident: stored } = await until(
    () => server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-go' } }),
    (answer) => answer.incident.top.length > 0,
  )
  expect(stored.state).toBe('complete')
  const [first] = await pprofTop(goCpu)
  expect(`${(100 * (stored.top[0]?.selfShare ?? 0)).toFixed(2)}% ${stored.top[0]?.function}`).toBe(
    first?.replace(/^\S+\s+(\S+).*\s(\S+)$/, '$1 $2'),
  )
})

test('the status tells of agents, their recorder, and the folder', async () => {
  agent.say({ type: 'status', ...someStatus, recording: false, message: 'perf is missing' })
  const status = await until(
    () => server.client.get('/api/v1/status'),
    (answer) => answer.agents[0]?.status !== undefined,
  )
  expect(status).toMatchObject({
    version: '0.0.0-test',
    recording: false,
    message: 'node-1: perf is missing',
    agents: [{ node: 'node-1', connected: true, status: { ringHz: 49 } }],
    data: { blobs: 3, budgetBytes: 1e9, evicted: 0 },
  })
  expect(status.data.freeBytes).toBeGreaterThan(status.data.minFreeBytes)
  agent.say({ type: 'status', ...someStatus })
  await until(
    () => server.client.get('/api/v1/status'),
    (answer) => answer.recording,
  )
})
