// Typed client of the HTTP API for the UI, the CLI and the agent. Paths, parameters and answers are checked against the
// table of routes; only types are imported from it, so a browser does not load the schemas.
import type { z } from '@hono/zod-openapi'
import { Failure, type FailureCode, failures } from '../model/errors.ts'
import type { Routes } from './routes.ts'
import type { ErrorBody } from './shapes.ts'

type Route = Routes[keyof Routes]
type JsonOf<R> = R extends { responses: infer S }
  ? {
      [Status in keyof S]: Status extends 200 | 201 | 202
        ? S[Status] extends { content: { 'application/json': { schema: infer T extends z.ZodType } } }
          ? z.output<T>
          : never
        : never
    }[keyof S]
  : never
type RoutesOf<M extends string> = Extract<Route, { method: M }>
type RouteAt<M extends string, P> = Extract<RoutesOf<M>, { path: P }>
type QueryOf<R> = R extends { request: { query: infer Q extends z.ZodType } } ? z.input<Q> : Record<never, never>
type BodyOf<R> = R extends {
  request: { body: { content: { 'application/json': { schema: infer B extends z.ZodType } } } }
}
  ? z.input<B>
  : undefined
type Names<P> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never
type ParamsOf<P> = [Names<P>] extends [never] ? { params?: undefined } : { params: Record<Names<P>, string> }

export type GetPath = RoutesOf<'get'>['path']
export type PostPath = RoutesOf<'post'>['path']
export type PutPath = RoutesOf<'put'>['path']
export type DeletePath = RoutesOf<'delete'>['path']
export type AskOptions<M extends string, P> = ParamsOf<P> & {
  query?: { [K in keyof QueryOf<RouteAt<M, P>>]?: QueryOf<RouteAt<M, P>>[K] | undefined }
  signal?: AbortSignal
}
/** The options may be left out where the path has no parameter. */
type Asked<M extends string, P> = [Names<P>] extends [never]
  ? [options?: AskOptions<M, P>]
  : [options: AskOptions<M, P>]

/** Answers carried inside an offline page: from path with query, as `Client.key` writes it, to JSON or bytes. */
export type Embedded = Record<string, { json: unknown } | { base64: string; mediaType: string }>

export interface ClientOptions {
  /** `http://127.0.0.1:7575`; empty in a browser, where the page's own server is meant. */
  readonly baseUrl?: string
  readonly token?: string
  readonly fetch?: typeof globalThis.fetch
  /** In an offline page: answer from these and never ask the network. */
  readonly embedded?: Embedded
}

export interface Client {
  /** Asks for JSON. @throws Failure with the server's code, or UNREACHABLE */
  get<P extends GetPath>(path: P, ...asked: Asked<'get', P>): Promise<JsonOf<RouteAt<'get', P>>>
  /** Sends JSON. @throws Failure with the server's code, or UNREACHABLE */
  post<P extends PostPath>(
    path: P,
    options: AskOptions<'post', P> & { body?: BodyOf<RouteAt<'post', P>> },
  ): Promise<JsonOf<RouteAt<'post', P>>>
  put<P extends PutPath>(
    path: P,
    options: AskOptions<'put', P> & { body?: BodyOf<RouteAt<'put', P>> },
  ): Promise<JsonOf<RouteAt<'put', P>>>
  delete<P extends DeletePath>(path: P, options: AskOptions<'delete', P>): Promise<JsonOf<RouteAt<'delete', P>>>
  /** Asks for bytes; the answer's body can be streamed. @throws Failure */
  bytes<P extends GetPath>(path: P, ...asked: Asked<'get', P>): Promise<Response>
  /** Address of a route, for links, downloads and other programs; in an offline page a `data:` URL, or undefined. */
  url<P extends GetPath>(path: P, ...asked: Asked<'get', P>): string | undefined
  /** Any request, for what the table does not describe as JSON (uploads, events). @throws Failure */
  raw(path: string, init?: RequestInit): Promise<Response>
}

interface LooseOptions {
  params?: Record<string, string> | undefined
  query?: Record<string, unknown> | undefined
  signal?: AbortSignal
  body?: unknown
}

/** Path with parameters filled in and the query sorted, so that equal requests have equal keys. */
export function requestKey(
  path: string,
  { params = {}, query = {} }: Pick<LooseOptions, 'params' | 'query'> = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)] as [string, string])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return pairs.length > 0 ? `${filled}?${new URLSearchParams(pairs)}` : filled
}

export function createClient({ baseUrl = '', token, fetch = globalThis.fetch, embedded }: ClientOptions = {}): Client {
  const base = baseUrl.replace(/\/+$/, '')

  const raw = async (path: string, init: RequestInit = {}): Promise<Response> => {
    if (embedded) return offlineAnswer(embedded, path)
    const headers = new Headers(init.headers)
    if (token) headers.set('authorization', `Bearer ${token}`)
    let response: Response
    try {
      response = await fetch(base + path, { ...init, headers })
    } catch (cause) {
      if (init.signal?.aborted) throw cause
      throw new Failure('UNREACHABLE', `no answer from ${base || 'the server'}: ${reasonOf(cause)}`, { cause })
    }
    if (!response.ok) throw await failureOf(response, path)
    return response
  }
  const ask = (path: string, options: LooseOptions = {}, init: RequestInit = {}): Promise<Response> =>
    raw(requestKey(path, options), { ...init, ...(options.signal ? { signal: options.signal } : {}) })

  const send =
    (method: string) =>
    async (path: string, options: LooseOptions = {}): Promise<unknown> => {
      const body =
        options.body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(options.body) }
      return (await ask(path, options, { method, ...body })).json()
    }

  const loose = {
    get: async (path: string, options?: LooseOptions) => (await ask(path, options)).json(),
    post: send('POST'),
    put: send('PUT'),
    delete: send('DELETE'),
    bytes: (path: string, options?: LooseOptions) => ask(path, options),
    url: (path: string, options?: LooseOptions) => {
      const key = requestKey(path, options)
      if (!embedded) return base + key
      const found = embedded[key]
      if (!found) return undefined
      return 'base64' in found
        ? `data:${found.mediaType};base64,${found.base64}`
        : `data:application/json,${encodeURIComponent(JSON.stringify(found.json))}`
    },
    raw,
  }
  // The loose forms above take any path; the interface narrows them to the table.
  return loose as unknown as Client
}

function offlineAnswer(embedded: Embedded, key: string): Response {
  const found = embedded[key]
  if (!found) throw new Failure('NOT_FOUND', 'this is not part of the offline page; open the incident on its server')
  if ('json' in found) return Response.json(found.json)
  const bytes = Uint8Array.from(atob(found.base64), (char) => char.charCodeAt(0))
  return new Response(bytes, { headers: { 'content-type': found.mediaType } })
}

/** `fetch failed` alone says nothing; Node puts the reason, such as ECONNREFUSED, into the cause. */
function reasonOf(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return inner instanceof Error
    ? inner.message || String((inner as { code?: unknown }).code ?? inner.name)
    : String(inner)
}

async function failureOf(response: Response, path: string): Promise<Failure> {
  const text = await response.text()
  try {
    const body = JSON.parse(text) as ErrorBody
    if (body.code in failures) {
      return new Failure(body.code as FailureCode, body.message, body.details ? { details: body.details } : {})
    }
  } catch {
    // Not our error body: a proxy answered, or another program has this port.
  }
  return new Failure('UNREACHABLE', `${path} was answered with ${response.status}, and not by a spikecam server`, {
    details: { status: response.status, body: text.slice(0, 500) },
  })
}
