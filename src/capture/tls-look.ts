// Everything that can be found out about the TLS of one address without being let in: what it presents, and what it says
// about what we present.
import type { X509Certificate } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { Failure } from '../model/errors.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { type AddressInside, connectInside, type ProcessKey, printAddress } from './connect-inside.ts'
import { type ListeningPort, listeningPorts } from './listening-sockets.ts'
import { openTls } from './tls-connect.ts'
import type { TlsFiles } from './tls-files.ts'
import { explainTls, type TlsAttempt } from './tls-problem.ts'

export interface TlsLook {
  /** `127.0.0.1:2379` */
  readonly address: string
  /** What its certificate was compared with. */
  readonly host: string
  readonly protocol: string | undefined
  readonly cipher: string | undefined
  /** As presented, without what we know of authorities. */
  readonly presented: readonly X509Certificate[]
  /** As in `TlsSession.distrust`, with the authorities that we know. */
  readonly distrust: string | undefined
  /** False when it refused us before that could be judged. */
  readonly isJudged: boolean
  /** Why it would not speak with us, one sentence; undefined when it did. */
  readonly refusal: string | undefined
  readonly attempt: TlsAttempt
}

export interface TlsLookOptions {
  readonly files: TlsFiles
  /** In place of the address. */
  readonly serverName?: string | undefined
  /** Absent = 5 s. */
  readonly timeoutMs?: number
}

/** No server that is alive takes longer to say hello. */
const defaultTimeoutMs = 5000
/** An authority that nobody has, so that the chain ends where what was presented ends. */
const nobody = Buffer.alloc(0)

/** A process that is there now. @throws Failure TARGET_GONE */
export function processKey(pid: number): ProcessKey {
  const startTicks = startTicksOf(pid)
  if (startTicks === undefined) throw new Failure('TARGET_GONE', `there is no process ${pid}`)
  return { pid, startTicks }
}

/** Where a process could speak TLS. @throws Failure NOT_FOUND when it does not listen there, or nowhere */
export function portsOf({ pid }: ProcessKey, port: number | undefined): ListeningPort[] {
  const ports = listeningPorts(pid).filter((each) => port === undefined || each.port === port)
  const where = port === undefined ? 'listens on no TCP port' : `does not listen on port ${port}`
  if (ports.length === 0) throw new Failure('NOT_FOUND', `process ${pid} ${where}`)
  return ports
}

/**
 * @param process in whose network the address is; ours where undefined, then the host may be a name
 * @throws Failure when there is no connection
 */
export async function lookAtTls(
  process: ProcessKey | undefined,
  address: { readonly host: string; readonly port: number },
  { files, serverName, timeoutMs = defaultTimeoutMs }: TlsLookOptions,
): Promise<TlsLook> {
  const host = serverName ?? address.host
  const attempt: TlsAttempt = {
    address: printAddress(address),
    host,
    ...(files.shown ? { shown: files.shown } : {}),
    ...(files.caFrom ? { caFrom: files.caFrom } : {}),
  }
  const session = async (ca: Buffer | undefined): ReturnType<typeof openTls> => {
    const connection = await open(process, address, timeoutMs)
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      connection.destroy()
    }, timeoutMs)
    const { ca: _, ...own } = files
    try {
      const session = await openTls(connection, host, ca ? { ...own, ca } : own)
      // It was us who hung up.
      return isLate ? { ...session, refusal: new Error(`no TLS handshake in ${timeoutMs} ms; ${silence}`) } : session
    } finally {
      clearTimeout(late)
      connection.destroy()
    }
  }
  const shown = await session(nobody)
  const judged = shown.chain.length > 0 ? await session(files.ca) : shown
  const { refusal } = judged
  return {
    address: attempt.address,
    host,
    protocol: shown.protocol,
    cipher: shown.cipher,
    presented: shown.chain,
    distrust: judged.distrust,
    isJudged: judged.isJudged,
    refusal: refusal && (explainTls(refusal, attempt) ?? `${attempt.address}: ${refusal.message}`),
    attempt,
  }
}

const silence = 'it hangs, or waits to be spoken to in another protocol'

async function open(
  process: ProcessKey | undefined,
  address: AddressInside & { host: string },
  timeoutMs: number,
): Promise<Socket> {
  if (process) return connectInside(process, address, { timeoutMs })
  const socket = connect(address)
  const late = setTimeout(() => socket.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.on('error', () => undefined) // told by the TLS above it
    return socket
  } catch (cause) {
    const message = `${printAddress(address)}: ${(cause as Error).message}`
    throw new Failure('ENDPOINT_UNREACHABLE', message, { cause })
  } finally {
    clearTimeout(late)
  }
}
