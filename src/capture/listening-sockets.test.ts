import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { freePort } from '../../test/free-port.ts'
import { listeningPorts } from './listening-sockets.ts'

const servers: Server[] = []
async function listen(host: string, port = 0): Promise<number> {
  const server = createServer()
  servers.push(server)
  await once(server.listen({ host, port, ipv6Only: true }), 'listening')
  return (server.address() as AddressInfo).port
}
afterAll(() => {
  for (const server of servers) server.close()
})

test('where to connect for every way to listen', async () => {
  const ports = {
    loopback: await listen('127.0.0.1'),
    all: await listen('0.0.0.0'),
    v6: await listen('::1'),
    both: await listen('::1', await freePort()),
  }
  await listen('127.0.0.1', ports.both)
  const found = listeningPorts(process.pid)
  expect(found).toContainEqual({ host: '127.0.0.1', port: ports.loopback })
  expect(found).toContainEqual({ host: '127.0.0.1', port: ports.all })
  expect(found).toContainEqual({ host: '::1', port: ports.v6 })
  expect(found.filter(({ port }) => port === ports.both)).toEqual([{ host: '127.0.0.1', port: ports.both }])
  // The parent of this process does not hold them, though it is in the same network.
  const parents = new Set(listeningPorts(process.ppid).map(({ port }) => port))
  expect(parents.has(ports.loopback)).toBe(false)
})

test('nobody listens nowhere', () => {
  expect(listeningPorts(4_194_305)).toEqual([])
})
