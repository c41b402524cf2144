// Where the inspector of a Node process is or would be: its options, its listening sockets, and what answers there.
//
//   GET /json/version    {"Browser":"node.js/v24.21.0","Protocol-Version":"1.1"}
//   GET /json/list       [{"type":"node","id":"0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e", …}]
import { wordsIfThere } from '../target/command-line.ts'
import { socketInodes, type TcpSocket, tcpSockets } from '../target/tcp-sockets.ts'
import { connectInside, type ProcessKey, printAddress } from './connect-inside.ts'
import { httpGet } from './http-get.ts'
import { Skipped } from './probe.ts'

/** Address and port as the process listens on them. */
export type InspectorPlace = TcpSocket['local']

/** Where Node listens unless told otherwise. */
const defaultPort = 9229
/** Answered by its I/O thread, also while the event loop hangs. */
const answerWithinMs = 3000
/** The list of one process is a few hundred bytes; more than this is something else. */
const maxListBytes = 64 * 1024
/** With --inspect-port=0 any port may be it; who listens on more than these is a proxy, and its first are the oldest. */
const maxAsked = 16

/** What the process itself listens on. */
export function ownListeners(pid: number): InspectorPlace[] {
  const { inodes } = socketInodes(pid)
  return tcpSockets(pid)
    .filter(({ state, inode }) => state === 'LISTEN' && inodes.has(inode))
    .map(({ local }) => local)
}

/**
 * `--inspect=0.0.0.0:9230`, `--inspect-brk`, `--inspect-port=0`, in NODE_OPTIONS or on the command line. To Node the last
 * one counts, and what is on the command line comes after the variable.
 */
function inspectPorts(pid: number): number[] {
  const folder = `/proc/${pid}`
  const nodeOptions = wordsIfThere(folder, 'environ').find((line) => line.startsWith('NODE_OPTIONS=')) ?? ''
  const text = [nodeOptions, ...wordsIfThere(folder, 'cmdline')].join(' ')
  const named = [
    ...text.matchAll(/--(?:inspect(?:-brk|-wait|-port)?|debug-port)[= ](?:\[[^\]\s]{0,64}\]:|[^\s:]{0,255}:)?(\d+)\b/g),
  ]
  return [defaultPort, ...named.map((match) => Number(match[1]))]
}

/** An inspector that is open already. Only ports that can be one are asked: others belong to the program. */
export async function findOpen(
  process: ProcessKey,
  listeners: readonly InspectorPlace[],
  signal?: AbortSignal,
): Promise<InspectorPlace | undefined> {
  const ports = inspectPorts(process.pid)
  // 0 is any port: then it may be any of them.
  const likely = listeners.filter(({ port }) => ports.includes(0) || ports.includes(port)).slice(0, maxAsked)
  const answers = await Promise.all(likely.map((local) => isInspector(process, local, signal)))
  return likely.find((_, i) => answers[i])
}

/** Ports on which somebody is connected to somebody in the network of the process. */
export const connectedPorts = (pid: number): number[] =>
  tcpSockets(pid)
    .filter(({ state }) => state === 'ESTAB')
    .map(({ local }) => local.port)

/** @throws Skipped when another program has the port that Node would take */
export function requireFreePort(pid: number, own: readonly InspectorPlace[]): void {
  const port = inspectPorts(pid).at(-1)
  if (port === 0) return
  const isTaken = tcpSockets(pid).some(({ state, local }) => state === 'LISTEN' && local.port === port)
  if (!isTaken) return
  const whose = own.some((local) => local.port === port) ? 'the program itself for something else' : 'another process'
  throw new Skipped(
    `port ${port}, on which its inspector would listen, is taken by ${whose} in the same network; ` +
      'start one of them with another --inspect-port',
  )
}

/** True when an inspector answers there. */
export async function isInspector(process: ProcessKey, place: InspectorPlace, signal?: AbortSignal): Promise<boolean> {
  const answer = await getJson(process, place, '/json/version', signal).catch(() => undefined)
  return typeof (answer as { Browser?: unknown } | undefined)?.Browser === 'string'
}

/** The id of what is open there: Node makes a new one each time that it is opened. */
export async function inspectorId(process: ProcessKey, place: InspectorPlace): Promise<string | undefined> {
  const list = await getJson(process, place, '/json/list')
  const id = (Array.isArray(list) ? (list[0] as { id?: unknown } | null) : undefined)?.id
  return typeof id === 'string' && /^[\w-]{1,100}$/.test(id) ? id : undefined
}

/** The host header must be an address, or Node answers 400 as a guard against DNS rebinding. */
async function getJson(
  process: ProcessKey,
  { address, port }: InspectorPlace,
  path: string,
  signal = new AbortController().signal,
): Promise<unknown> {
  const host = hostOf(address)
  const socket = await connectInside(process, { host, port }, { signal })
  const limits = { maxBytes: maxListBytes, timeoutMs: answerWithinMs, signal }
  const { body } = await httpGet(socket, { path, host: printAddress({ host, port }), ...limits })
  return JSON.parse(body.toString('utf8'))
}

/** Where to connect to reach a listener: one that listens everywhere is reached on loopback. */
export const hostOf = (address: string): string =>
  address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
