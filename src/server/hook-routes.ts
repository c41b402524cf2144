// The doors for alerts, and what became of them.
import { routes } from '../api/routes.ts'
import type { HookAnswer } from '../api/shapes.ts'
import { Failure } from '../model/errors.ts'
import { readAlertMessage } from '../trigger/alert-message.ts'
import type { App, ServerContext } from './context.ts'
import { requireHookAccess } from './hook-access.ts'
import { pageOf, readCursor } from './paging.ts'

/** The last part of the path, and what it says of the sender. */
const senders: Record<string, 'alertmanager' | 'grafana'> = {
  alertmanager: 'alertmanager',
  prometheus: 'alertmanager',
  grafana: 'grafana',
}

export function mountHooks(app: App, { store, alerts, rules, hookAccess }: ServerContext): void {
  const take = async (request: Request, sender?: string): Promise<HookAnswer> => {
    let body: Promise<Uint8Array> | undefined
    const readBody = () => (body ??= request.arrayBuffer().then((buffer) => new Uint8Array(buffer)))
    await requireHookAccess({ readBody, header: (name) => request.headers.get(name) ?? undefined }, hookAccess)
    const expected = sender === undefined ? undefined : senders[sender]
    if (sender !== undefined && !expected) {
      throw new Failure('NOT_FOUND', `there is no /hooks/${sender}; there is: ${Object.keys(senders).join(', ')}`)
    }
    const mapping = rules.rules.alertMapping
    const message = readAlertMessage(new TextDecoder().decode(await readBody()), {
      ...(expected ? { expected } : {}),
      ...(mapping ? { mapping } : {}),
    })
    return alerts.take(message)
  }
  app.openapi(routes.postHook, async (c) => c.json(await take(c.req.raw), 202))
  app.openapi(routes.putHook, async (c) => c.json(await take(c.req.raw), 202))
  app.openapi(routes.postSenderHook, async (c) => c.json(await take(c.req.raw, c.req.param('sender')), 202))
  app.openapi(routes.putSenderHook, async (c) => c.json(await take(c.req.raw, c.req.param('sender')), 202))

  app.openapi(routes.listAlerts, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const found = await store.catalog.listAlerts({ limit: limit + 1, after: readCursor(cursor) })
    const { items, nextCursor } = pageOf(found, limit, ({ receivedMs, id }) => ({ atMs: receivedMs, id }))
    return c.json({ alerts: items, ...(nextCursor ? { nextCursor } : {}) }, 200)
  })
}
