// The real program in a real process, and what it says over its event stream.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Client, createClient } from '../../src/api/client.ts'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { favour } from '../favour.ts'

const root = resolve(import.meta.dirname, '../..')

export interface Program {
  readonly url: string
  readonly client: Client
  readonly child: ChildProcess
  readonly data: string
  /** Everything written to stdout and stderr so far. */
  output(): string
  /** The first event from now on that `match` takes. */
  event(match: (event: ServerEvent) => boolean): Promise<ServerEvent>
  /** Ends it as an operator would. */
  stop(): Promise<void>
}

/** Starts `spikecam up` on a free port; `data` keeps a folder across restarts. */
export async function startUp(args: readonly string[] = [], data?: string, token?: string): Promise<Program> {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'spikecam-e2e-')))
  return startUpBy([join(root, 'spikecam')], args, { folder, isKept: data !== undefined, ...(token ? { token } : {}) })
}

export interface UpOptions {
  readonly folder: string
  /** The folder is somebody else's to remove. */
  readonly isKept?: boolean
  readonly token?: string
}

/** The same by another command that becomes `spikecam`, such as one that sees other mounts. */
export async function startUpBy(
  [command, ...words]: readonly [string, ...string[]],
  args: readonly string[],
  { folder, isKept = false, token }: UpOptions,
): Promise<Program> {
  const secret = token ? ['--token', token] : []
  const own = ['up', '--listen', '127.0.0.1:0', '--data', folder, ...secret]
  const child = spawn(command, [...words, ...own, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const url = await new Promise<string>((done, fail) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const match = /http:\/\/127\.0\.0\.1:\d+/.exec(text)
      if (match) done(match[0])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) => fail(new Error(`spikecam up ended with ${code}:\n${text}`)))
  })
  const waiting = new Set<{ match: (event: ServerEvent) => boolean; done: (event: ServerEvent) => void }>()
  const abort = new AbortController()
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  void listen(url, { signal: abort.signal, headers }, (event) => {
    for (const waiter of [...waiting]) {
      if (!waiter.match(event)) continue
      waiting.delete(waiter)
      waiter.done(event)
    }
  })
  return {
    url,
    client: createClient({ baseUrl: url, ...(token ? { token } : {}) }),
    child,
    data: folder,
    output: () => text,
    event: (match) => new Promise((done) => waiting.add({ match, done })),
    stop: async () => {
      abort.abort()
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, 'exit')
        child.kill('SIGTERM')
        await gone
      }
      if (!isKept) await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves once it records, and whoever is there by now can spike: was seen quiet, as every process once a second. */
export async function untilWatching(up: Program): Promise<void> {
  await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
  const sinceMs = Date.now()
  await up.event((event) => event.type === 'agent' && (event.agent.status?.nowMs ?? 0) > sinceMs + 2000)
}

/** Reads the server-sent events until aborted. */
async function listen(url: string, request: RequestInit, take: (event: ServerEvent) => void): Promise<void> {
  try {
    const response = await fetch(`${url}/api/v1/events`, request)
    let rest = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      rest += new TextDecoder().decode(chunk)
      const blocks = rest.split('\n\n')
      rest = blocks.pop() as string
      for (const block of blocks) {
        const data = /^data: ?(.*)$/m.exec(block)?.[1]
        if (data) take(JSON.parse(data) as ServerEvent)
      }
    }
  } catch {
    // aborted by the test, or the program was killed by it
  }
}

export interface Burner {
  readonly pid: number
  /** Burns one core for so long in a function named `burnInNamedFunction`; gives the CPU seconds it really got. */
  burn(ms: number): Promise<number>
  /** The same again and again until something has happened: an agent that is starved itself looks seldom. */
  burnUntil(happened: Promise<unknown>, ms: number): Promise<number>
  stop(): void
}

/** A Node process with perf maps that burns when told to. */
export async function startBurner(): Promise<Burner> {
  const source = `
    function burnInNamedFunction(until) { let x = 0; while (performance.now() < until) for (let i = 0; i < 2e5; i++) x += Math.sqrt(i); return x }
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const before = process.cpuUsage()
      burnInNamedFunction(performance.now() + Number(line))
      const used = process.cpuUsage(before)
      console.log((used.user + used.system) / 1e6)
    })
    console.log('ready')`
  const child = spawn(process.execPath, ['--perf-basic-prof', '--interpreted-frames-native-stack', '-e', source], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  // A spike is a process that gets a core; on a machine that is busy with something else it has to be helped to one.
  favour(child.pid as number)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const burn = async (ms: number): Promise<number> => {
    child.stdin.write(`${ms}\n`)
    return Number((await lines.next()).value)
  }
  return {
    pid: child.pid as number,
    burn,
    burnUntil: async (happened, ms) => {
      let isOver = false
      void happened.then(() => (isOver = true))
      let cpuSeconds = 0
      while (!isOver) cpuSeconds += await burn(ms)
      return cpuSeconds
    },
    stop: () => {
      child.kill('SIGKILL')
      void rm(`/tmp/perf-${child.pid}.map`, { force: true })
    },
  }
}
