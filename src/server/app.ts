// The HTTP side put together: what every request passes, the routes, and the UI behind them.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { compress } from 'hono/compress'
import { routes } from '../api/routes.ts'
import { Failure } from '../model/errors.ts'
import { mountArtifacts } from './artifact-routes.ts'
import { limitBody } from './body-limit.ts'
import type { App, ServerContext } from './context.ts'
import { mountHooks } from './hook-routes.ts'
import { answerError, answerInvalid, errorResponse } from './http-errors.ts'
import { mountIncidents } from './incident-routes.ts'
import { loginPage } from './login-page.ts'
import { createMetrics } from './metrics.ts'
import { mountNotes } from './note-routes.ts'
import { mountReceivers } from './notify/routes.ts'
import { matchRoute } from './route-match.ts'
import { mountRules } from './rule-routes.ts'
import { mountStacks } from './stack-routes.ts'
import { createStaticFiles } from './static-files.ts'
import { mountExport, mountStatus } from './status-routes.ts'
import { mountTargets } from './target-routes.ts'
import { mountViews } from './view-routes.ts'

/** JSON bodies; the largest is a capture request with a long command line in its target. Uploads have their own limit. */
const maxBodyBytes = 1024 * 1024
const uploadPath = '/api/v1/agent/uploads/'
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

export function createApp(context: ServerContext): App {
  const { access, log } = context
  const app: App = new OpenAPIHono({ defaultHook: answerInvalid as never })
  const metrics = createMetrics(context)
  const files = createStaticFiles(context.uiDir)

  app.use(async (c, next) => {
    const startedMs = performance.now()
    await next()
    // What is not in the table is one label, or a scanner would make a million of them.
    const route = matchRoute(c.req.path)?.path ?? (c.res.status === 404 ? 'unknown' : 'ui')
    metrics.request({ method: c.req.method, route, status: c.res.status }, (performance.now() - startedMs) / 1000)
    c.res.headers.set('x-content-type-options', 'nosniff')
    c.res.headers.set('referrer-policy', 'no-referrer')
    c.res.headers.set('cross-origin-resource-policy', 'same-origin')
    // A body that was not read to its end leaves the connection of no use: who sent it must not use it again.
    if (c.res.status >= 400 && !safeMethods.has(c.req.method)) c.res.headers.set('connection', 'close')
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
  })
  app.use(async (c, next) => {
    try {
      access.require({ method: c.req.method, path: c.req.path, header: (name) => c.req.header(name) })
    } catch (error) {
      if (error instanceof Failure && error.code === 'UNAUTHORIZED' && wantsPage(c)) return loginPage()
      throw error
    }
    await next()
  })
  // What is marked no-transform (bytes of artifacts, the event stream) is left as it is.
  app.use(compress({ threshold: 2048 }))
  const limit = limitBody(maxBodyBytes)
  app.use((c, next) => (c.req.path.startsWith(uploadPath) ? next() : limit(c, next)))

  app.openAPIRegistry.registerPath(routes.agentSocket) // answered by the upgrade in server.ts
  mountStatus(app, context, metrics)
  mountTargets(app, context)
  mountHooks(app, context)
  mountRules(app, context)
  mountIncidents(app, context)
  mountNotes(app, context)
  mountReceivers(app, context)
  mountViews(app, context)
  mountArtifacts(app, context)
  mountExport(app, context, files)
  mountStacks(app, context)

  app.onError((error, c) => answerError(error, c, log))
  app.notFound(async (c) => {
    const { path, method } = c.req
    const match = matchRoute(path)
    if (match && !match.methods.has(method)) {
      const allow = [...match.methods].join(', ')
      const failure = new Failure('METHOD_NOT_ALLOWED', `${path} takes ${allow}, not ${method}`)
      return errorResponse(failure, { allow })
    }
    if (path === '/api/v1/agent/socket') {
      return errorResponse(new Failure('PROTOCOL', 'this is the WebSocket of agents; ask for an upgrade'), {
        upgrade: 'websocket',
      })
    }
    if ((method === 'GET' || method === 'HEAD') && !path.startsWith('/api/')) {
      const file = await files.answer(path, c.req.raw)
      if (file) return file
      if (wantsPage(c)) return noUiPage()
    }
    return errorResponse(new Failure('NOT_FOUND', `nothing is at ${path}`))
  })
  return app
}

function wantsPage(c: Context): boolean {
  return c.req.method === 'GET' && (c.req.header('accept') ?? '').includes('text/html')
}

function noUiPage(): Response {
  const page =
    '<!doctype html><title>Spikecam</title><p>The server runs, but its UI is not built or this page does not exist. ' +
    'Run <code>npm run build</code>, or see <a href="/api/v1/openapi.json">the API</a>.'
  return new Response(page, { status: 404, headers: { 'content-type': 'text/html; charset=utf-8' } })
}
