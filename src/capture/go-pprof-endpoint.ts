// One place that serves pprof, and one question to it: connected to inside the process's network, over TLS where it speaks
// TLS, and refused with the reason where either side does not trust the other.
import type { Duplex } from 'node:stream'
import { Failure } from '../model/errors.ts'
import { connectInside, type ProcessKey, printAddress } from './connect-inside.ts'
import { excerpt, type HttpAnswer, httpGet } from './http-get.ts'
import { openTls } from './tls-connect.ts'
import type { TlsFiles } from './tls-files.ts'
import { explainDistrust, explainTls, type TlsAttempt } from './tls-problem.ts'

export interface PprofEndpoint {
  readonly process: ProcessKey
  readonly host: string
  readonly port: number
  readonly scheme: 'http' | 'https'
  /** Of the index, with a slash at its end. */
  readonly base: string
  readonly files: TlsFiles
  /** What its certificate must be for; the address without. */
  readonly serverName?: string | undefined
  readonly skipVerify: boolean
}

export interface AskOptions {
  readonly maxBytes: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** `https://127.0.0.1:2379/debug/pprof/` */
export const printEndpoint = (endpoint: PprofEndpoint): string =>
  `${endpoint.scheme}://${printAddress(endpoint)}${endpoint.base}`

/** Asks for what stands behind the index, such as `heap?seconds=10`. @throws Failure */
export async function askEndpoint(endpoint: PprofEndpoint, query: string, options: AskOptions): Promise<HttpAnswer> {
  const { process, host, port, scheme, base, serverName } = endpoint
  const { signal, timeoutMs } = options
  const address = printAddress(endpoint)
  const connection = await connectInside(process, { host, port }, { signal })
  try {
    const stream = scheme === 'https' ? await trusted(connection, endpoint, timeoutMs) : connection
    const name = serverName ? `${serverName}:${port}` : address
    const answer = await httpGet(stream, { ...options, path: base + query, host: name })
    if (scheme === 'http') refuseTls(address, answer)
    return answer
  } catch (error) {
    throw explained(error as Error, endpoint)
  } finally {
    connection.destroy()
  }
}

/** @throws Failure TLS_REFUSED, TIMEOUT; Error of Node */
async function trusted(connection: Duplex, endpoint: PprofEndpoint, timeoutMs: number): Promise<Duplex> {
  const attempt = attemptOf(endpoint)
  // A server that takes the connection and says nothing is ended by ending the connection.
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    connection.destroy()
  }, timeoutMs)
  try {
    const session = await openTls(connection, attempt.host, endpoint.files)
    if (session.refusal) throw session.refusal
    if (session.distrust === undefined || endpoint.skipVerify) return session.socket
    session.socket.destroy()
    throw new Failure('TLS_REFUSED', explainDistrust(session.distrust, session.chain, attempt))
  } catch (cause) {
    if (isLate) throw new Failure('TIMEOUT', `${attempt.address}: no TLS handshake in ${timeoutMs} ms`, { cause })
    throw cause
  } finally {
    clearTimeout(timer)
  }
}

const attemptOf = (endpoint: PprofEndpoint): TlsAttempt => ({
  address: printAddress(endpoint),
  host: endpoint.serverName ?? endpoint.host,
  ...(endpoint.files.shown ? { shown: endpoint.files.shown } : {}),
  ...(endpoint.files.caFrom ? { caFrom: endpoint.files.caFrom } : {}),
})

/** Servers that know HTTP say it in HTTP (Go, nginx); the others send an alert, which `explained` meets. */
function refuseTls(address: string, { status, body }: HttpAnswer): void {
  if (status === 400 && /HTTP request (was sent )?to (an )?HTTPS/i.test(excerpt(body))) throw speaksTls(address)
}

const speaksTls = (address: string): Failure =>
  new Failure('TLS_REFUSED', `${address} speaks TLS: take https (--pprof-scheme https)`)

function explained(error: NodeJS.ErrnoException, endpoint: PprofEndpoint): Failure {
  if (error instanceof Failure) return error
  const address = printAddress(endpoint)
  const options = { cause: error }
  if (endpoint.scheme === 'https') {
    const why = explainTls(error, attemptOf(endpoint))
    if (why) return new Failure('TLS_REFUSED', why, options)
  }
  // A TLS record of type 21 (alert), version 3.x.
  const [type, version] = (error as { rawPacket?: Buffer }).rawPacket ?? []
  if (type === 21 && version === 3) return speaksTls(address)
  if (error.code?.startsWith('HPE_')) {
    return new Failure('UNEXPECTED_ANSWER', `${address} speaks no HTTP: ${error.message}`, options)
  }
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    return new Failure('UNEXPECTED_ANSWER', `${address} hung up without an answer`, options)
  }
  return new Failure('ENDPOINT_UNREACHABLE', `${address}: ${error.message}`, options)
}
