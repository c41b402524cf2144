// How an alert appears in the incidents and captures that it leads to.
import type { Alert, AlertRecord } from '../model/alert.ts'
import type { Incident, IncidentAlert } from '../model/incident.ts'
import type { Trigger } from '../model/trigger.ts'

export const severityOf = ({ value }: Alert): { severity?: number } => (value === undefined ? {} : { severity: value })

export function triggerOf({ alert }: AlertRecord, rule: string): Trigger {
  const { name, annotations } = alert
  const reason = `alert ${name}${annotations.summary ? `: ${annotations.summary}` : ''}`
  return { kind: 'alert', rule, reason, ...severityOf(alert) }
}

export function toldOf(
  alert: Alert,
  { id, receivedMs, rule, because }: { id: string; receivedMs: number; rule: string; because: string | undefined },
): IncidentAlert {
  const summary = alert.annotations.summary ?? alert.annotations.message ?? alert.annotations.description
  return {
    id,
    name: alert.name,
    receivedMs,
    rule,
    ...(because ? { because } : {}),
    ...(alert.startsMs === undefined ? {} : { startsMs: alert.startsMs }),
    ...(summary ? { summary } : {}),
    ...(alert.url ? { url: alert.url } : {}),
  }
}

/** The last alert that ends also ends an incident that it began, unless the usage of its target has shown when it ended. */
export function endedWith(incident: Incident, alertId: string, resolvedMs: number): Incident {
  const alerts = incident.alerts?.map((each) => (each.id === alertId ? { ...each, resolvedMs } : each))
  if (!alerts) return incident
  const isOver = incident.trigger.kind === 'alert' && alerts.every((each) => each.resolvedMs !== undefined)
  return { ...incident, alerts, ...(isOver ? { endedMs: incident.endedMs ?? resolvedMs } : {}) }
}
