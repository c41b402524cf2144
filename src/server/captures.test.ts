// Captures that people ask for: told to the agent, limited, stopped, and given up when the agent is gone.
import { describe, expect, test } from 'vitest'
import { machineProfile } from '../../test/machine-profile.ts'
import { makeArtifact, makeCapture, makeIncident, someMs } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import { uploadBytes } from '../agent/upload.ts'
import type { CaptureRequest } from '../api/shapes.ts'
import { defaultDiskLimits } from '../store/disk-guard.ts'

const request = {
  kind: 'cpu',
  target: { kind: 'process', pid: 4242, startTicks: 99, comm: 'cart' },
  lookBackMs: 5000,
  forMs: 1000,
} satisfies CaptureRequest
const start = (server: TestServer, change: Partial<CaptureRequest> = {}) =>
  server.client.post('/api/v1/captures', { body: { ...request, ...change } })
const capture = (server: TestServer, id: string) => server.client.get('/api/v1/captures/{id}', { params: { id } })
const incident = (server: TestServer, id: string) => server.client.get('/api/v1/incidents/{id}', { params: { id } })

test('the agent is told, its evidence becomes an incident with functions', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  const { id, incidentId } = await start(server, { reason: 'it feels slow' })
  const order = await agent.nextOf('start-capture')
  expect(order).toMatchObject({
    captureId: id,
    incidentId,
    triggerKind: 'manual',
    captureKind: 'cpu',
    reason: 'it feels slow',
    lookBackMs: 5000,
    forMs: 1000,
    target: { kind: 'process', node: 'node-1', pid: 4242 },
  })
  expect((await capture(server, id)).capture.state).toBe('recording')

  const bytes = machineProfile()
  const done = { ...(await capture(server, id)).capture, fromMs: someMs, toMs: someMs + 20_000 }
  await agent.deliver({ type: 'capture', capture: { ...done, state: 'uploading' } })
  const artifact = makeArtifact(bytes, { id: 'art-1', captureId: id })
  await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact })
  await agent.deliver({ type: 'capture', capture: { ...done, state: 'complete' } })
  const found = await until(
    () => incident(server, incidentId),
    (answer) => answer.incident.state !== 'capturing',
  )
  expect(found.incident).toMatchObject({
    state: 'complete',
    endedMs: someMs + 20_000,
    top: [{ function: 'evilRegex' }, {}, {}, {}, {}],
  })
  expect(found.captures.length).toBe(1)
})

describe('limits', () => {
  test('one capture per process, two per node; the ledger keeps the refused', async () => {
    await using server = await startTestServer()
    await PlayedAgent.connect(server.url)
    const first = await start(server)
    await expect(start(server)).rejects.toMatchObject({
      code: 'REFUSED',
      message: `per-process limit of 1: cart (pid 4242) is being captured by ${first.id}; wait for it, or end it with \`spikecam stop ${first.id}\``,
      details: { guard: 'per-process' },
    })
    // The same PID of another life is another process.
    await start(server, { target: { ...request.target, startTicks: 100 } })
    await expect(start(server, { target: { kind: 'node' } })).rejects.toMatchObject({ details: { guard: 'per-node' } })
    const { entries } = await server.client.get('/api/v1/triggers')
    const outcomes = entries.map(({ outcome, guard }) => guard ?? outcome)
    expect(outcomes.sort()).toEqual(['accepted', 'accepted', 'per-node', 'per-process'])
  })

  test('of several at the same moment only as many are let in as may', async () => {
    await using server = await startTestServer()
    await PlayedAgent.connect(server.url)
    const asked = await Promise.allSettled(
      [1, 2, 3, 4, 5].map((pid) => start(server, { target: { kind: 'process', pid, startTicks: 1 } })),
    )
    expect(asked.filter(({ status }) => status === 'fulfilled').length).toBe(2)
  })

  test('a full disk refuses captures and uploads, and says how much is free', async () => {
    const gib = 1024 ** 3
    let freeBytes = 1.5 * gib
    await using server = await startTestServer({
      diskLimits: defaultDiskLimits,
      measureDisk: async () => ({ freeBytes, totalBytes: 100 * gib }),
    })
    const agent = await PlayedAgent.connect(server.url)
    await expect(start(server)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringMatching(/^disk: 1\.6 GB of 107\.4 GB are free at .*, 2\.1 GB must stay free$/),
    })
    const bytes = machineProfile()
    const artifact = makeArtifact(bytes, { id: 'art-1', captureId: 'cap-1' })
    await expect(uploadBytes(server.url, { bytes, sha256: artifact.sha256 })).rejects.toMatchObject({
      code: 'DISK_FULL',
    })
    // What is known of an incident is small and is kept.
    expect(await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-1' }) })).toMatchObject({
      type: 'stored',
    })
    freeBytes = 50 * gib
    await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
    await start(server)
    const { entries } = await server.client.get('/api/v1/triggers')
    expect(entries.map(({ outcome, guard }) => guard ?? outcome)).toEqual(['accepted', 'disk'])
  })
})

