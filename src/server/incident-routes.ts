// Incidents, captures and the ledger as JSON.
import { routes } from '../api/routes.ts'
import { type CaptureState, captureStates } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import type { App, ServerContext } from './context.ts'
import { pageOf, readCursor } from './paging.ts'

/** More captures than one incident can have within the cooldowns. */
const maxCaptures = 100

export function mountIncidents(app: App, { store, captures, events }: ServerContext): void {
  const { catalog } = store

  app.openapi(routes.listIncidents, async (c) => {
    const { limit, cursor, from: fromMs, to: toMs, ...filter } = c.req.valid('query')
    const found = await catalog.listIncidents({ ...filter, fromMs, toMs, limit: limit + 1, after: readCursor(cursor) })
    const { items, nextCursor } = pageOf(found, limit, ({ noticedMs, id }) => ({ atMs: noticedMs, id }))
    return c.json({ incidents: items, ...(nextCursor ? { nextCursor } : {}) }, 200)
  })

  app.openapi(routes.getIncident, async (c) => {
    const incident = await requireIncident(store.catalog, c.req.valid('param').id)
    const found = await catalog.listCaptures({ incidentId: incident.id, limit: maxCaptures })
    const artifacts = await catalog.artifactsOf(found.map(({ id }) => id))
    const notices = await catalog.listNotices({ incidentId: incident.id, limit: maxCaptures })
    return c.json({ incident, captures: found, artifacts, ...(notices.length > 0 ? { notices } : {}) }, 200)
  })

  app.openapi(routes.getSeries, async (c) => {
    const incident = await requireIncident(store.catalog, c.req.valid('param').id)
    const found = await catalog.listCaptures({ incidentId: incident.id, limit: maxCaptures })
    return c.json({ series: await catalog.seriesOf(found.map(({ id }) => id)) }, 200)
  })

  app.openapi(routes.listCaptures, async (c) => {
    const { limit, cursor, incident, state } = c.req.valid('query')
    const states = state === undefined ? {} : { states: [requireState(state)] }
    const found = await catalog.listCaptures({
      incidentId: incident,
      ...states,
      limit: limit + 1,
      after: readCursor(cursor),
    })
    const { items, nextCursor } = pageOf(found, limit, ({ requestedMs, id }) => ({ atMs: requestedMs, id }))
    return c.json({ captures: items, ...(nextCursor ? { nextCursor } : {}) }, 200)
  })

  app.openapi(routes.getCapture, async (c) => {
    const { id } = c.req.valid('param')
    const capture = await catalog.capture(id)
    if (!capture) throw new Failure('NOT_FOUND', `there is no capture ${id}`)
    return c.json({ capture, artifacts: await catalog.artifactsOf([id]) }, 200)
  })

  app.openapi(routes.startCapture, async (c) => c.json(await captures.start(c.req.valid('json')), 202))

  app.openapi(routes.stopCapture, async (c) => {
    const { id } = c.req.valid('param')
    const capture = await captures.stop(id)
    return c.json({ capture, artifacts: await catalog.artifactsOf([id]) }, 202)
  })

  app.openapi(routes.listTriggers, async (c) => {
    const { limit, cursor } = c.req.valid('query')
    const found = await catalog.listLedger({ limit: limit + 1, after: readCursor(cursor) })
    const { items, nextCursor } = pageOf(found, limit, ({ atMs, id }) => ({ atMs, id }))
    return c.json({ entries: items, ...(nextCursor ? { nextCursor } : {}) }, 200)
  })

  app.openapi(routes.getEvents, (c) => events.stream(c) as never)
}

/** @throws Failure NOT_FOUND */
export async function requireIncident(catalog: ServerContext['store']['catalog'], id: string) {
  const incident = await catalog.incident(id)
  if (!incident) throw new Failure('NOT_FOUND', `there is no incident ${id}`)
  return incident
}

function requireState(state: string): CaptureState {
  const known = captureStates.find((each) => each === state)
  if (!known) throw new Failure('BAD_REQUEST', `query state: ${state} is none of ${captureStates.join(', ')}`)
  return known
}
