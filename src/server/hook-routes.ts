// The doors for alerts, and what became of them.
import { routes } from '../api/routes.ts'
import type { HookAnswer, RuleState } from '../api/shapes.ts'
import { Failure } from '../model/errors.ts'
import { readAlertMessage } from '../trigger/alert-message.ts'
import type { Rule } from '../trigger/rule.ts'
import { chooseAlertRule } from '../trigger/rule-choice.ts'
import { printCondition } from '../trigger/rule-condition.ts'
import type { Firing } from '../trigger/rule-limits.ts'
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
    const body = new Uint8Array(await request.arrayBuffer())
    requireHookAccess({ body, header: (name) => request.headers.get(name) ?? undefined }, hookAccess)
    const expected = sender === undefined ? undefined : senders[sender]
    if (sender !== undefined && !expected) {
      throw new Failure('NOT_FOUND', `there is no /hooks/${sender}; there is: ${Object.keys(senders).join(', ')}`)
    }
    const mapping = rules.rules.alertMapping
    const message = readAlertMessage(new TextDecoder().decode(body), {
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

  app.openapi(routes.listRules, (c) => {
    const { file, problem, loadedMs } = rules
    const states = rules.rules.rules.map((rule) => stateOf(rule, alerts.firings, Date.now()))
    return c.json({ ...(file ? { file } : {}), ...(problem ? { problem } : {}), loadedMs, rules: states }, 200)
  })

  app.openapi(routes.testRules, async (c) => {
    const mapping = rules.rules.alertMapping
    const message = readAlertMessage(await c.req.text(), mapping ? { mapping } : {})
    const tested = message.alerts.map((alert) => {
      const match = chooseAlertRule(rules.rules, alert)
      const { name, status } = alert
      if ('why' in match) return { name, status, decisions: [match.why] }
      const { rule, wanted } = match
      const { because, how, otherwise, ...target } = wanted
      const whom = Object.entries(target).map(([key, value]) => `${key} ${value}`)
      const steps = rule.do.map(({ kind, forMs }) => `${kind} ${forMs / 1000}s`)
      const decisions = [
        `rule ${rule.name} matches`,
        `target: ${whom.join(', ')} (${how}, ${because})`,
        ...(otherwise ? [`where nobody who is meant listens there: ${otherwise.how}, ${otherwise.because}`] : []),
        rule.when === 'firing'
          ? 'when: it fires'
          : `when: ${printCondition(rule.when)}, judged by the CPU at that moment`,
        `do: ${steps.join(', ')}`,
        ...(status === 'resolved' ? ['nothing: this alert is resolved'] : []),
      ]
      return { name, status, decisions }
    })
    return c.json({ source: message.source, alerts: tested, skipped: [...message.skipped] }, 200)
  })
}

function stateOf(rule: Rule, firings: readonly Firing[], nowMs: number): RuleState {
  const own = firings.filter((firing) => firing.rule === rule.name)
  const cooling = new Map<string, RuleState['cooling'][number]>()
  for (const { workload, kind, atMs, outcome } of own) {
    const untilMs = atMs + rule.limits.cooldown
    if (outcome !== 'failed' && untilMs > nowMs) cooling.set(`${workload} ${kind}`, { workload, kind, untilMs })
  }
  return {
    name: rule.name,
    state: rule.paused ? 'paused' : 'active',
    captures: own.length,
    running: own.filter(({ outcome }) => outcome === 'running').length,
    failed: own.filter(({ outcome }) => outcome === 'failed').length,
    ...(own.length > 0 ? { lastMs: Math.max(...own.map(({ atMs }) => atMs)) } : {}),
    cooling: [...cooling.values()],
    match: { ...rule.match },
    do: [...rule.do],
  }
}
