// What browsers get: the UI's files, its addresses, and the page of one incident that opens offline.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { machineProfile, spikeDocuments } from '../../test/machine-profile.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer } from '../../test/running-server.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { uploadBytes } from '../agent/upload.ts'
import { createClient } from '../api/client.ts'
import type { ReportData } from '../flame/report.ts'

const uiDir = join(temporaryFolder(), 'ui')
mkdirSync(join(uiDir, 'assets'), { recursive: true })
writeFileSync(join(uiDir, 'index.html'), '<!doctype html><title>the app</title>')
writeFileSync(join(uiDir, 'assets', 'app-1a2b.js'), `console.log("${'x'.repeat(5000)}")`)
writeFileSync(join(uiDir, 'assets', 'dot.png'), Buffer.from('89504e47', 'hex'))
copyFileSync(join(import.meta.dirname, '../ui/report.html'), join(uiDir, 'report.html'))
writeFileSync(join(uiDir, '..', 'outside.txt'), 'secret')

const bytes = machineProfile()
const documents = spikeDocuments(bytes)
const incident = { ...documents.incident, message: '</script><script>alert(1)</script>' }
let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ uiDir })
  const agent = await PlayedAgent.connect(server.url)
  await agent.deliver({ type: 'incident', incident })
  await uploadBytes(server.url, { bytes, sha256: documents.artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact: documents.artifact })
  await agent.deliver({ type: 'capture', capture: documents.capture })
})
afterAll(() => server[Symbol.asyncDispose]())

const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })

test('the page is served at / and at every address of a view, with a strict policy', async () => {
  for (const path of ['/', '/incidents/inc-1', '/incidents/inc-1?picture=diff']) {
    const response = await get(path)
    expect(await response.text(), path).toContain('the app')
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
    expect(response.headers.get('cache-control')).toBe('no-cache')
  }
})

test('files have their type, are packed once, and those named by their content are kept for ever', async () => {
  const script = await get('/assets/app-1a2b.js', { 'accept-encoding': 'gzip' })
  expect(Object.fromEntries(script.headers)).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'content-encoding': 'gzip',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  expect(Number(script.headers.get('content-length'))).toBeLessThan(200)
  expect((await script.text()).length).toBe(5015)
  const plain = await get('/assets/app-1a2b.js', { 'accept-encoding': 'identity' })
  expect(plain.headers.get('content-encoding')).toBeNull()
  const image = await get('/assets/dot.png', { 'accept-encoding': 'gzip' })
  expect([image.headers.get('content-type'), image.headers.get('content-encoding')]).toEqual(['image/png', null])
  expect((await fetch(`${server.url}/assets/dot.png`, { method: 'HEAD' })).headers.get('content-length')).toBe('4')
})

test('a new build is seen without a restart', async () => {
  writeFileSync(join(uiDir, 'version.txt'), 'one')
  expect(await (await get('/version.txt')).text()).toBe('one')
  writeFileSync(join(uiDir, 'version.txt'), 'second')
  expect(await (await get('/version.txt')).text()).toBe('second')
})

test.each(['/assets/none.js', '/favicon.ico', '/../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt', '/%zz'])(
  '%s is not there',
  async (path) => {
    const response = await get(path)
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'NOT_FOUND' }])
  },
)

test('the exported page carries what it needs to answer itself', async () => {
  const response = await server.client.bytes('/api/v1/incidents/{id}/export.html', { params: { id: incident.id } })
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="inc-1.html"')
  const html = await response.text()
  expect(html).not.toContain('alert(1)</script>')
  const json = /<script type="application\/json" id="spikecam-data">([^<]*)<\/script>/.exec(html)?.[1] as string
  const data = JSON.parse(json) as ReportData
  expect(data).toMatchObject({ incidentId: incident.id, version: '0.0.0-test' })
  const offline = createClient({ embedded: data.embedded })
  const params = { id: incident.id }
  expect(await offline.get('/api/v1/incidents/{id}', { params })).toEqual(
    await server.client.get('/api/v1/incidents/{id}', { params }),
  )
  expect(await offline.get('/api/v1/incidents/{id}/series', { params })).toEqual({ series: [] })
  const artifact = await offline.bytes('/api/v1/artifacts/{id}/content', { params: { id: documents.artifact.id } })
  expect(Buffer.compare(new Uint8Array(await artifact.arrayBuffer()), bytes)).toBe(0)
  expect(gunzipSync(bytes).length).toBeGreaterThan(0)
})

test('a server without a built UI says how to get one', async () => {
  await using bare = await startTestServer()
  const response = await fetch(bare.url, { headers: { accept: 'text/html' } })
  expect(response.status).toBe(404)
  expect(await response.text()).toContain('npm run build')
})

test('the template is the one that the UI ships', () => {
  expect(readFileSync(join(uiDir, 'report.html'), 'utf8')).toContain('id="spikecam-data"')
})
