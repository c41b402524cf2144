// Messages of no known form, read by a mapping that the configuration gives: where in the document to find what.
//
//   alertMapping: { alerts: events, name: rule.title, labels: tags, status: state, firing: [open], startsAt: opened }
import { z } from 'zod'
import type { Alert, AlertMessage } from '../model/alert.ts'
import { fieldsOf, labelKey, labelsOf, shortTextOf, textOf, timeOf, valueAt } from './alert-fields.ts'

const Path = z.string().min(1)

export const AlertMapping = z.strictObject({
  /** Path of the list of alerts; without it the message is one alert. */
  alerts: Path.optional(),
  /** The others are paths inside one alert, steps joined by dots. */
  name: Path,
  labels: Path.optional(),
  /** Labels from single fields: `{pod: host.pod_name}`. */
  label: z.record(z.string(), Path).default({}),
  status: Path.optional(),
  /** Values of `status` that mean firing, and resolved. */
  firing: z.array(z.string()).min(1).default(['firing']),
  resolved: z.array(z.string()).default(['resolved']),
  startsAt: Path.optional(),
  id: Path.optional(),
})
export type AlertMapping = z.infer<typeof AlertMapping>

/** @returns undefined when the message does not have what the mapping wants */
export function readMapped(message: unknown, mapping: AlertMapping): AlertMessage | undefined {
  const found = mapping.alerts === undefined ? [message] : valueAt(message, mapping.alerts)
  if (!Array.isArray(found)) return undefined
  const alerts: Alert[] = []
  const skipped: { what: string; why: string }[] = []
  const nameless: typeof skipped = []
  for (const [index, each] of found.entries()) {
    const at = (path: string | undefined): unknown => (path === undefined ? undefined : valueAt(each, path))
    const name = shortTextOf(at(mapping.name))
    if (name === '') {
      nameless.push({ what: `alert ${index + 1}`, why: `it has no name at ${mapping.name}` })
      continue
    }
    const labels = labelsOf(at(mapping.labels))
    for (const [label, path] of Object.entries(mapping.label)) {
      const text = shortTextOf(at(path))
      if (text !== '') labels[label] = text
    }
    const status = mapping.status === undefined ? (mapping.firing[0] ?? '') : textOf(at(mapping.status))
    const isFiring = mapping.firing.includes(status)
    if (!isFiring && !mapping.resolved.includes(status)) {
      skipped.push({ what: name, why: `its status is ${JSON.stringify(status)}, which the mapping does not name` })
      continue
    }
    const startsMs = timeOf(at(mapping.startsAt))
    alerts.push({
      source: 'mapped',
      status: isFiring ? 'firing' : 'resolved',
      name,
      series: `mapped:${shortTextOf(at(mapping.id)) || `${name}:${labelKey(labels)}`}`,
      group: `mapped:${name}`,
      labels,
      context: {},
      annotations: labelsOf(fieldsOf(each).annotations),
      ...(startsMs === undefined ? {} : { startsMs }),
    })
  }
  // Where nothing has a name it is a message of another form; an empty list of the mapping's own is one that asks nothing.
  if (alerts.length === 0 && skipped.length === 0 && nameless.length > 0) return undefined
  return { source: 'mapped', alerts, resolvedGroups: [], skipped: [...skipped, ...nameless], truncated: 0 }
}
