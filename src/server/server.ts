// The server side: opens the stores, listens, and wires agents, API and UI together.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import type { Logger } from 'pino'
import { printBytes } from '../lib/units.ts'
import { asFailure, Failure, failures } from '../model/errors.ts'
import type { DiskLimits, diskSpace } from '../store/disk-guard.ts'
import { type CaptureLimits, defaultCaptureLimits } from '../trigger/limits.ts'
import { createAccess } from './access.ts'
import { createAgentHub } from './agents.ts'
import { createAlerts } from './alerts.ts'
import { createAnalyst } from './analyst.ts'
import { createApp } from './app.ts'
import { createCaptureDesk } from './captures.ts'
import type { ServerContext } from './context.ts'
import { createDocumentKeeper, type DocumentKeeper } from './documents.ts'
import { createEventHub } from './events.ts'
import { createEvidenceDesk } from './evidence.ts'
import type { HookAccessOptions } from './hook-access.ts'
import { errorBody } from './http-errors.ts'
import { createNotifyDesk, type NotifyDeskOptions } from './notify/desk.ts'
import { sendMessage } from './notify/send.ts'
import { openRuleBook } from './rule-book.ts'
import { openStore } from './store.ts'

export interface ServerOptions {
  /** Port 0 takes any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Folder for everything that is kept; made if it is not there. */
  readonly dataDir: string
  /** Evidence beyond this size is dropped, oldest first. */
  readonly dataBudgetBytes: number
  /** Evidence that is older is dropped; absent: whatever its age. */
  readonly dataAgeMs?: number
  readonly version: string
  readonly log: Logger
  /** Folder of the built UI (`dist/ui`); absent: only the API. */
  readonly uiDir?: string
  /** Secret for people and programs; must be there when the address can be reached from other machines. */
  readonly token?: string
  /** Secret for agents; the same one where absent. */
  readonly agentToken?: string
  /** Where people reach the server when that is not the address it listens on. */
  readonly publicUrl?: string
  /** In the bundle the program file, which is its own worker (workerData.worker is `analyst`). */
  readonly program?: URL
  /** Rules for alerts, as YAML; absent: the defaults. */
  readonly rulesFile?: string
  /** How senders of alerts prove who they are, besides the token. */
  readonly hooks?: Omit<HookAccessOptions, 'token'>
  readonly captureLimits?: Partial<CaptureLimits>
  readonly diskLimits?: DiskLimits
  /** How long a silent agent is waited for before its captures are given up. */
  readonly graceMs?: number
  /** How free space is measured, for tests. */
  readonly measureDisk?: typeof diskSpace
  /** Pauses between attempts to tell a receiver, and their clock, for tests. */
  readonly notices?: Pick<NotifyDeskOptions, 'firstPauseMs' | 'nowMs'>
  /** How long a client may take for its headers. */
  readonly headersWithinMs?: number
}

export interface RunningServer {
  /** `http://127.0.0.1:7575`, with the port that was really taken. */
  readonly url: string
  /** Stops listening, ends connections, closes the stores; what was acknowledged is on disk anyway. */
  close(): Promise<void>
}

/** A client that sends its headers a byte at a time holds a connection for no longer than this. */
const defaultHeadersWithinMs = 10_000
/** One piece of an upload over a slow link; whoever is slower continues it. */
const requestWithinMs = 300_000
/** Answers under way when the server closes get this long. */
const closeWithinMs = 2000

