// TLS over a connection that is already there, without deciding whether to trust it: who is at the other end, and what
// speaks against it. The probe refuses on the same facts that `doctor --tls` prints.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'

/** What we know of the other side and show of ourselves; PEM. */
export interface TlsCredentials {
  /** Authorities to trust in place of those of this machine. */
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

export interface TlsSession {
  /** Ready to be spoken over, unless there is a refusal. */
  readonly socket: TLSSocket
  /** Why the other side, or OpenSSL, ended it: an Error of Node that `explainTls` knows. */
  readonly refusal: Error | undefined
  /** `TLSv1.3` */
  readonly protocol: string | undefined
  readonly cipher: string | undefined
  /** As presented, the program's own certificate first; then the authority if we know it. Empty when it came to none. */
  readonly chain: readonly X509Certificate[]
  /** OpenSSL's or Node's name for what is wrong with it, such as `CERT_HAS_EXPIRED`; undefined when it is to be trusted. */
  readonly distrust: string | undefined
  /** False when it was refused before `distrust` could be judged, as TLS 1.2 does. */
  readonly isJudged: boolean
}

/** A chain longer than this is none: the longest that public authorities make has four. */
const maxChain = 10
/**
 * In TLS 1.3 our side is ready before the server has looked at our certificate. What it says about it comes next, a ticket
 * or an alert; had we sent a request by then, the alert could be lost with the connection. Go's answer comes within 2 ms.
 */
const verdictMs = 250

/**
 * Speaks TLS to whoever is at the other end, trusted or not. Never throws for what the other side does.
 * @param host what the certificate must be for: a name, or the address that was connected to
 */
export async function openTls(stream: Duplex, host: string, { ca, cert, key }: TlsCredentials): Promise<TlsSession> {
  const socket = connect({
    socket: stream,
    host,
    // A server takes only names (RFC 6066, 3); Node compares an address with the certificate by `host`.
    ...(isIP(host) ? {} : { servername: host }),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  })
  // Where TLS 1.2 refuses, the certificate has come; it can be read only while the error is told.
  let chain: X509Certificate[] = []
  const readChain = (): void => {
    chain = chainOf(socket.getPeerCertificate(true))
  }
  socket.once('error', readChain)
  socket.on('error', () => undefined) // later ones are told to who speaks over it
  let refusal: Error | undefined
  let isJudged = false
  try {
    await handshake(socket)
    isJudged = true
    readChain()
    if (socket.getProtocol() === 'TLSv1.3') await untilVerdict(socket)
  } catch (error) {
    refusal = error as Error
  }
  const distrust = socket.authorizationError as Error | string | undefined | null
  return {
    socket,
    refusal,
    protocol: socket.getProtocol() ?? undefined,
    cipher: refusal ? undefined : socket.getCipher()?.standardName,
    chain,
    isJudged,
    distrust: distrust ? (typeof distrust === 'string' ? distrust : codeOf(distrust)) : undefined,
  }
}

/** @throws Error of Node, also when the other side hangs up without a word */
async function handshake(socket: TLSSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(hungUp()))
  })
}

const hungUp = (): Error => Object.assign(new Error('the other side hung up'), { code: 'ECONNRESET' })

/** @throws Error when the server's word is an alert, or when it hangs up without one */
async function untilVerdict(socket: TLSSocket): Promise<void> {
  const done = new AbortController()
  const { signal } = done
  const closed = async (): Promise<never> => {
    await once(socket, 'close', { signal })
    throw hungUp()
  }
  const waits = [once(socket, 'session', { signal }), sleep(verdictMs, undefined, { signal }), closed()]
  try {
    await Promise.race(waits)
  } finally {
    done.abort()
    await Promise.allSettled(waits)
    // `session` comes while OpenSSL is reading; what is written before it has ended is never sent.
    await setImmediate()
  }
}

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message

/** Node links each certificate to its issuer; a root is linked to itself. */
function chainOf(leaf: DetailedPeerCertificate | null): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  for (let next: DetailedPeerCertificate | null | undefined = leaf; next?.raw && chain.length < maxChain; ) {
    if (seen.has(next.fingerprint256)) break
    seen.add(next.fingerprint256)
    chain.push(new X509Certificate(next.raw))
    next = next.issuerCertificate
  }
  return chain
}
