// The rule that is asked about an alert or a spike: the first that matches; why none did, each with its reason.
import type { Alert } from '../model/alert.ts'
import type { Target } from '../model/target.ts'
import type { Trigger } from '../model/trigger.ts'
import { type AlertTarget, targetOfAlert } from './alert-target.ts'
import type { Rule, Rules } from './rule.ts'
import { whyNoMatch } from './rule-match.ts'

export interface NoRule {
  readonly why: string
  /** The same, rule by rule. */
  readonly passed: readonly string[]
}

export function chooseAlertRule(
  { rules }: Pick<Rules, 'rules'>,
  alert: Alert,
): { readonly rule: Rule; readonly wanted: AlertTarget; readonly passed: readonly string[] } | NoRule {
  const passed: string[] = []
  const reasons = new Set<string>()
  for (const rule of rules) {
    const wanted = targetOfAlert(alert, rule.resolve)
    const why = wanted
      ? whyNoMatch(rule, {
          source: 'alert',
          name: alert.name,
          labels: { ...alert.context, ...alert.labels },
          ...placeOf(wanted),
          workload: wanted.workload ?? wanted.pod ?? wanted.node ?? '',
        })
      : `no label names a target (${rule.resolve.join(', ')})`
    if (wanted && !why) return { rule, wanted, passed }
    passed.push(`rule ${rule.name}: ${why}`)
    reasons.add(why as string)
  }
  // The same for all rules: said once, it is read at once.
  const why = reasons.size === 1 ? [...reasons] : passed
  return { why: why.join('; ') || 'there is no rule', passed }
}

/** @param trigger of the incident: the spike rule of the agent is its name, and nobody has given it labels */
export function chooseSpikeRule(
  { rules }: Pick<Rules, 'rules'>,
  trigger: Pick<Trigger, 'rule'>,
  target: Target,
): { readonly rule: Rule } | NoRule {
  const passed: string[] = []
  for (const rule of rules) {
    const workload = target.workload ?? target.pod ?? target.container ?? target.node
    const why = whyNoMatch(rule, { source: 'spike', name: trigger.rule, labels: {}, ...placeOf(target), workload })
    if (!why) return { rule }
    passed.push(`rule ${rule.name}: ${why}`)
  }
  return { why: passed.join('; ') || 'there is no rule', passed }
}

function placeOf({ namespace, node }: { readonly namespace?: string | undefined; readonly node?: string | undefined }) {
  return { ...(namespace ? { namespace } : {}), ...(node ? { node } : {}) }
}
