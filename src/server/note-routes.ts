// What people say of an incident: that it is to be kept, and what they found out.
import { routes } from '../api/routes.ts'
import { newId } from '../lib/ids.ts'
import { Failure } from '../model/errors.ts'
import type { Incident, Note } from '../model/incident.ts'
import type { App, ServerContext } from './context.ts'

/** A page with more is read by nobody, and the incident is sent whole with every change of it. */
const mostNotes = 100

export function mountNotes(app: App, { store, events }: Pick<ServerContext, 'store' | 'events'>): void {
  /** @throws Failure NOT_FOUND, and what `change` throws */
  const change = async (id: string, next: (old: Incident) => Incident): Promise<{ incident: Incident }> => {
    const incident = await store.catalog.updateIncident(id, (old) => old && next(old))
    if (!incident) throw new Failure('NOT_FOUND', `there is no incident ${id}`)
    events.publish({ type: 'incident', incident })
    return { incident }
  }

  app.openapi(routes.pinIncident, async (c) => {
    const { by } = c.req.valid('json')
    // Pinned already: who did it first stays.
    const pin = { atMs: Date.now(), ...(by ? { by } : {}) }
    return c.json(await change(c.req.valid('param').id, (old) => ({ ...old, pin: old.pin ?? pin })), 200)
  })

  app.openapi(routes.unpinIncident, async (c) =>
    c.json(await change(c.req.valid('param').id, ({ pin: _, ...old }) => old), 200),
  )

  app.openapi(routes.addNote, async (c) => {
    const { text, by } = c.req.valid('json')
    const now = Date.now()
    const note: Note = { id: newId('not-', now), atMs: now, ...(by ? { by } : {}), text }
    const answer = await change(c.req.valid('param').id, (old) => {
      const notes = old.notes ?? []
      if (notes.length >= mostNotes) {
        throw new Failure('REFUSED', `incident ${old.id} has ${mostNotes} notes already: take one back first`, {
          details: { guard: 'notes', limit: mostNotes },
        })
      }
      return { ...old, notes: [...notes, note] }
    })
    return c.json(answer, 200)
  })

  app.openapi(routes.changeNote, async (c) => {
    const { id, note } = c.req.valid('param')
    const { text } = c.req.valid('json')
    const rewrite = (each: Note): Note => (each.id === note ? { ...each, text, editedMs: Date.now() } : each)
    return c.json(await change(id, (old) => ({ ...old, notes: requireNote(old, note).map(rewrite) })), 200)
  })

  app.openapi(routes.removeNote, async (c) => {
    const { id, note } = c.req.valid('param')
    const answer = await change(id, (incident) => {
      const { notes: _, ...rest } = incident
      const left = requireNote(incident, note).filter((each) => each.id !== note)
      return left.length > 0 ? { ...rest, notes: left } : rest
    })
    return c.json(answer, 200)
  })
}

/** @returns all notes, of which one has this id. @throws Failure NOT_FOUND */
function requireNote({ id, notes = [] }: Incident, note: string): readonly Note[] {
  if (notes.some((each) => each.id === note)) return notes
  throw new Failure('NOT_FOUND', `incident ${id} has no note ${note}`)
}
