// What no runtime here has: events. A runtime of our own speaks the protocol, with Node's HTTP/2.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { findCri } from './cri.ts'
import { criSchema } from './cri-proto.ts'
import { type CriWatch, watchCri } from './cri-watch.ts'
import { encodeMessage, type ProtoObject } from './proto-message.ts'

const dir = mkdtempSync(join(tmpdir(), 'spikecam-cri-'))
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface StandIn {
  readonly socket: string
  /** Method names in the order they were asked. */
  readonly asked: string[]
  /** Sends one event to everybody who listens. */
  event(): void
  stop(): void
}

async function startStandIn(
  name: string,
  options: { events: 'yes' | 'unimplemented'; pods?: number },
): Promise<StandIn> {
  const socket = join(dir, `${name}.sock`)
  const asked: string[] = []
  const listeners = new Set<ServerHttp2Stream>()
  const sessions = new Set<{ destroy(): void }>()
  const frame = (type: string, message: ProtoObject): Buffer => {
    const bytes = encodeMessage(criSchema, type, message)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(bytes.length, 1)
    return Buffer.concat([head, bytes])
  }
  const sandbox = (id: number): ProtoObject => ({ id: `${id}`, metadata: { name: `pod-${id}`, uid: 'u' } })
  const answers: Record<string, ProtoObject> = {
    Version: { version: '0.1.0', runtimeName: 'standin', runtimeVersion: '1.2.3~ds1' },
    ListPodSandbox: { items: Array.from({ length: options.pods ?? 0 }, (_, i) => sandbox(i)) },
    ListContainers: { containers: [] },
  }
  const server: Http2Server = createServer()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream, headers) => {
    const method = String(headers[':path']).split('/').at(-1) as string
    asked.push(method)
    if (method === 'GetContainerEvents' && options.events === 'yes') {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      listeners.add(stream)
      stream.once('close', () => listeners.delete(stream))
      return
    }
    const answer = answers[method]
    if (!answer) {
      stream.respond({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown method' }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(frame(criSchema.methods.get(method)?.response as string, answer))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const stop = (): void => {
    for (const session of sessions) session.destroy()
    server.close()
  }
  closers.push(stop)
  const event = (): void => {
    const message = { containerId: 'c', containerEventType: 'CONTAINER_STARTED_EVENT', createdAt: 1 }
    for (const stream of listeners) stream.write(frame('ContainerEventResponse', message))
  }
  return { socket, asked, event, stop }
}

const said: string[] = []
const log = {
  info: (_: object, message: string) => void said.push(message),
  warn: (_: object, message: string) => void said.push(message),
}
function watch(standIn: StandIn, pollMs: number): { watch: CriWatch; lists: () => number } {
  let lists = 0
  const watched = watchCri({
    criSocket: standIn.socket,
    log,
    pollMs,
    refresh: async (cri) => {
      await cri.sandboxes()
      lists++
    },
  })
  closers.push(() => watched.close())
  return { watch: watched, lists: () => lists }
}
const never = 1_000_000

test('events lead to a list; a burst of them to one', async () => {
  const standIn = await startStandIn('events', { events: 'yes' })
  const { watch: watched, lists } = watch(standIn, never)
  await watched.ready
  expect(watched.runtime).toBe('standin 1.2.3')
  expect(lists()).toBe(1)
  await expect.poll(() => standIn.asked).toContain('GetContainerEvents')
  for (let i = 0; i < 20; i++) standIn.event()
  await expect.poll(lists).toBe(2)
  standIn.event()
  await expect.poll(lists).toBe(3)
})

test('an event that comes while a list is read leads to another list', async () => {
  const standIn = await startStandIn('meanwhile', { events: 'yes' })
  let lists = 0
  const watched = watchCri({
    criSocket: standIn.socket,
    log,
    pollMs: never,
    refresh: async (cri) => {
      lists++
      if (lists === 2) {
        standIn.event()
        await cri.containers() // answered after the event was sent on the same connection
      }
    },
  })
  closers.push(() => watched.close())
  await expect.poll(() => standIn.asked).toContain('GetContainerEvents')
  await watched.nudge()
  await expect.poll(() => lists).toBe(3)
})

test('without events it asks again and again, and at once when nudged', async () => {
  const polled = watch(await startStandIn('polled', { events: 'unimplemented' }), 20)
  await expect.poll(polled.lists).toBeGreaterThan(3)
  const nudged = watch(await startStandIn('nudged', { events: 'unimplemented' }), never)
  await nudged.watch.ready
  await Promise.all([nudged.watch.nudge(), nudged.watch.nudge()])
  expect(nudged.lists()).toBe(2)
  await nudged.watch.nudge()
  expect(nudged.lists()).toBe(3)
})

test('a stream of events that breaks is noticed without waiting for the next list', async () => {
  const standIn = await startStandIn('broken', { events: 'yes' })
  const { watch: watched } = watch(standIn, never)
  await watched.ready
  await expect.poll(() => standIn.asked).toContain('GetContainerEvents')
  said.length = 0
  standIn.stop()
  await expect.poll(() => said).toEqual([expect.stringContaining('keeping what is known of pods')])
  expect(watched.runtime).toBeUndefined()
  await watched.nudge() // does not hang while the runtime is away
})

test('of several runtimes the one with pods is taken, and one without CRI is named', async () => {
  const other = await startStandIn('other', { events: 'unimplemented', pods: 0 })
  const used = await startStandIn('used', { events: 'unimplemented', pods: 2000 })
  // The usual paths below a root of our own: containerd's is Docker's here, CRI-O's is the kubelet's.
  const hostRoot = join(dir, 'root')
  for (const [path, target] of [
    ['run/containerd/containerd.sock', other.socket],
    ['run/crio/crio.sock', used.socket],
  ] as const) {
    mkdirSync(join(hostRoot, path, '..'), { recursive: true })
    symlinkSync(target, join(hostRoot, path))
  }
  const cri = await findCri({ hostRoot })
  expect(cri.socket).toBe(join(hostRoot, 'run/crio/crio.sock'))
  expect(await cri.sandboxes()).toHaveLength(2000)
  cri.close()
  await expect(findCri({ criSocket: join(dir, 'none.sock') })).rejects.toMatchObject({ code: 'CRI_UNREACHABLE' })
})
