// Node's inspector in a process that runs: opened by SIGUSR1, spoken to over its WebSocket inside the process's own
// network, and closed again. Its I/O thread interrupts the JavaScript, so it answers while the event loop is pegged.
//
//   kill -USR1 4242      the process listens on 127.0.0.1:9229, or where --inspect-port says
//   GET /json/list       [{"type":"node","webSocketDebuggerUrl":"ws://127.0.0.1:9229/0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e"}]
//   → {"id":1,"method":"Profiler.enable"}          ← {"id":1,"result":{}}
//
// Whoever reaches that port can run code in the process, so it is open for as long as we look, on its loopback only.
import { get } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { socketInodes, type TcpSocket, tcpSockets } from '../target/tcp-sockets.ts'
import { connectInside } from './connect-inside.ts'
import { readIfThere } from './context-processes.ts'
import { Skipped } from './probe.ts'

export interface Inspector {
  /** True when somebody else had opened it: then it stays open. */
  readonly wasOpen: boolean
  /** `127.0.0.1:9229` */
  readonly address: string
  /** @throws Failure TOOL_FAILED when V8 says no, TARGET_GONE when the process ended, TIMEOUT */
  call(method: string, params?: Record<string, unknown>): Promise<Record<string, unknown>>
  /** Closes the inspector, unless it was open before. @returns why it could not, if so */
  close(): Promise<string | undefined>
}

interface NodeProcess {
  readonly pid: number
  readonly startTicks: number
}

/** Bit of signal 10 in the masks of /proc/PID/status: signal N is bit N-1. */
const sigusr1Bit = 1n << 9n
/** Where Node listens unless told otherwise. */
const defaultPort = 9229
/** Node's signal thread answers within milliseconds, also on a pegged loop; a starved container may take seconds. */
const openWithinMs = 10_000
const closeWithinMs = 3000
const lookEveryMs = 25
/** V8 answers at its next interrupt check; code that never reaches one (a long regular expression) makes it wait. */
const answerWithinMs = 30_000
/** A CPU profile of 10 minutes of a large program is some 50 MB. */
const maxMessageBytes = 256 * 1024 * 1024

/**
 * Opens the inspector of a Node process, or joins one that is open and that nobody uses.
 * @throws Skipped when the process is no Node, does not listen to the signal, or its inspector is somebody's;
 * Failure TARGET_GONE, NOT_PERMITTED, TIMEOUT
 */
export async function openInspector(target: Target, signal: AbortSignal): Promise<Inspector> {
  const process = requireNode(target)
  const before = ownListeners(process.pid)
  // Before we connect ourselves.
  const inUse = new Set(connectedPorts(process.pid))
  const open = await findOpen(process, before, signal)
  if (open) {
    if (inUse.has(open.port)) throw new Skipped(whoseInspector(process.pid, open))
    return attach(process, open, true)
  }
  requireFreePort(process.pid, before)
  // From here on it has to be closed again, so nothing below is given up because somebody lost interest.
  sendSignal(process)
  const address = await untilListening(process, before)
  try {
    return await attach(process, address, false)
  } catch (error) {
    // Opened and not usable: what can be done is to say so.
    if (error instanceof Failure)
      throw new Failure(error.code, `${error.message}; ${leftOpen(address)}`, { cause: error })
    throw error
  }
}

const leftOpen = ({ address, port }: TcpSocket['local']): string =>
  `its inspector is still open on ${address}:${port}, until the process is started again`

/** @throws Skipped, Failure TARGET_GONE */
function requireNode({ pid, startTicks }: Target): NodeProcess {
  if (pid === undefined || startTicks === undefined) throw new Skipped('the inspector is that of one process; name it')
  if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
  const { runtime } = detectRuntime(pid)
  if (runtime !== 'node') throw new Skipped(`process ${pid} is not Node but ${runtime}`)
  // A process that does not catch it would be killed by it: started with --disable-sigusr1, or not through node's main.
  const caught = /^SigCgt:\s+([0-9a-f]+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1]
  if (caught === undefined || (BigInt(`0x${caught}`) & sigusr1Bit) === 0n) {
    throw new Skipped(`process ${pid} does not catch SIGUSR1, so it cannot be asked to open its inspector`)
  }
  return { pid, startTicks }
}

/** What the process itself listens on. */
function ownListeners(pid: number): TcpSocket['local'][] {
  const { inodes } = socketInodes(pid)
  return tcpSockets(pid)
    .filter(({ state, inode }) => state === 'LISTEN' && inodes.has(inode))
    .map(({ local }) => local)
}

