// Grafana's alerting before version 9 (gone in 11): one state per rule, and the series over the threshold as a list.
//
//   {"title":"[Alerting] cpu","ruleId":7,"ruleName":"cpu","state":"alerting","orgId":1,"tags":{},
//    "ruleUrl":"http://g/d/x","evalMatches":[{"value":1.7,"metric":"cpu","tags":{"pod":"cart-0","container":"app"}}]}
//
// It does not say since when: the first message of a series counts, until the rule says `ok`.
import type { Alert, AlertMessage } from '../model/alert.ts'
import { type Fields, fieldsOf, labelKey, labelsOf, listOf, numberOf, shortTextOf, textOf } from './alert-fields.ts'

export function isGrafanaLegacy(message: Fields): boolean {
  const hasRule = message.ruleId !== undefined || message.ruleName !== undefined
  return message.evalMatches !== undefined || (hasRule && message.state !== undefined)
}

/** Tags of a series; the names come in any case, since people type them. */
function tagsOf(value: unknown): Record<string, string> {
  const tags = labelsOf(value)
  for (const [name, text] of Object.entries(tags)) tags[name.toLowerCase()] ??= text
  return tags
}

/** @param message one for which `isGrafanaLegacy` holds */
export function readGrafanaLegacy(message: Fields): AlertMessage {
  const name = shortTextOf(message.ruleName) || shortTextOf(message.title) || 'Grafana alert'
  const rule = shortTextOf(message.ruleId) || name
  const group = `grafana-legacy:${shortTextOf(message.orgId)}:${rule}`
  const state = textOf(message.state)
  const nothing: AlertMessage = { source: 'grafana-legacy', alerts: [], resolvedGroups: [], skipped: [], truncated: 0 }
  if (state === 'ok') return { ...nothing, resolvedGroups: [group] }
  if (state !== 'alerting') {
    const why = `the state of the rule is ${JSON.stringify(state)}: only "alerting" and "ok" say something of a workload`
    return { ...nothing, skipped: [{ what: name, why }] }
  }
  const context = tagsOf(message.tags)
  const text = shortTextOf(message.message)
  // Grafana 4.0 spelled it rule_url.
  const url = shortTextOf(message.ruleUrl) || shortTextOf(message.rule_url)
  const matches = listOf(message.evalMatches)
  // A rule without series (a classic condition over everything) still has its own tags.
  const alerts = (matches.length > 0 ? matches : [{}]).map((match): Alert => {
    const { value, metric, tags } = fieldsOf(match)
    const labels = tagsOf(tags)
    const number = numberOf(value)
    return {
      source: 'grafana-legacy',
      status: 'firing',
      name,
      series: `${group}:${labelKey(labels) || shortTextOf(metric)}`,
      group,
      labels,
      context,
      annotations: text === '' ? {} : { message: text },
      ...(number === undefined ? {} : { value: number }),
      ...(url === '' ? {} : { url }),
    }
  })
  return { ...nothing, alerts }
}
