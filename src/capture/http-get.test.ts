import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type GetOptions, httpGet } from './http-get.ts'

let server: Server | undefined
afterEach(() => server?.close())

/** A server that does this with every connection, and a connection to it. */
async function serve(answer: (socket: Socket) => void): Promise<Socket> {
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => answer(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}
const get = (socket: Socket, options: Partial<GetOptions> = {}) => {
  const signal = new AbortController().signal
  return httpGet(socket, { path: '/', host: 'app:1', maxBytes: 1000, timeoutMs: 5000, signal, ...options })
}
const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'

test('a body without end is cut at the limit, and the connection closed', async () => {
  let closed: Promise<unknown> | undefined
  const socket = await serve((peer) => {
    closed = once(peer, 'close')
    peer.write(`${head}\r\n`)
    const more = (): void => void (peer.writable && peer.write('x'.repeat(10_000), () => setImmediate(more)))
    more()
  })
  const answer = await get(socket)
  expect(answer).toMatchObject({ status: 200, cut: 'size' })
  expect(answer.body).toHaveLength(1000)
  await closed
})

test('an abort keeps what has come; before an answer there is nothing to keep', async () => {
  const abort = new AbortController()
  const socket = await serve((peer) => peer.write(`${head}Content-Length: 100\r\n\r\nhalf`))
  socket.on('data', () => setImmediate(() => abort.abort()))
  const answer = await get(socket, { signal: abort.signal })
  expect(answer).toMatchObject({ status: 200, cut: 'aborted' })
  expect(answer.body.toString()).toBe('half')
  const silent = await serve(() => abort.abort())
  await expect(get(silent, { signal: abort.signal })).rejects.toMatchObject({ code: 'TIMEOUT' })
})

test('a server that hangs up in the middle, never answers, or speaks something else', async () => {
  const half = await serve((peer) => peer.end(`${head}Content-Length: 100\r\n\r\nhalf`))
  expect(await get(half)).toMatchObject({ cut: 'closed' })
  const silent = await serve(() => undefined)
  await expect(get(silent, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  const redis = await serve((peer) => peer.end("-ERR unknown command 'GET'\r\n"))
  await expect(get(redis)).rejects.toMatchObject({ code: expect.stringMatching(/^HPE_/) })
  const flood = await serve((peer) => peer.write(`${head}X: ${'x'.repeat(100_000)}\r\n\r\n`))
  await expect(get(flood)).rejects.toMatchObject({ code: 'HPE_HEADER_OVERFLOW' })
})
