// The client against servers that behave, misbehave and vanish. The servers are Node's own HTTP/2.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createSocketServer, type Server as SocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { GrpcClient, isUnimplemented } from './grpc.ts'
import { parseProto } from './proto.ts'
import { encodeMessage } from './proto-message.ts'

const schema = parseProto(`
  package demo.v1;
  service Greeter { rpc Hello(Word) returns (Word); rpc Many(Word) returns (stream Word); }
  message Word { string text = 1; }
`)
const dir = mkdtempSync(join(tmpdir(), 'spikecam-grpc-'))
afterAll(() => rmSync(dir, { recursive: true }))
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

let sockets = 0
async function serve(answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void): Promise<string> {
  const path = join(dir, `${sockets++}.sock`)
  const server: Http2Server = createServer()
  server.on('stream', answer)
  await listen(server, path)
  return path
}
async function listen(server: Http2Server | SocketServer, path: string): Promise<void> {
  await new Promise<void>((resolve) => server.listen(path, resolve))
  closers.push(() => server.close())
}
function connect(path: string): GrpcClient {
  const client = new GrpcClient(path, schema)
  closers.unshift(() => client.close())
  return client
}
function frame(text: string): Buffer {
  const message = encodeMessage(schema, 'Word', { text })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}
function answerWith(stream: ServerHttp2Stream, chunks: Buffer[], trailers: Record<string, string>): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
}

test('an answer that comes byte by byte, and the headers a Go server wants', async () => {
  let seen: Record<string, unknown> = {}
  const path = await serve((stream, headers) => {
    seen = headers
    const bytes = frame('x'.repeat(300))
    answerWith(
      stream,
      Array.from(bytes, (byte) => Buffer.from([byte])),
      { 'grpc-status': '0' },
    )
  })
  expect(await connect(path).call('Hello', { text: 'you' }, { timeoutMs: 2000 })).toEqual({ text: 'x'.repeat(300) })
  expect(seen).toMatchObject({
    ':path': '/demo.v1.Greeter/Hello',
    ':authority': 'localhost',
    te: 'trailers',
    'content-type': 'application/grpc',
    'grpc-timeout': '2000m',
  })
})

test('a stream gives each message as it comes', async () => {
  const path = await serve((stream) =>
    answerWith(stream, [Buffer.concat([frame('a'), frame('b')]), frame('c')], { 'grpc-status': '0' }),
  )
  const words: unknown[] = []
  await connect(path).stream('Many', {}, (message) => words.push(message.text))
  expect(words).toEqual(['a', 'b', 'c'])
})

test('what the server says is in the failure; an unknown method is told apart', async () => {
  const path = await serve((stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown%20method' }, { endStream: true }),
  )
  const error = await connect(path)
    .call('Hello')
    .catch((each: unknown) => each)
  expect(error).toMatchObject({ code: 'TOOL_FAILED', message: 'Hello: unknown method' })
  expect(isUnimplemented(error)).toBe(true)
})

test('a message that is not encoded as it should be is told as it is', async () => {
  const path = await serve((stream) =>
    stream.respond({ ':status': 200, 'grpc-status': '13', 'grpc-message': '100% broken' }, { endStream: true }),
  )
  await expect(connect(path).call('Hello')).rejects.toMatchObject({ message: 'Hello: 100% broken' })
})

test('nobody there, nobody answering, somebody else answering, and a connection that breaks', async () => {
  await expect(connect(join(dir, 'none.sock')).call('Hello')).rejects.toMatchObject({
    code: 'CRI_UNREACHABLE',
    message: expect.stringContaining('ENOENT'),
  })
  const silent = await serve(() => undefined)
  await expect(connect(silent).call('Hello', {}, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'TIMEOUT' })

  const other = join(dir, 'other.sock')
  await listen(
    createSocketServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    other,
  )
  await expect(connect(other).call('Hello')).rejects.toMatchObject({ code: 'CRI_UNREACHABLE' })

  const breaking = await serve((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(frame('half').subarray(0, 6), () => stream.session?.destroy())
  })
  await expect(connect(breaking).call('Hello')).rejects.toMatchObject({ code: 'CRI_UNREACHABLE' })
})

test('after the server came back the same client goes on', async () => {
  const path = join(dir, 'restart.sock')
  const start = async (): Promise<() => Promise<void>> => {
    const server = createServer()
    const sessions = new Set<{ destroy(): void }>()
    server.on('session', (session) => sessions.add(session))
    server.on('stream', (stream) => answerWith(stream, [frame('here')], { 'grpc-status': '0' }))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    return async () => {
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
  const client = connect(path)
  const stopFirst = await start()
  expect(await client.call('Hello')).toEqual({ text: 'here' })
  await stopFirst()
  await expect(client.call('Hello')).rejects.toMatchObject({ code: 'CRI_UNREACHABLE' })
  const stopSecond = await start()
  expect(await client.call('Hello')).toEqual({ text: 'here' })
  await stopSecond()
})

test('an absurd length is refused before it is waited for', async () => {
  const path = await serve((stream) => {
    stream.respond({ ':status': 200 })
    stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]))
  })
  await expect(connect(path).call('Hello')).rejects.toMatchObject({ code: 'TOO_LARGE' })
})

test('a call can be cancelled', async () => {
  const path = await serve(() => undefined)
  const controller = new AbortController()
  const pending = connect(path).stream('Many', {}, () => undefined, { signal: controller.signal })
  controller.abort()
  await expect(pending).rejects.toMatchObject({ message: 'Many: cancelled' })
})