/** `--inspect=0.0.0.0:9230`, `--inspect-brk`, `--inspect-port=0`, on the command line or in NODE_OPTIONS. */
function inspectPorts(pid: number): number[] {
  const environment = readIfThere(`/proc/${pid}/environ`).split('\0')
  const nodeOptions = environment.find((line) => line.startsWith('NODE_OPTIONS=')) ?? ''
  const text = `${readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')} ${nodeOptions}`
  const named = [...text.matchAll(/--(?:inspect(?:-brk|-wait|-port)?|debug-port)[= ](?:[^\s:]*:)?(\d+)\b/g)]
  return [...named.map((match) => Number(match[1])), defaultPort]
}

/** An inspector that is open already. Only ports that can be one are asked: others belong to the program. */
async function findOpen(
  process: NodeProcess,
  listeners: readonly TcpSocket['local'][],
  signal: AbortSignal,
): Promise<TcpSocket['local'] | undefined> {
  const ports = inspectPorts(process.pid)
  // 0 is any port: then it may be any of them.
  for (const local of listeners.filter(({ port }) => ports.includes(0) || ports.includes(port))) {
    const answer = await getJson(process, local, '/json/version', signal).catch(() => undefined)
    if (typeof (answer as { Browser?: unknown } | undefined)?.Browser === 'string') return local
  }
  return undefined
}

/** Ports on which somebody is connected to somebody in the network of the process. */
const connectedPorts = (pid: number): number[] =>
  tcpSockets(pid)
    .filter(({ state }) => state === 'ESTAB')
    .map(({ local }) => local.port)

const whoseInspector = (pid: number, { address, port }: TcpSocket['local']): string =>
  `the inspector of process ${pid} on ${address}:${port} is in use by somebody else, and is left to them; try again when they are done`

/** @throws Skipped when another program has the port that Node would take */
function requireFreePort(pid: number, own: readonly TcpSocket['local'][]): void {
  const [port = defaultPort] = inspectPorts(pid)
  if (port === 0) return
  const isTaken = tcpSockets(pid).some(({ state, local }) => state === 'LISTEN' && local.port === port)
  if (!isTaken) return
  const whose = own.some((local) => local.port === port) ? 'the program itself for something else' : 'another process'
  throw new Skipped(
    `port ${port}, on which its inspector would listen, is taken by ${whose} in the same network; ` +
      'start one of them with another --inspect-port',
  )
}

/** @throws Failure TARGET_GONE, NOT_PERMITTED */
function sendSignal({ pid, startTicks }: NodeProcess): void {
  if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
  try {
    globalThis.process.kill(pid, 'SIGUSR1')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') throw new Failure('TARGET_GONE', `process ${pid} has ended`)
    throw new Failure('NOT_PERMITTED', `process ${pid} may not be sent a signal`, { cause })
  }
}

/** A port on loopback that was not there before and answers as an inspector. @throws Failure TIMEOUT, TARGET_GONE */
async function untilListening(
  process: NodeProcess,
  before: readonly TcpSocket['local'][],
): Promise<TcpSocket['local']> {
  const known = new Set(before.map(({ address, port }) => `${address}:${port}`))
  const deadline = performance.now() + openWithinMs
  while (performance.now() < deadline) {
    const fresh = ownListeners(process.pid).filter(({ address, port }) => !known.has(`${address}:${port}`))
    for (const local of fresh) {
      const answer = await getJson(process, local, '/json/version').catch(() => undefined)
      if (typeof (answer as { Browser?: unknown } | undefined)?.Browser === 'string') return local
    }
    if (startTicksOf(process.pid) !== process.startTicks) {
      throw new Failure('TARGET_GONE', `process ${process.pid} has ended`)
    }
    await sleep(lookEveryMs)
  }
  throw new Failure('TIMEOUT', `process ${process.pid} opened no inspector within ${openWithinMs / 1000} s of SIGUSR1`)
}

