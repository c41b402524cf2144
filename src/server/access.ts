// Who may ask: the Host header against DNS rebinding, same origin for what changes something, tokens where they are set.
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { decodedUri } from '../lib/percent-encoding.ts'
import { Failure } from '../model/errors.ts'

export interface AccessOptions {
  /** Host part of the listen address. */
  readonly host: string
  /** Where people reach the server, such as `https://spikecam.example`. */
  readonly publicUrl?: string
  /** For people and programs; absent: everybody who can reach the address. */
  readonly token?: string
  /** For agents; the other token where absent. */
  readonly agentToken?: string
}

/** What is looked at of a request, whether it comes by HTTP or asks for a WebSocket. */
export interface AccessRequest {
  readonly method: string
  readonly path: string
  header(name: string): string | undefined
}

export const tokenCookie = 'spikecam_token'

/** Answered to anybody: they say nothing, and who probes has no token. */
const openPaths = new Set(['/healthz', '/readyz', '/login'])
export const hooksPath = '/hooks'
const agentPrefix = '/api/v1/agent/'
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

export interface Access {
  /** @throws Failure HOST_NOT_ALLOWED, CROSS_ORIGIN, UNAUTHORIZED */
  require(request: AccessRequest): void
  /** Whether this is the token for people. */
  isToken(token: string): boolean
  readonly needsToken: boolean
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** @throws Failure USAGE when the address can be reached from outside and no token protects it */
export function createAccess(options: AccessOptions): Access {
  const { host, publicUrl, token, agentToken = token } = options
  if (!isLoopback(host) && !token) {
    throw new Failure(
      'USAGE',
      `${host} can be reached from other machines, and what is recorded tells what runs here: ` +
        'set a secret with --token or SPIKECAM_TOKEN, or listen on 127.0.0.1',
    )
  }
  const publicHost = publicUrl ? new URL(publicUrl).hostname : undefined

  /**
   * A page of another site can make its own name point at 127.0.0.1 and so ask us as if it were ours; its name then
   * stands in Host. Addresses cannot be pointed elsewhere. With a token the page would need it: cookies belong to names.
   */
  const requireHost = (header: string | undefined): void => {
    if (token) return
    const name = hostName(header ?? '')
    if (isIP(name) || isLoopback(name) || name === host || (publicHost && name === publicHost)) return
    throw new Failure('HOST_NOT_ALLOWED', `this server is not known as ${name || 'nothing'}`)
  }

  const requireSameOrigin = (request: AccessRequest): void => {
    if (safeMethods.has(request.method) && request.header('upgrade') === undefined) return
    const origin = request.header('origin')
    const site = request.header('sec-fetch-site')
    const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
    if (!isForeign && (origin === undefined || hostOf(origin) === request.header('host'))) return
    throw new Failure('CROSS_ORIGIN', `a page of ${origin ?? 'another site'} may not change anything here`)
  }

  const requireToken = (request: AccessRequest): void => {
    if (!token && !agentToken) return
    if (openPaths.has(request.path)) return
    // Senders of alerts have ways of their own; they are looked at with the body (hook-access.ts).
    if (request.path === hooksPath || request.path.startsWith(`${hooksPath}/`)) return
    const wanted = request.path.startsWith(agentPrefix) ? agentToken : token
    if (wanted === undefined) return
    const given = givenToken(request)
    if (given !== undefined && isSameSecret(given, wanted)) return
    throw new Failure('UNAUTHORIZED', given === undefined ? 'this server wants a token' : 'this is not the right token')
  }

  return {
    require: (request) => {
      requireHost(request.header('host'))
      requireSameOrigin(request)
      requireToken(request)
    },
    isToken: (given) => token === undefined || isSameSecret(given, token),
    needsToken: token !== undefined,
  }
}

/** `[::1]:7575` -> `::1` */
function hostName(header: string): string {
  return header
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined // `Origin: null` of sandboxed pages
}

function givenToken(request: AccessRequest): string | undefined {
  const bearer = /^Bearer (.+)$/i.exec(request.header('authorization') ?? '')?.[1]
  if (bearer) return bearer
  const cookie = new RegExp(`(?:^|;\\s*)${tokenCookie}=([^;]*)`).exec(request.header('cookie') ?? '')?.[1]
  return cookie === undefined ? undefined : (decodedUri(cookie) ?? cookie)
}

/** In the same time whatever differs: hashes are equally long, and their comparison does not stop early. */
export function isSameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
