// A port for who has to be told one before it starts, or takes the same one again; nobody had it a moment ago.
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Below those that the kernel gives by itself (net.ipv4.ip_local_port_range, from 32768 on): until the program listens,
 * and while it is started again, no connection and no other server of this machine gets it. Above those of services.
 */
const lowest = 12_000
const highest = 32_000

export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false, // EADDRINUSE
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
