// What the server says of itself: status, health, metrics, the OpenAPI document, and the door for browsers.
import { protocolNumber } from '../api/messages.ts'
import { openapiPath, routes } from '../api/routes.ts'
import type { AgentState, ServerStatus } from '../api/shapes.ts'
import { asFailure, Failure } from '../model/errors.ts'
import { tokenCookie } from './access.ts'
import type { App, ServerContext } from './context.ts'
import { exportIncident } from './export.ts'
import { attachment } from './file-answer.ts'
import { errorResponse } from './http-errors.ts'
import type { Metrics } from './metrics.ts'
import type { StaticFiles } from './static-files.ts'

/** A year: whoever may read the token once can keep it. */
const cookieSeconds = 31_536_000

export function mountStatus(app: App, context: ServerContext, metrics: Metrics): void {
  const { store, access, isSecure, version } = context

  app.openapi(routes.getStatus, async (c) => c.json(await readStatus(context), 200))

  app.openapi(routes.healthz, (c) => c.text('ok\n', 200))

  app.openapi(routes.readyz, async (c) => {
    try {
      await store.catalog.counts()
      return c.text('ok\n', 200) as never
    } catch (error) {
      return c.text(`the catalog does not answer: ${asFailure(error).message}\n`, 503) as never
    }
  })

  app.openapi(
    routes.metrics,
    async (c) => c.body(await metrics.print(), 200, { 'content-type': metrics.contentType }) as never,
  )

  app.openapi(routes.login, (c) => {
    const { token } = c.req.valid('query')
    if (!access.isToken(token))
      return errorResponse(new Failure('UNAUTHORIZED', 'this is not the right token')) as never
    // Lax: links from a chat or a ticket must open; what changes something is held to the same origin anyway.
    const cookie = `${tokenCookie}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${cookieSeconds}`
    return c.body(null, 302, { location: '/', 'set-cookie': isSecure ? `${cookie}; Secure` : cookie }) as never
  })

  app.get(openapiPath, (c) =>
    c.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Spikecam',
          version,
          description: 'Errors of every route are {code, message, advice}; the codes are in docs/errors.md.',
        },
      }),
    ),
  )
}

export function mountExport(app: App, { store, version }: ServerContext, files: StaticFiles): void {
  app.openapi(routes.getExport, async (c) => {
    const { id } = c.req.valid('param')
    const template = await files.text('report.html')
    if (template === undefined)
      throw new Failure('NOT_FOUND', 'the UI is not built, and its report page is the template: run `npm run build`')
    const html = await exportIncident(id, { store, template, version })
    return c.body(html, 200, {
      'content-type': 'text/html; charset=utf-8',
      'content-disposition': attachment(`${id}.html`),
      'content-security-policy': 'sandbox allow-scripts allow-downloads',
    }) as never
  })
}

async function readStatus({ version, startedMs, store, agents }: ServerContext): Promise<ServerStatus> {
  const connected = agents.list().filter((agent) => agent.connected)
  const idle = connected.filter((agent) => !agent.status?.recording)
  const message = recordingMessage(connected, idle)
  const { blobs, bytes } = store.blobs.usage()
  const space = await store.guard.space()
  return {
    version,
    protocol: protocolNumber,
    startedMs,
    nowMs: Date.now(),
    agents: agents.list(),
    recording: connected.length > 0 && idle.length === 0,
    ...(message ? { message } : {}),
    data: {
      catalogBytes: await store.catalog.sizeBytes(),
      blobs,
      blobBytes: bytes,
      budgetBytes: store.budgetBytes,
      freeBytes: space.freeBytes,
      minFreeBytes: space.minFreeBytes,
      evicted: (await store.catalog.counts()).evicted,
    },
  }
}

function recordingMessage(connected: readonly AgentState[], idle: readonly AgentState[]): string | undefined {
  if (connected.length === 0) return 'no agent is connected'
  if (idle.length === 0) return undefined
  return idle.map(({ node, status }) => `${node}: ${status?.message ?? 'does not record'}`).join('; ')
}
