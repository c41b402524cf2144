// Against a real process in a network namespace of its own; to make one takes root.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spawnInOwnNetwork } from '../../test/own-network.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { type AddressInside, connectInside, type ProcessKey } from './connect-inside.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('skipped: connections into other networks: to make one takes root\n')

const socketPath = join(temporaryFolder(), 'app.sock')
/** Echoes on IPv4, on IPv6 and on a Unix socket until it gets `quit`; says `closed` whenever a connection is gone. */
const echo = `
  const { createServer } = require('node:net')
  const serve = (...where) => new Promise((done) => {
    const server = createServer((socket) => {
      socket.on('data', (data) => (data.toString() === 'quit' ? socket.end(Buffer.alloc(1e6, 'x')) : socket.write(data)))
      socket.on('error', () => undefined)
      socket.on('close', () => console.log('closed'))
    })
    server.listen(...where, () => done(server.address().port))
  })
  Promise.all([serve(0, '127.0.0.1'), serve(0, '::1'), serve(process.argv[1])]).then((ports) => console.log(ports.join(' ')))`

const keyOf = (pid: number): ProcessKey => ({ pid, startTicks: startTicksOf(pid) as number })
let inside: ChildProcess
let key: ProcessKey
let lines: AsyncIterator<string>
let v4: AddressInside
let v6: AddressInside

beforeAll(async () => {
  if (!isRoot) return
  inside = spawnInOwnNetwork([process.execPath, '-e', echo, socketPath])
  lines = createInterface({ input: inside.stdout! })[Symbol.asyncIterator]()
  const [port4, port6] = (await lines.next()).value.split(' ').map(Number)
  v4 = { host: '127.0.0.1', port: port4 }
  v6 = { host: '::1', port: port6 }
  key = keyOf(inside.pid as number)
})
afterAll(() => inside?.kill('SIGKILL'))

/** Children of this process and theirs: what a relay leaves behind when it does not end. */
function relays(): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8')
      return /^Name:\s+(bash|cat)$/m.test(status) && isOurs(Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]))
    } catch {
      return false
    }
  })
}
function isOurs(pid: number): boolean {
  if (pid <= 1 || pid === process.pid) return pid === process.pid
  return isOurs(Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]))
}
async function untilNoRelay(): Promise<void> {
  while (relays().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

test.skipIf(!isRoot)('bytes go both ways over IPv4, IPv6 and a Unix socket', async () => {
  for (const address of [v4, v6, { path: socketPath }]) {
    const socket = await connectInside(key, address)
    socket.write('hello')
    expect(((await once(socket, 'data'))[0] as Buffer).toString()).toBe('hello')
    socket.destroy()
    expect((await lines.next()).value).toBe('closed')
  }
  await untilNoRelay()
})

test.skipIf(!isRoot)('everything that the server sent before it closed arrives', async () => {
  const socket = await connectInside(key, v4)
  socket.write('quit')
  let size = 0
  for await (const chunk of socket) size += (chunk as Buffer).length
  expect(size).toBe(1e6)
  expect((await lines.next()).value).toBe('closed')
  await untilNoRelay()
})

test.skipIf(!isRoot)('an abort closes the connection on the other side too', async () => {
  const abort = new AbortController()
  const socket = await connectInside(key, v4, { signal: abort.signal })
  abort.abort()
  expect((await lines.next()).value).toBe('closed')
  expect(socket.destroyed).toBe(true)
  await untilNoRelay()
})

test.skipIf(!isRoot)('what cannot be reached says why', async () => {
  const refused = { code: 'ENDPOINT_UNREACHABLE', message: '127.0.0.1:1: Connection refused' }
  await expect(connectInside(key, { host: '127.0.0.1', port: 1 })).rejects.toMatchObject(refused)
  await expect(connectInside(keyOf(process.pid), { host: '127.0.0.1', port: 1 })).rejects.toMatchObject(refused)
  await expect(connectInside(key, { path: '/absent.sock' })).rejects.toMatchObject({
    code: 'ENDPOINT_UNREACHABLE',
    message: '/absent.sock: No such socket',
  })
  await expect(connectInside(key, { host: 'example.com', port: 80 })).rejects.toMatchObject({ code: 'USAGE' })
  await expect(connectInside(key, { host: '192.0.2.1', port: 80 })).rejects.toMatchObject({
    code: 'ENDPOINT_UNREACHABLE',
    message: '192.0.2.1:80: Network is unreachable',
  })
})

test.skipIf(!isRoot)('another process under the same PID is not connected to', async () => {
  const other = { ...key, startTicks: key.startTicks - 1 }
  await expect(connectInside(other, v4)).rejects.toMatchObject({ code: 'TARGET_GONE' })
})

test('in our own network it is connected directly', async () => {
  const server = createServer((socket) => socket.end('hi'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  const socket = await connectInside(keyOf(process.pid), { host: '127.0.0.1', port })
  expect(socket.remotePort).toBe(port)
  server.close()
})