describe('which node', () => {
  test('must be said when there are several, and must be there', async () => {
    await using server = await startTestServer()
    await expect(start(server)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('no agent is connected'),
    })
    await PlayedAgent.connect(server.url, { node: 'a' })
    await PlayedAgent.connect(server.url, { node: 'b' })
    await until(
      async () => (await server.client.get('/api/v1/status')).agents.length,
      (count) => count === 2,
    )
    await expect(start(server)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: 'name the node of the target; connected: a, b',
    })
    await expect(start(server, { target: { ...request.target, node: 'c' } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'no agent of node c is connected; connected: a, b',
    })
    await expect(start(server, { target: { kind: 'process', node: 'a' } })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
    await start(server, { target: { ...request.target, node: 'b' } })
  })

  test('a newer connection of a node replaces the older one', async () => {
    await using server = await startTestServer()
    const older = await PlayedAgent.connect(server.url)
    await older.nextOf('welcome')
    const newer = await PlayedAgent.connect(server.url)
    await newer.nextOf('welcome')
    expect(await older.closed).toBe(4000)
    await start(server)
    expect((await newer.nextOf('start-capture')).target.pid).toBe(4242)
    expect((await server.client.get('/api/v1/status')).agents).toMatchObject([{ node: 'node-1', connected: true }])
  })
})

test('stop is told to the agent; stopping what has ended changes nothing', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  const { id } = await start(server)
  const stop = () => server.client.post('/api/v1/captures/{id}/stop', { params: { id } })
  expect((await stop()).capture.state).toBe('recording')
  expect(await agent.nextOf('stop-capture')).toMatchObject({ captureId: id })
  await agent.deliver({ type: 'capture', capture: { ...(await capture(server, id)).capture, state: 'complete' } })
  expect((await stop()).capture.state).toBe('complete')
  await agent.close()
})

describe('an agent that goes away', () => {
  test('its capture is given up with the reason, and taken up again when the agent returns with the rest', async () => {
    await using server = await startTestServer({ graceMs: 0 })
    const agent = await PlayedAgent.connect(server.url)
    const { id, incidentId } = await start(server)
    await agent.close()
    const lost = await until(
      () => capture(server, id),
      (answer) => answer.capture.state !== 'recording',
    )
    expect(lost.capture).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('the agent of node node-1 has been away for'),
    })
    const failed = await until(
      () => incident(server, incidentId),
      (answer) => answer.incident.state !== 'capturing',
    )
    expect(failed.incident).toMatchObject({ state: 'failed' })

    const returned = await PlayedAgent.connect(server.url)
    const { message: _, ...rest } = lost.capture
    await returned.deliver({
      type: 'capture',
      capture: { ...rest, state: 'complete', fromMs: someMs, toMs: someMs + 20_000 },
    })
    expect((await capture(server, id)).capture).toMatchObject({ state: 'complete' })
    expect((await capture(server, id)).capture.message).toBeUndefined()
  })

  test('what it had brought makes the capture partial', async () => {
    await using server = await startTestServer({ graceMs: 0 })
    const agent = await PlayedAgent.connect(server.url)
    await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-1' }) })
    await agent.deliver({
      type: 'capture',
      capture: makeCapture({ id: 'cap-1', incidentId: 'inc-1', state: 'uploading' }),
    })
    const bytes = machineProfile()
    const artifact = makeArtifact(bytes, { id: 'art-1', captureId: 'cap-1' })
    await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
    await agent.deliver({ type: 'artifact', artifact })
    await agent.close()
    const lost = await until(
      () => capture(server, 'cap-1'),
      (answer) => answer.capture.state !== 'uploading',
    )
    expect(lost.capture.state).toBe('partial')
    const found = await until(
      () => incident(server, 'inc-1'),
      (answer) => answer.incident.state !== 'capturing',
    )
    expect(found.incident).toMatchObject({ state: 'partial', top: [{ function: 'handle' }, {}, {}] })
  })

  test('a server that starts anew gives up what an earlier run left under way', async () => {
    await using first = await startTestServer()
    const agent = await PlayedAgent.connect(first.url)
    const { id } = await start(first)
    await agent.close()
    await first.close()
    const second = await startTestServer({ dataDir: first.dataDir, graceMs: 0 })
    const lost = await until(
      () => capture(second, id),
      (answer) => answer.capture.state !== 'recording',
    )
    expect(lost.capture.state).toBe('failed')
    await second.close()
  })
})

