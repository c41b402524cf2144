// Who may send alerts: bearer token, basic authentication or a signature over the body, as the senders can.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Failure } from '../model/errors.ts'
import { isSameSecret } from './access.ts'

export interface HookAccessOptions {
  /** The token of people and programs is good for hooks too. */
  readonly token?: string
  /** `user:password`. */
  readonly basic?: string
  /** Key of the HMAC. */
  readonly secret?: string
  /** Header with the time that is signed too, as Grafana is told it; absent: only the body is signed. */
  readonly timestampHeader?: string
  readonly nowMs?: () => number
}

/** Grafana's default; there is no other sender that signs by itself. */
const signatureHeader = 'x-grafana-alerting-signature'
/** A signed message that was recorded may be played again for no longer than this. */
const freshMs = 5 * 60_000

export interface HookRequest {
  header(name: string): string | undefined
  /** Only asked for where a signature has to be held against it: who shows nothing keeps nobody busy with a body. */
  readBody(): Promise<Uint8Array>
}

/**
 * One of the ways that are set has to fit; nothing set: everybody who can reach the address.
 * @throws Failure UNAUTHORIZED saying which ways there are
 */
export async function requireHookAccess(request: HookRequest, options: HookAccessOptions): Promise<void> {
  const { token, basic, secret } = options
  if (!token && !basic && !secret) return
  const given = request.header('authorization') ?? ''
  const bearer = /^Bearer (.+)$/i.exec(given)?.[1]
  if (token && bearer && isSameSecret(bearer, token)) return
  const credentials = /^Basic (.+)$/i.exec(given)?.[1]
  if (basic && credentials && isSameSecret(Buffer.from(credentials, 'base64').toString('utf8'), basic)) return
  const signature = request.header(signatureHeader)
  if (secret && signature) {
    const why = await whyNotSigned(request, signature, { ...options, secret })
    if (why === undefined) return
    throw new Failure('UNAUTHORIZED', why)
  }
  const ways = [
    ...(token ? ['a bearer token'] : []),
    ...(basic ? ['basic authentication'] : []),
    ...(secret ? [`a signature in ${signatureHeader}`] : []),
  ].join(' or ')
  throw new Failure('UNAUTHORIZED', given ? `that is not the right secret; wanted: ${ways}` : `wanted: ${ways}`)
}

/** Hex HMAC-SHA256 of the body, or of `<unix seconds>:<body>` (Grafana documentation, "Webhook notifier", HMAC). */
async function whyNotSigned(
  { header, readBody }: HookRequest,
  signature: string,
  { secret, timestampHeader, nowMs = Date.now }: HookAccessOptions & { secret: string },
): Promise<string | undefined> {
  const hmac = createHmac('sha256', secret)
  if (timestampHeader) {
    const stamp = header(timestampHeader.toLowerCase())
    if (stamp === undefined || !/^\d+$/.test(stamp)) return `the signature needs the time in ${timestampHeader}`
    if (Math.abs(nowMs() - Number(stamp) * 1000) > freshMs) return 'the signature is not of now: check the clocks'
    hmac.update(`${stamp}:`)
  }
  const wanted = hmac.update(await readBody()).digest()
  const given = Buffer.from(signature, 'hex')
  return given.length === wanted.length && timingSafeEqual(given, wanted)
    ? undefined
    : 'the signature does not fit the body'
}
