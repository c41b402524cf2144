// The socket that a JVM listens on for those who attach: /tmp/.java_pidPID inside its own mounts.
//
// It is held by a descriptor of the socket itself (O_PATH), for three reasons: a link that somebody in the container
// puts in its place cannot lead us elsewhere, the path stays below the 108 bytes of sun_path (unix(7)) wherever it lies,
// and a child that runs as another user can connect to it without reaching the container's folders.
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { Failure } from '../model/errors.ts'
import { runTool } from './run.ts'

/** From asm-generic/fcntl.h; Node does not name it. */
const pathOnly = 0o10000000

export interface JvmSocket {
  readonly fd: number
  readonly inode: number
  close(): void
}

/** @returns undefined when there is none, or when it is something else or of another user: root's and the JVM's count */
export function openJvmSocket(folder: string, innerPid: number, uid: number): JvmSocket | undefined {
  let fd: number
  try {
    fd = openSync(`${folder}/.java_pid${innerPid}`, pathOnly | constants.O_NOFOLLOW)
  } catch {
    return undefined // not there yet
  }
  const stats = fstatSync(fd)
  if (stats.isSocket() && (stats.uid === uid || stats.uid === 0)) {
    return { fd, inode: stats.ino, close: () => closeSync(fd) }
  }
  closeSync(fd)
  return undefined
}

export interface ExchangeOptions {
  readonly deadlineMs: number
  /** More is not read. */
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** Connect as this user: for a JVM that lets in its own only. */
  readonly as?: { readonly uid: number; readonly gid: number }
}

/**
 * Sends a request and reads the whole answer.
 * @returns `refused`: nobody listens any more; `closed`: it does not let us in as who we are
 * @throws Failure TIMEOUT, TOO_LARGE, NOT_PERMITTED; what `signal` was aborted with
 */
export async function exchange(
  { fd }: JvmSocket,
  request: Uint8Array,
  options: ExchangeOptions,
): Promise<Uint8Array | 'refused' | 'closed'> {
  options.signal.throwIfAborted()
  const deadline = AbortSignal.timeout(options.deadlineMs)
  const signal = AbortSignal.any([options.signal, deadline])
  try {
    if (options.as) return await exchangeAs(options.as, fd, { ...options, request })
    return await exchangeHere(fd, request, { ...options, signal })
  } catch (cause) {
    options.signal.throwIfAborted()
    if (!deadline.aborted) throw cause
    throw tooLate(options.deadlineMs)
  }
}

const tooLate = (deadlineMs: number): Failure =>
  new Failure('TIMEOUT', `the JVM did not answer within ${deadlineMs / 1000} s: it may be in a long collection`)

function exchangeHere(
  fd: number,
  request: Uint8Array,
  { maxBytes, signal }: ExchangeOptions,
): Promise<Uint8Array | 'refused' | 'closed'> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: `/proc/self/fd/${fd}` })
    const chunks: Buffer[] = []
    let size = 0
    const abort = (): void => void socket.destroy(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    socket.once('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes) socket.destroy(tooLarge(maxBytes))
    })
    // It came through if anything did: a peer that is not let in gets nothing at all.
    socket.once('close', () => resolve(size === 0 ? 'closed' : Buffer.concat(chunks, size)))
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ECONNREFUSED') resolve('refused')
      else if (size === 0 && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')) resolve('closed')
      else if (cause.code === 'EACCES') reject(notPermitted(cause))
      else if (cause.code === 'EAGAIN') reject(busy(cause))
      else reject(cause)
    })
    socket.once('close', () => signal.removeEventListener('abort', abort))
  })
}

const tooLarge = (maxBytes: number): Failure =>
  new Failure('TOO_LARGE', `the JVM answered with more than ${maxBytes} bytes`)

/** Five wait at most (attachListener_posix.cpp), and it serves one after the other. */
const busy = (cause: Error): Failure =>
  new Failure(
    'TIMEOUT',
    'others already wait at the attach socket of the JVM: it answers nobody, or they are too many',
    {
      cause,
    },
  )

const notPermitted = (cause: Error): Failure =>
  new Failure('NOT_PERMITTED', 'the attach socket of the JVM may not be opened: that takes its user, or root', {
    cause,
  })

/** Arguments: the request, in base64. Descriptor 3 is the socket. */
const client = `
const socket = require('node:net').connect('/proc/self/fd/3')
socket.once('connect', () => socket.write(Buffer.from(require('node:process').argv[1], 'base64')))
socket.once('error', (error) => { process.stderr.write(String(error.code)); process.exitCode = 1 })
socket.pipe(process.stdout)
`

async function exchangeAs(
  as: { readonly uid: number; readonly gid: number },
  fd: number,
  { request, deadlineMs, maxBytes, signal }: ExchangeOptions & { readonly request: Uint8Array },
): Promise<Uint8Array | 'refused' | 'closed'> {
  const result = await runAs(as, {
    code: client,
    args: [Buffer.from(request).toString('base64')],
    files: [fd],
    deadlineMs,
    maxBytes,
    signal,
  })
  if (result.endedBy === 'deadline') throw tooLate(deadlineMs)
  if (result.cut) throw tooLarge(maxBytes)
  if (result.exitCode === 0) return result.stdout.length === 0 ? 'closed' : result.stdout
  if (/ECONNREFUSED/.test(result.stderrTail)) return 'refused'
  if (/ECONNRESET|EPIPE/.test(result.stderrTail)) return 'closed'
  const { stderrTail } = result
  throw new Failure('NOT_PERMITTED', `the attach socket may not be used as user ${as.uid}: ${stderrTail}`, {
    details: { stderrTail },
  })
}

/** Runs a few lines of JavaScript as another user. Our own program is started by what it is, wherever it may lie. */
export const runAs = (
  as: { readonly uid: number; readonly gid: number },
  {
    code,
    args,
    ...rest
  }: {
    readonly code: string
    readonly args: readonly string[]
    readonly files: readonly number[]
    readonly deadlineMs: number
    readonly signal: AbortSignal
    readonly maxBytes?: number
  },
): ReturnType<typeof runTool> => runTool({ command: '/proc/self/exe', args: ['-e', code, ...args], as, ...rest })