describe('what an agent may not say', () => {
  test('another protocol is refused by name', async () => {
    await using server = await startTestServer()
    const agent = await PlayedAgent.connect(server.url, { protocol: 99 })
    expect(await agent.nextOf('refused')).toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringContaining('speaks protocol 99'),
    })
    await agent.closed
    expect((await server.client.get('/api/v1/status')).agents).toEqual([])
  })

  test('documents that do not fit are rejected, others go on', async () => {
    await using server = await startTestServer()
    const agent = await PlayedAgent.connect(server.url)
    agent.say({ type: 'incident', seq: 7, incident: { id: 'inc-1' } })
    expect(await agent.next((message) => 'seq' in message && message.seq === 7)).toMatchObject({
      type: 'rejected',
      code: 'BAD_REQUEST',
      message: expect.stringContaining('incident.version'),
    })
    agent.socket.send('not JSON')
    agent.say({ type: 'of a newer version' })
    expect(await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-1' }) })).toMatchObject({
      type: 'stored',
    })
  })

  test('an artifact without bytes is missing, one of another size is rejected', async () => {
    await using server = await startTestServer()
    const agent = await PlayedAgent.connect(server.url)
    const bytes = machineProfile()
    const artifact = makeArtifact(bytes, { id: 'art-1', captureId: 'cap-1' })
    expect(await agent.deliver({ type: 'artifact', artifact })).toMatchObject({
      type: 'missing',
      sha256: artifact.sha256,
    })
    await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
    const wrong = await agent.deliver({ type: 'artifact', artifact: { ...artifact, sizeBytes: 1 } })
    expect(wrong).toMatchObject({ type: 'rejected', code: 'MALFORMED' })
    expect(await agent.deliver({ type: 'artifact', artifact })).toMatchObject({ type: 'stored' })
  })
})

test('an order that the agent may never have heard is told again when it is back, by the same name', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  await agent.nextOf('welcome')
  const { id } = await start(server, { options: { hz: 99 } })
  const order = await agent.nextOf('start-capture')
  await agent.close()
  const returned = await PlayedAgent.connect(server.url)
  const told = await returned.nextOf('start-capture')
  expect(told).toMatchObject({ ...order, captureId: id, lookBackMs: told.lookBackMs, options: { hz: 99 } })
  // It begins with the same moment, though it is later by now.
  expect(told.lookBackMs).toBeGreaterThanOrEqual(order.lookBackMs)
  const { capture } = await server.client.get('/api/v1/captures/{id}', { params: { id } })
  await returned.deliver({ type: 'capture', capture: { ...capture, state: 'complete' } })
  await returned.close()
  const last = await PlayedAgent.connect(server.url)
  await last.deliver({ type: 'capture', capture: { ...capture, state: 'recording' } })
  expect(last.received.filter(({ type }) => type === 'start-capture')).toEqual([])
})
