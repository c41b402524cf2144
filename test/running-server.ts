// A real server on a free loopback port for tests, with a folder of its own and a client that asks it.
import { rmSync } from 'node:fs'
import { pino } from 'pino'
import { type Client, createClient } from '../src/api/client.ts'
import { type RunningServer, type ServerOptions, startServer } from '../src/server/server.ts'
import { freshFolder } from './scratch.ts'

export interface TestServer extends RunningServer {
  readonly client: Client
  readonly dataDir: string
  /** Lines of the log as objects, in the order they were written. */
  readonly logged: Record<string, unknown>[]
  /** Closes the server and removes its folder. */
  [Symbol.asyncDispose](): Promise<void>
}

export async function startTestServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? freshFolder('server')
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) })
  const server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    dataDir,
    dataBudgetBytes: 1e9,
    version: '0.0.0-test',
    log,
    ...options,
  })
  return {
    ...server,
    client: createClient({ baseUrl: server.url, ...(options.token ? { token: options.token } : {}) }),
    dataDir,
    logged,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Asks again until the answer is as wanted; fails after a minute with what it was last. */
export async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  const endMs = Date.now() + 60_000
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (Date.now() > endMs) throw new Error(`still not as wanted: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
