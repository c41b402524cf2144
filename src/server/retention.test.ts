// What age drops over a real server and its restart: the old goes, the pinned and the new stay.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeArtifact, makeCapture, makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer } from '../../test/running-server.ts'
import { someBytes } from '../../test/some-bytes.ts'
import { uploadBytes } from '../agent/upload.ts'

const dayMs = 24 * 3_600_000

test('evidence of more than its days is dropped, unless somebody pinned its incident', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'spikecam-age-'))
  try {
    {
      await using server = await startTestServer({ dataDir })
      const agent = await PlayedAgent.connect(server.url)
      for (const [n, days] of [100, 100, 80].entries()) {
        const bytes = someBytes(1000, n)
        const createdMs = Date.now() - days * dayMs
        const artifact = makeArtifact(bytes, { id: `art-${n}`, captureId: `cap-${n}`, createdMs })
        await agent.deliver({ type: 'incident', incident: makeIncident({ id: `inc-${n}`, state: 'complete' }) })
        const capture = makeCapture({ id: `cap-${n}`, incidentId: `inc-${n}`, state: 'complete' })
        await agent.deliver({ type: 'capture', capture })
        await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
        expect(await agent.deliver({ type: 'artifact', artifact })).toMatchObject({ type: 'stored' })
      }
      await server.client.post('/api/v1/incidents/{id}/pin', { params: { id: 'inc-1' } })
    }
    await using server = await startTestServer({ dataDir, dataAgeMs: 90 * dayMs })
    const evicted = async (n: number) =>
      (await server.client.get('/api/v1/artifacts/{id}', { params: { id: `art-${n}` } })).evictedMs !== undefined
    expect(await Promise.all([0, 1, 2].map(evicted))).toEqual([true, false, false])
    expect((await server.client.get('/api/v1/status')).data).toMatchObject({ blobs: 2, blobBytes: 2000, evicted: 1 })
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
