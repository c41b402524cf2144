// The worker that reads profiles: damaged ones, slow ones, and that others are answered meanwhile.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { machineProfile, spikeDocuments } from '../../test/machine-profile.ts'
import { someMs } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, until } from '../../test/running-server.ts'
import { someBytes } from '../../test/some-bytes.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { uploadBytes } from '../agent/upload.ts'
import type { Blobs } from '../store/blobs.ts'
import { openFolderBlobs } from '../store/folder-blobs.ts'
import { createAnalyst } from './analyst.ts'
import type { Question } from './analyst-worker.ts'

const folder = temporaryFolder()
const request = {
  captureId: 'c',
  artifactId: 'a',
  who: { kind: 'all' as const },
  range: { fromMs: someMs, toMs: someMs + 20_000 },
}
const top: Question = { view: 'top', request, limit: 3 }
const functions = (answer: Uint8Array) =>
  (JSON.parse(new TextDecoder().decode(answer)) as { rows: { function: string }[] }).rows.map((row) => row.function)

test('a worker is started when needed, ends when idle, and is started again', async () => {
  const folderBlobs = await openFolderBlobs(`${folder}/idle`)
  const sha256 = await folderBlobs.put(machineProfile())
  let reads = 0
  const readAll: Blobs['readAll'] = (name) => {
    reads++
    return folderBlobs.readAll(name)
  }
  const analyst = createAnalyst({ blobs: { readAll }, idleMs: 1 })
  // A worker that is still there has the profile; only a new one has to be given the bytes.
  const ask = async (): Promise<number> => {
    expect(functions(await analyst.ask(sha256, top))).toEqual(['evilRegex', 'readQuery', 'handle'])
    return reads
  }
  await until(ask, (count) => count === 3)
  await analyst.close()
  await expect(analyst.ask(sha256, top)).rejects.toMatchObject({ code: 'INTERNAL' })
})

test('questions at the same time are all answered, also about more profiles than are kept', async () => {
  const blobs = await openFolderBlobs(`${folder}/many`)
  const shas = await Promise.all([1, 2, 3, 4, 5].map((n) => blobs.put(new Uint8Array([...machineProfile(), n]))))
  shas.push(await blobs.put(machineProfile()))
  const analyst = createAnalyst({ blobs })
  const answers = await Promise.all([...shas, ...shas].map((sha256) => analyst.ask(sha256, top)))
  expect(new Set(answers.map((answer) => functions(answer)[0]))).toEqual(new Set(['evilRegex']))
  await analyst.close()
})

test('a profile that takes too long ends with TIMEOUT, and the next question has a new worker', async () => {
  const blobs = await openFolderBlobs(`${folder}/slow`)
  const sha256 = await blobs.put(machineProfile())
  const hasty = createAnalyst({ blobs, deadlineMs: 0 })
  await expect(hasty.ask(sha256, top)).rejects.toMatchObject({ code: 'TIMEOUT' })
  await hasty.close()
})

test('bytes that are not there, and bytes that are no profile', async () => {
  const blobs = await openFolderBlobs(`${folder}/bad`)
  const analyst = createAnalyst({ blobs })
  await expect(analyst.ask('a'.repeat(64), top)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const noise = await blobs.put(someBytes(10_000, 1))
  await expect(analyst.ask(noise, top)).rejects.toMatchObject({
    code: expect.stringMatching(/^(MALFORMED|NOT_A_PROFILE)$/),
  })
  await analyst.close()
})

test('an incident whose profile is damaged is told with what could be read, or why nothing could', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  const damaged = { noise: Uint8Array.from(gzipSync(someBytes(10_000, 1))), cut: machineProfile().subarray(0, 700) }
  for (const [name, bytes] of Object.entries(damaged)) {
    const { incident, capture, artifact } = spikeDocuments(bytes, {
      incidentId: `inc-${name}`,
      captureId: `cap-${name}`,
    })
    await agent.deliver({ type: 'incident', incident })
    await uploadBytes(server.url, { bytes: Uint8Array.from(bytes), sha256: artifact.sha256 })
    await agent.deliver({ type: 'artifact', artifact })
    await agent.deliver({ type: 'capture', capture: { ...capture, state: 'complete' } })
    const { incident: stored } = await until(
      () => server.client.get('/api/v1/incidents/{id}', { params: { id: incident.id } }),
      (answer) => answer.incident.state !== 'capturing',
    )
    expect(stored.state).toBe('complete')
    expect(stored.top.length > 0 || (stored.message ?? '').length > 0).toBe(true)
  }
})
