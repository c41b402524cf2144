// The rules over the API: what they are and did, what they would do, and whether they are to rest.
import { routes } from '../api/routes.ts'
import type { RuleState } from '../api/shapes.ts'
import { nearest } from '../lib/nearest.ts'
import { Failure } from '../model/errors.ts'
import { readAlertMessage } from '../trigger/alert-message.ts'
import type { Rule } from '../trigger/rule.ts'
import { chooseAlertRule } from '../trigger/rule-choice.ts'
import { printCondition } from '../trigger/rule-condition.ts'
import { printGuards } from '../trigger/rule-steps.ts'
import type { App, ServerContext } from './context.ts'

export function mountRules(app: App, { alerts, rules }: Pick<ServerContext, 'alerts' | 'rules'>): void {
  const ruleNamed = (name: string): Rule => {
    const known = rules.rules.rules
    const found = known.find((rule) => rule.name === name)
    if (found) return found
    const names = known.map((rule) => rule.name)
    const near = nearest(name, names)
    const there = near ? `did you mean "${near}"?` : `there is: ${names.join(', ')}`
    throw new Failure('NOT_FOUND', `there is no rule "${name}"; ${there}`)
  }
  const stateOf = (rule: Rule, nowMs: number): RuleState => {
    const own = alerts.firings.filter((firing) => firing.rule === rule.name)
    const cooling = new Map<string, RuleState['cooling'][number]>()
    for (const { workload, kind, atMs, outcome } of own) {
      const untilMs = atMs + rule.limits.cooldown
      if (outcome !== 'failed' && untilMs > nowMs) cooling.set(`${workload} ${kind}`, { workload, kind, untilMs })
    }
    const pause = rules.pauses.get(rule.name)
    return {
      name: rule.name,
      state: rule.paused ? 'paused' : 'active',
      ...(pause ? { pause } : {}),
      captures: own.length,
      running: own.filter(({ outcome }) => outcome === 'running').length,
      failed: own.filter(({ outcome }) => outcome === 'failed').length,
      ...(own.length > 0 ? { lastMs: Math.max(...own.map(({ atMs }) => atMs)) } : {}),
      cooling: [...cooling.values()],
      match: { ...rule.match },
      do: [...rule.do],
    }
  }

  app.openapi(routes.listRules, (c) => {
    const { file, problem, loadedMs } = rules
    const states = rules.rules.rules.map((rule) => stateOf(rule, Date.now()))
    return c.json({ ...(file ? { file } : {}), ...(problem ? { problem } : {}), loadedMs, rules: states }, 200)
  })

  app.openapi(routes.pauseRule, async (c) => {
    const { name } = ruleNamed(c.req.valid('param').name)
    await rules.pause(name, { atMs: Date.now(), ...c.req.valid('json') })
    return c.json(stateOf(ruleNamed(name), Date.now()), 200)
  })

  app.openapi(routes.resumeRule, async (c) => {
    const { name } = ruleNamed(c.req.valid('param').name)
    await rules.resume(name)
    return c.json(stateOf(ruleNamed(name), Date.now()), 200)
  })

  app.openapi(routes.testRules, async (c) => {
    const mapping = rules.rules.alertMapping
    const message = readAlertMessage(await c.req.text(), mapping ? { mapping } : {})
    const tested = message.alerts.map((alert) => {
      const choice = chooseAlertRule(rules.rules, alert)
      const { name, status } = alert
      if ('why' in choice)
        return { name, status, decisions: choice.passed.length > 0 ? [...choice.passed] : [choice.why] }
      const { rule, wanted, passed } = choice
      const { because, how, otherwise, ...target } = wanted
      const whom = Object.entries(target).map(([key, value]) => `${key} ${value}`)
      const steps = rule.do.map(({ kind, forMs }) => `${kind} ${forMs / 1000}s`)
      const guards = printGuards(rule.guards)
      const decisions = [
        ...passed,
        `rule ${rule.name} matches`,
        `target: ${whom.join(', ')} (${how}, ${because})`,
        ...(otherwise ? [`where nobody who is meant listens there: ${otherwise.how}, ${otherwise.because}`] : []),
        rule.when === 'firing'
          ? 'when: it fires'
          : `when: ${printCondition(rule.when)}, judged by the CPU at that moment`,
        ...(guards ? [`guards: ${guards}, judged at that moment`] : []),
        `do: ${steps.join(', ')}`,
        ...(status === 'resolved' ? ['nothing: this alert is resolved'] : []),
      ]
      return { name, status, decisions }
    })
    return c.json({ source: message.source, alerts: tested, skipped: [...message.skipped] }, 200)
  })
}