/**
 * @throws Failure USAGE (reachable from outside without a token), PORT_IN_USE, DATA_IN_USE, DATA_NOT_WRITABLE,
 * DATA_TOO_NEW, DATA_DAMAGED
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { listen, log, version } = options
  const access = createAccess({ ...options, host: listen.host })
  const rules = await openRuleBook({ file: options.rulesFile, dataDir: options.dataDir, log })
  const store = await openStore({
    ...options,
    budgetBytes: options.dataBudgetBytes,
    ...(options.dataAgeMs === undefined ? {} : { maxAgeMs: options.dataAgeMs }),
  })
  const events = createEventHub()
  const analyst = createAnalyst({ blobs: store.blobs, ...(options.program ? { program: options.program } : {}) })
  let baseUrl = options.publicUrl
  const linkOf = (incidentId?: string): string => linkTo(baseUrl ?? '', incidentId)
  const notices = createNotifyDesk({
    catalog: store.catalog,
    rules: () => rules.rules,
    send: (receiver, message, signal) => sendMessage(receiver, message, { environment: process.env, version, signal }),
    linkOf,
    onOutcome: (incident) => events.publish({ type: 'incident', incident }),
    log,
    ...options.notices,
  })
  const evidence = createEvidenceDesk({ catalog: store.catalog, analyst, events, notices, log })
  // Agents bring documents, documents change captures, captures are told to agents: the middle one is named late.
  let documents: DocumentKeeper
  const agents = createAgentHub({
    version,
    log,
    onDocument: (message) => documents.keep(message),
    onChange: (agent) => events.publish({ type: 'agent', agent }),
    onConnect: (node) => {
      alerts.noteAgent()
      captures.tellAgain(node).catch((error) => log.error({ err: error, node }, 'an agent could not be told again'))
    },
  })
  const captures = createCaptureDesk({
    store,
    agents,
    documents: () => documents,
    limits: { ...defaultCaptureLimits, ...options.captureLimits },
    log,
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
  })
  const alerts = createAlerts({
    catalog: store.catalog,
    agents,
    captures: () => captures,
    documents: () => documents,
    rules,
    log,
  })
  documents = createDocumentKeeper({
    store,
    events: {
      publish: (event) => {
        events.publish(event)
        if (event.type === 'incident') notices.note(event.incident)
      },
    },
    log,
    onCapture: (capture) => {
      captures.note(capture)
      alerts.note(capture)
    },
    onIncident: alerts.noteIncident,
    onEvidence: evidence.look,
  })
  const context: ServerContext = {
    version,
    startedMs: Date.now(),
    store,
    access,
    events,
    agents,
    analyst,
    captures,
    alerts,
    rules,
    linkOf,
    hookAccess: { ...options.hooks, ...(options.token ? { token: options.token } : {}) },
    uiDir: options.uiDir,
    isSecure: options.publicUrl?.startsWith('https:') ?? false,
    log,
  }

  let http: Server | undefined
  const close = async (): Promise<void> => {
    rules.close()
    captures.close()
    await alerts.close()
    events.close()
    agents.close()
    if (http?.listening) await closeHttp(http)
    await evidence.close()
    await notices.close()
    await analyst.close()
    await store.close()
  }
  try {
    http = createHttpServer(createApp(context).fetch, options)
    http.on('upgrade', (request, socket, head) => upgrade(context, request, socket, head))
    await notices.resume()
    const port = await listenOn(http, listen)
    baseUrl ??= `http://${printHost(isWildcard(listen.host) ? hostname() : listen.host)}:${port}`
    await captures.resume()
    await alerts.resume()
    await evidence.resume()
    notices.look()
    await store.keepWithinBudget()
    await store.dropAged()
    const url = `http://${printHost(listen.host)}:${port}`
    log.info({ url, dataDir: options.dataDir, held: printBytes(store.blobs.usage().bytes) }, 'listening')
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

function createHttpServer(
  fetch: ReturnType<typeof createApp>['fetch'],
  { log, headersWithinMs = defaultHeadersWithinMs }: ServerOptions,
): Server {
  const answer = getRequestListener(fetch, {
    errorHandler: (error) => {
      const failure = asFailure(error)
      log.error({ err: error }, 'a request could not be answered')
      return Response.json(errorBody(failure), { status: failures[failure.code].status })
    },
  })
  return createServer(
    {
      headersTimeout: headersWithinMs,
      requestTimeout: requestWithinMs,
      connectionsCheckingInterval: headersWithinMs / 5,
    },
    (request, response) => void answer(request, response),
  )
}

/** @throws Failure PORT_IN_USE, USAGE */
function listenOn(http: Server, { host, port }: ServerOptions['listen']): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (cause: NodeJS.ErrnoException) => {
      const address = `${printHost(host)}:${port}`
      if (cause.code === 'EADDRINUSE')
        reject(new Failure('PORT_IN_USE', `another program listens on ${address}`, { cause }))
      else reject(new Failure('USAGE', `cannot listen on ${address}: ${cause.message}`, { cause }))
    })
    http.listen(port, host, () => {
      const address = http.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

/** Lets an agent in, or answers what every other request would be answered. */
function upgrade({ access, agents, log }: ServerContext, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const path = (request.url ?? '').split('?')[0] as string
  const header = (name: string): string | undefined => {
    const value = request.headers[name]
    return Array.isArray(value) ? value[0] : value
  }
  try {
    access.require({ method: request.method ?? 'GET', path, header })
    if (path !== '/api/v1/agent/socket') throw new Failure('NOT_FOUND', `no WebSocket is at ${path}`)
    agents.accept(request, socket, head)
  } catch (error) {
    const failure = asFailure(error)
    log.debug({ path, code: failure.code }, failure.message)
    const { status } = failures[failure.code]
    const body = JSON.stringify(errorBody(failure))
    socket.on('error', () => undefined) // gone before it could read why
    socket.end(
      `HTTP/1.1 ${status} ${failure.code}\r\ncontent-type: application/json\r\nconnection: close\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
}

async function closeHttp(http: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    http.close(() => resolve())
  })
  http.closeIdleConnections()
  const timer = setTimeout(() => http.closeAllConnections(), closeWithinMs)
  await closed
  clearTimeout(timer)
}

/** `https://spikecam.example/incidents/inc-01k8…`, as the UI has its pages. */
function linkTo(base: string, incidentId: string | undefined): string {
  return `${base.replace(/\/+$/, '')}/${incidentId === undefined ? '' : `incidents/${encodeURIComponent(incidentId)}`}`
}

/** Listens on every address: the name of the machine is one that others may know. */
const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'
const printHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)
