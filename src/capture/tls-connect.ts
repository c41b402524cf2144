// TLS over a connection that is already there, without deciding whether to trust it: who is at the other end, and what
// speaks against it. The probe refuses on the same facts that `doctor --tls` prints.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'

/** What we know of the other side and show of ourselves; PEM. */
export interface TlsCredentials {
  /** Authorities to trust in place of those of this machine. */
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
}

export interface TlsSession {
  readonly socket: TLSSocket
  /** `TLSv1.3` */
  readonly protocol: string
  readonly cipher: string
  /** As presented, the program's own certificate first. */
  readonly chain: readonly X509Certificate[]
  /** OpenSSL's or Node's name for what is wrong with it, such as `CERT_HAS_EXPIRED`; undefined when it is to be trusted. */
  readonly distrust: string | undefined
}

/** A chain longer than this is none: the longest that public authorities make has four. */
const maxChain = 10
/**
 * In TLS 1.3 our side is ready before the server has looked at our certificate. What it says about it comes next, a ticket
 * or an alert; had we sent a request by then, the alert could be lost with the connection. Go's answer comes within 2 ms.
 */
const verdictMs = 250

/**
 * Speaks TLS to whoever is at the other end, trusted or not.
 * @param host what the certificate must be for: a name, or the address that was connected to
 * @throws Error of Node or OpenSSL when there is no session: `explainTls` knows what they mean
 */
export async function openTls(stream: Duplex, host: string, { ca, cert, key }: TlsCredentials): Promise<TlsSession> {
  const options: ConnectionOptions = {
    socket: stream,
    host,
    // A server takes only names (RFC 6066, 3); Node compares an address with the certificate by `host`.
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  }
  const socket = connect(options)
  await once(socket, 'secureConnect')
  const protocol = socket.getProtocol() ?? 'unknown'
  if (protocol === 'TLSv1.3') await untilVerdict(socket)
  const distrust = socket.authorizationError as Error | string | undefined | null
  return {
    socket,
    protocol,
    cipher: socket.getCipher().standardName,
    chain: chainOf(socket.getPeerCertificate(true)),
    distrust: distrust ? (typeof distrust === 'string' ? distrust : codeOf(distrust)) : undefined,
  }
}

/** @throws Error when the server's word is an alert, or when it hangs up without one */
async function untilVerdict(socket: TLSSocket): Promise<void> {
  const done = new AbortController()
  const { signal } = done
  const closed = async (): Promise<never> => {
    await once(socket, 'close', { signal })
    throw Object.assign(new Error('closed right after the handshake'), { code: 'ECONNRESET' })
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
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  const seen = new Set<string>()
  for (let next: DetailedPeerCertificate | undefined = leaf; next?.raw && chain.length < maxChain; ) {
    if (seen.has(next.fingerprint256)) break
    seen.add(next.fingerprint256)
    chain.push(new X509Certificate(next.raw))
    next = next.issuerCertificate
  }
  return chain
}
