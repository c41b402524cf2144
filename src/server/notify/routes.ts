// Receivers as the API shows them, a test message for each, and what became of the real ones.
import { routes } from '../../api/routes.ts'
import { asFailure, Failure } from '../../model/errors.ts'
import type { App, ServerContext } from '../context.ts'
import { pageOf, readCursor } from '../paging.ts'
import type { Delivery } from './delivery.ts'
import { testMessage } from './message.ts'
import { placeOf, sendMessage } from './send.ts'

type Sources = Pick<ServerContext, 'store' | 'rules' | 'linkOf' | 'version' | 'log'>

export function mountReceivers(app: App, { store, rules, linkOf, version, log }: Sources): void {
  app.openapi(routes.listReceivers, (c) => {
    const { receivers, rules: all, to: defaults } = rules.rules
    const rows = receivers.map((receiver) => ({
      name: receiver.name,
      type: receiver.type,
      place: placeOf(receiver),
      rules: all.filter(({ to = defaults }) => to.includes(receiver.name)).map(({ name }) => name),
      byDefault: defaults.includes(receiver.name),
    }))
    return c.json({ receivers: rows }, 200)
  })

  app.openapi(routes.testReceiver, async (c) => {
    const { name } = c.req.valid('param')
    const receiver = rules.rules.receivers.find((each) => each.name === name)
    if (!receiver) {
      const known = rules.rules.receivers.map((each) => each.name).join(', ') || 'none'
      throw new Failure('NOT_FOUND', `there is no receiver ${name} in the rules; there is: ${known}`)
    }
    const beganMs = Date.now()
    const message = testMessage(name, { link: linkOf(), nowMs: beganMs })
    const delivery = await sendMessage(receiver, message, { environment: process.env, version }).catch(notSent)
    const answer = delivery.isDelivered ? delivery.answer : delivery.why
    log.info({ receiver: name, isDelivered: delivery.isDelivered }, `a test message was sent: ${answer}`)
    return c.json({ delivered: delivery.isDelivered, answer, tookMs: Date.now() - beganMs }, 200)
  })

  app.openapi(routes.listNotices, async (c) => {
    const { limit, cursor, incident, state } = c.req.valid('query')
    const states = state === undefined ? {} : { states: [state] }
    const after = readCursor(cursor)
    const found = await store.catalog.listNotices({ incidentId: incident, ...states, limit: limit + 1, after })
    const { items, nextCursor } = pageOf(found, limit, ({ atMs, id }) => ({ atMs, id }))
    return c.json({ notices: items, ...(nextCursor ? { nextCursor } : {}) }, 200)
  })
}

/** Such as a secret that is not where it should be: that is what a test is for. */
const notSent = (error: unknown): Delivery => {
  return { isDelivered: false, why: asFailure(error).message, isFinal: true, isUnsure: false }
}
