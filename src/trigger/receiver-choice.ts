// Whom an incident is told to: the receivers of the rules behind it, or those of the whole file.
import type { Incident } from '../model/incident.ts'
import type { Rules } from './rule.ts'
import { chooseSpikeRule } from './rule-choice.ts'

/**
 * Those who ask for a capture are told by their own program. Of an incident of an alert the rule of that alert decides,
 * and the rules of those that joined it; of a spike the first that matches.
 * @returns names of receivers that there are, each once
 */
export function receiversOf(rules: Rules, incident: Incident): string[] {
  const { trigger, target, alerts = [] } = incident
  if (trigger.kind === 'manual') return []
  const named = alerts.flatMap(({ rule }) => (rule === undefined ? [] : [rule]))
  const first = trigger.kind === 'spike' ? spikeRule(rules, incident) : trigger.rule
  const names = [first, ...named].flatMap((name) => rules.rules.find((rule) => rule.name === name)?.to ?? rules.to)
  const known = new Set(rules.receivers.map(({ name }) => name))
  return [...new Set(names)].filter((name) => known.has(name))

  function spikeRule(all: Rules, { decision }: Incident): string | undefined {
    if (decision?.rule !== undefined) return decision.rule
    const chosen = chooseSpikeRule(all, trigger, target)
    return 'rule' in chosen ? chosen.rule.name : undefined
  }
}
