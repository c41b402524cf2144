// Real sockets of this process and of a child: who gets the connections that arrive at an address.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../../test/free-port.ts'
import { listenersOn } from './listeners.ts'

const servers: Server[] = []
const pids: number[] = []
afterAll(() => {
  for (const server of servers) server.close()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
})

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer()
  servers.push(server)
  await once(server.listen({ host, port }), 'listening')
  return (server.address() as AddressInfo).port
}

/** A child that says each line of what it prints. */
async function child(script: string): Promise<{ pid: number; line: () => Promise<string> }> {
  const started = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  pids.push(started.pid as number)
  const lines = createInterface({ input: started.stdout as NonNullable<typeof started.stdout> })[Symbol.asyncIterator]()
  return { pid: started.pid as number, line: async () => (await lines.next()).value as string }
}

const find = (port: number, address = ''): Promise<number[]> => listenersOn({ address, port }, process.pid)

test('the process that listens is found by name, by its address, and not by another address', async () => {
  const port = await listen('127.0.0.1')
  expect(await find(port)).toEqual([process.pid])
  expect(await find(port, '127.0.0.1')).toEqual([process.pid])
  expect(await find(port, '127.0.0.2')).toEqual([])
  const all = await listen('0.0.0.0')
  expect(await find(all, '10.4.2.17')).toEqual([process.pid])
})

test('of two on one port, the one on the address that was named', async () => {
  const port = await freePort()
  const other = await child(
    `require('node:net').createServer().listen(${port}, '127.0.0.2', () => console.log('listening'))`,
  )
  await other.line()
  await listen('127.0.0.1', port)
  expect(await find(port, '127.0.0.2')).toEqual([other.pid])
  expect(await find(port, '127.0.0.1')).toEqual([process.pid])
  expect((await find(port)).sort()).toEqual([process.pid, other.pid].sort())
})

test('workers that share a socket are all found', async () => {
  // A child inherits descriptor 0: the same socket, held twice, as after a fork.
  const parent = await child(`
    const { spawn } = require('node:child_process')
    const server = require('node:net').createServer().listen(0, '127.0.0.1', () => {
      const worker = spawn('sleep', ['600'], { stdio: [server._handle, 'ignore', 'ignore'] })
      worker.once('spawn', () => console.log(server.address().port + ' ' + worker.pid))
    })
    process.stdin.resume()`)
  const [port, worker] = (await parent.line()).split(' ').map(Number) as [number, number]
  pids.push(worker)
  expect((await find(port)).sort()).toEqual([parent.pid, worker].sort())
})

test('nobody listens on a port that was closed', async () => {
  const port = await listen('127.0.0.1')
  const server = servers.pop() as Server
  server.close()
  await once(server, 'close')
  expect(await find(port)).toEqual([])
})
