// Connects to a port or socket of another process where that process would: inside its network namespace. So ports that
// listen on its loopback alone are reached, and no NetworkPolicy stands in between.
//
// A thread of Node cannot change its namespace. The cheapest that is installed everywhere is bash under nsenter: it
// connects, and two cats carry the bytes. Measured on this kind of machine: 8 ms to a connection, against 12 ms for Perl
// and 46 ms for a second Node.
import { readlinkSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { Failure } from '../model/errors.ts'
import { findInside } from '../target/inside-root.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { startTool } from './run.ts'

/** A process for good: PIDs are reused. */
export interface ProcessKey {
  readonly pid: number
  /** Field 22 of /proc/PID/stat. */
  readonly startTicks: number
}

/** `path`: of a Unix socket, as the process itself would name it. */
export type AddressInside = { readonly host: string; readonly port: number } | { readonly path: string }

export interface ConnectInsideOptions {
  /** To be connected within; absent = 5 s, which no loopback needs. */
  readonly timeoutMs?: number
  /** Destroys the connection. */
  readonly signal?: AbortSignal
}

const defaultTimeoutMs = 5000
/** No capture takes longer than the 10 minutes that --capture-for allows, with as much again to write its answer. */
const relayDeadlineMs = 20 * 60_000

/**
 * Arguments: host, port. Descriptor 3 is our end. Says `c` once connected; when either side has closed, all of it ends.
 * `trap` lets the deadline's TERM come through as the end of `wait`, else the cats would outlive their shell.
 */
const relay = [
  'exec 4<>"/dev/tcp/$0/$1" || exit 1',
  "trap ':' TERM",
  'cat <&3 >&4 & to=$!',
  'cat <&4 >&3 & from=$!',
  'printf c',
  'wait -n',
  'kill $to $from',
].join('\n')

/**
 * A connection as if made by the process. It is a plain socket: speak HTTP or TLS over it. `end()` ends both directions.
 * @throws Failure TARGET_GONE, ENDPOINT_UNREACHABLE (refused, no such socket, no answer in time), NOT_PERMITTED,
 * TOOL_MISSING
 */
export async function connectInside(
  process: ProcessKey,
  address: AddressInside,
  { timeoutMs = defaultTimeoutMs, signal }: ConnectInsideOptions = {},
): Promise<Socket> {
  signal?.throwIfAborted()
  checkIdentity(process)
  const deadline = AbortSignal.timeout(timeoutMs)
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline
  try {
    const socket = await open(process, address, either)
    // The PID may have become another process, and with it another namespace, while we were on our way in.
    if (startTicksOf(process.pid) !== process.startTicks) {
      socket.destroy()
      throw gone(process)
    }
    if (signal) addAbortSignal(signal, socket)
    socket.on('error', () => undefined) // who uses it listens too; until then it must not throw
    return socket
  } catch (cause) {
    if (deadline.aborted && !signal?.aborted) {
      throw new Failure('ENDPOINT_UNREACHABLE', `${printAddress(address)} did not answer within ${timeoutMs} ms`)
    }
    throw cause
  }
}

/** @throws Failure TARGET_GONE */
function checkIdentity(process: ProcessKey): void {
  if (startTicksOf(process.pid) !== process.startTicks) throw gone(process)
}

const gone = ({ pid }: ProcessKey): Failure => new Failure('TARGET_GONE', `process ${pid} has ended`)

function open(process: ProcessKey, address: AddressInside, signal: AbortSignal): Promise<Socket> {
  if ('path' in address) return openPath(process, address.path, signal)
  const { host, port } = address
  if (!isIP(host) || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Failure('USAGE', `not an address: ${printAddress(address)}; give an IP address and a port`)
  }
  const isOurs = isOwnNetwork(process)
  return isOurs ? untilConnected(connect({ host, port }), address, signal) : openRelay(process, address, signal)
}

/** @throws Failure NOT_PERMITTED, TARGET_GONE */
function isOwnNetwork(process: ProcessKey): boolean {
  try {
    return readlinkSync(`/proc/${process.pid}/ns/net`) === readlinkSync('/proc/self/ns/net')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EACCES') throw gone(process)
    const message = `the network of process ${process.pid} may not be entered`
    throw new Failure('NOT_PERMITTED', `${message}: /proc/${process.pid}/ns/net is not readable`, { cause })
  }
}

/** Unix sockets with a path belong to the mounts, not to the network. */
async function openPath(process: ProcessKey, path: string, signal: AbortSignal): Promise<Socket> {
  let place: ReturnType<typeof findInside>
  try {
    place = findInside(process.pid, path)
  } catch (cause) {
    throw connectFailure({ path }, cause as NodeJS.ErrnoException)
  }
  try {
    return await untilConnected(connect({ path: place.path }), { path }, signal)
  } finally {
    place.close()
  }
}

async function untilConnected(socket: Socket, address: AddressInside, signal: AbortSignal): Promise<Socket> {
  const abort = (): void => void socket.destroy(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(socket))
      socket.once('error', (cause) => reject(signal.aborted ? cause : connectFailure(address, cause)))
    })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function openRelay(
  { pid }: ProcessKey,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const tool = await startTool({
    command: 'nsenter',
    args: [`--net=/proc/${pid}/ns/net`, 'bash', '-c', relay, address.host, String(address.port)],
    extraPipes: 1,
    deadlineMs: relayDeadlineMs,
  })
  const socket = tool.extra[0] as Socket
  const abort = (): void => void tool.stop()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const [said] = await Promise.race([tool.stdout.take(1).toArray(), tool.ended.then(() => [])])
    if (said !== undefined) return socket
    socket.destroy()
    const { stderrTail } = await tool.ended
    signal.throwIfAborted()
    throw relayFailure(address, stderrTail)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/**
 *   127.0.0.1: connect: Connection refused
 *   nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted
 *   nsenter: failed to execute bash: No such file or directory
 */
function relayFailure(address: AddressInside, stderrTail: string): Failure {
  const details = { stderrTail }
  if (/nsenter: .*(not permitted|denied)/.test(stderrTail)) {
    const message = 'the network of the process may not be entered: that takes CAP_SYS_ADMIN'
    return new Failure('NOT_PERMITTED', message, { details })
  }
  if (/nsenter: failed to execute/.test(stderrTail))
    return new Failure('TOOL_MISSING', 'bash is not installed', { details })
  if (/nsenter: /.test(stderrTail)) return new Failure('TARGET_GONE', 'the process has ended', { details })
  const reason = /connect: (.*)/.exec(stderrTail)?.[1] ?? (stderrTail.trim() || 'no reason given')
  return new Failure('ENDPOINT_UNREACHABLE', `${printAddress(address)}: ${reason}`, { details })
}

function connectFailure(address: AddressInside, cause: NodeJS.ErrnoException): Failure {
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'Connection refused',
    ENOENT: 'No such socket',
    ENOTSOCK: 'Not a socket',
    EACCES: 'Permission denied',
  }
  const reason = reasons[cause.code ?? ''] ?? cause.message
  const code = cause.code === 'EACCES' ? 'NOT_PERMITTED' : 'ENDPOINT_UNREACHABLE'
  return new Failure(code, `${printAddress(address)}: ${reason}`, { cause })
}

/** `127.0.0.1:6060`, `[::1]:6060`, `/run/app.sock` */
export function printAddress(address: AddressInside): string {
  if ('path' in address) return address.path
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