/** The host header must be an address, or Node answers 400 as a guard against DNS rebinding. */
async function getJson(
  process: NodeProcess,
  { address, port }: TcpSocket['local'],
  path: string,
  signal?: AbortSignal,
): Promise<unknown> {
  const host = hostOf(address)
  const socket = await connectInside(process, { host, port }, signal ? { signal } : {})
  return new Promise((resolve, reject) => {
    const request = get({
      path,
      headers: { host: `${host}:${port}`, connection: 'close' },
      createConnection: () => socket,
    })
    request.setTimeout(closeWithinMs, () => request.destroy(new Error('no answer')))
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        // The list of one process is a few hundred bytes; more than this is something else.
        if (text.length > 1e6) request.destroy(new Error('not an inspector'))
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(text))
        } catch (error) {
          reject(error)
        }
      })
    })
  })
}

/** Where to connect to reach a listener: one that listens everywhere is reached on loopback. */
const hostOf = (address: string): string => (address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address)

async function attach(process: NodeProcess, local: TcpSocket['local'], wasOpen: boolean): Promise<Inspector> {
  const list = await getJson(process, local, '/json/list')
  const id = (Array.isArray(list) ? (list[0] as { id?: unknown }) : undefined)?.id
  if (typeof id !== 'string' || !/^[\w-]+$/.test(id)) throw new Failure('TOOL_FAILED', 'the inspector names no target')
  const host = hostOf(local.address)
  const connection: Socket = await connectInside(process, { host, port: local.port })
  const socket = new WebSocket(`ws://127.0.0.1:${local.port}/${id}`, {
    createConnection: () => connection,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handshakeTimeout: openWithinMs,
  })
  const session = new Session(socket, process.pid)
  await session.opened
  return {
    wasOpen,
    address: `${host}:${local.port}`,
    call: (method, params) => session.call(method, params),
    close: async () => {
      if (!wasOpen) {
        // What `inspector.close` is; it needs no `require`, which an ES module has not. At once, not from a timer: those
        // of a pegged loop never come. It takes the connection down, so there may be no answer.
        await session.call('Runtime.evaluate', { expression: 'process._debugEnd()' }).catch(() => undefined)
      }
      const open = wasOpen ? undefined : await whenClosed(process, local)
      session.end()
      return open
    },
  }
}

/** Looks until nobody listens there any more. @returns what to tell when somebody still does */
async function whenClosed(process: NodeProcess, local: TcpSocket['local']): Promise<string | undefined> {
  const deadline = performance.now() + closeWithinMs
  while (ownListeners(process.pid).some(({ port }) => port === local.port)) {
    if (performance.now() > deadline) return leftOpen(local)
    await sleep(lookEveryMs)
  }
  return undefined
}

/** Questions and answers of the Chrome DevTools protocol, by number. */
class Session {
  readonly opened: Promise<void>
  readonly #socket: WebSocket
  readonly #pid: number
  readonly #waiting = new Map<
    number,
    { resolve: (result: Record<string, unknown>) => void; reject: (error: Failure) => void }
  >()
  #next = 1
  #ended: Failure | undefined

  constructor(socket: WebSocket, pid: number) {
    this.#socket = socket
    this.#pid = pid
    this.opened = new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', (cause) => reject(new Failure('TOOL_FAILED', `the inspector: ${cause.message}`, { cause })))
    })
    socket.on('message', (data) => this.#receive(String(data)))
    socket.on('error', (cause) => this.#fail(new Failure('TOOL_FAILED', `the inspector: ${cause.message}`, { cause })))
    socket.on('close', () => this.#fail(new Failure('TARGET_GONE', `the inspector of process ${this.#pid} hung up`)))
  }

  call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    if (this.#ended) return Promise.reject(this.#ended)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        const seconds = answerWithinMs / 1000
        reject(new Failure('TIMEOUT', `process ${this.#pid} did not answer ${method} within ${seconds} s`))
      }, answerWithinMs)
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          how(value)
        }
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  end(): void {
    this.#socket.terminate()
  }

  #receive(text: string): void {
    let message: { id?: number; result?: Record<string, unknown>; error?: { message?: string } }
    try {
      message = JSON.parse(text)
    } catch {
      this.#fail(new Failure('TOOL_FAILED', 'the inspector does not speak JSON'))
      return
    }
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id)
    if (message.id === undefined || !waiting) return // an event, which nobody asked for
    this.#waiting.delete(message.id)
    if (message.result) waiting.resolve(message.result)
    else waiting.reject(new Failure('TOOL_FAILED', `V8 says: ${message.error?.message ?? 'nothing'}`))
  }

  #fail(failure: Failure): void {
    this.#ended ??= failure
    for (const { reject } of this.#waiting.values()) reject(failure)
    this.#waiting.clear()
  }
}
