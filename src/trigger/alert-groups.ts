// Messages that hold a list of alerts: Alertmanager's webhook version 4, and Grafana's unified alerting, which took
// its form over.
//
//   {"version":"4","groupKey":"{}:{alertname=\"CpuHigh\"}","truncatedAlerts":0,"status":"firing","alerts":[
//     {"status":"firing","labels":{"alertname":"CpuHigh","pod":"cart-0"},"annotations":{},
//      "startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"95b0d55494c1fccd"}]}
//
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; Grafana documentation, "Webhook notifier".
import type { Alert, AlertMessage } from '../model/alert.ts'
import {
  type Fields,
  fieldsOf,
  labelKey,
  labelsOf,
  listOf,
  numberOf,
  shortTextOf,
  textOf,
  timeOf,
} from './alert-fields.ts'

/** Alerts that Grafana makes itself when a query gave nothing or failed: nothing is known to be busy. */
const aboutTheQuery = new Set(['DatasourceNoData', 'DatasourceError'])

export function isAlertmanager(message: Fields): boolean {
  return Array.isArray(message.alerts) && textOf(message.version) === '4'
}

export function isGrafana(message: Fields): boolean {
  const { alerts, version, orgId, state, title } = message
  return (
    Array.isArray(alerts) && (textOf(version) === '1' || [orgId, state, title].some((field) => field !== undefined))
  )
}

/** @param message one for which `isAlertmanager` or `isGrafana` holds */
export function readAlertGroup(message: Fields, source: 'alertmanager' | 'grafana'): AlertMessage {
  const common = { ...labelsOf(message.groupLabels), ...labelsOf(message.commonLabels) }
  const commonAnnotations = labelsOf(message.commonAnnotations)
  const group = `${source}:${shortTextOf(message.groupKey)}`
  const alerts: Alert[] = []
  const skipped: { what: string; why: string }[] = []
  listOf(message.alerts).forEach((each, index) => {
    const fields = fieldsOf(each)
    const labels = labelsOf(fields.labels)
    const name = labels.alertname ?? common.alertname ?? shortTextOf(message.title)
    const what = name === '' ? `alert ${index + 1}` : name
    // A group fires while some of its alerts are resolved already.
    const status = textOf(fields.status) || textOf(message.status)
    if (status !== 'firing' && status !== 'resolved') {
      skipped.push({ what, why: `its status is ${JSON.stringify(status)}: neither firing nor resolved` })
      return
    }
    if (aboutTheQuery.has(name)) {
      skipped.push({ what, why: 'the query of the rule gave nothing: no workload is known to be busy' })
      return
    }
    const identity = shortTextOf(fields.fingerprint) || labelKey(labels)
    if (identity === '') {
      skipped.push({ what, why: 'it has neither labels nor a fingerprint' })
      return
    }
    const startsMs = timeOf(fields.startsAt)
    const endsMs = timeOf(fields.endsAt)
    const value = firstValue(fields)
    const url = shortTextOf(fields.panelURL) || shortTextOf(fields.dashboardURL) || shortTextOf(fields.generatorURL)
    alerts.push({
      source,
      status,
      name: what,
      series: `${source}:${identity}`,
      group,
      labels,
      context: common,
      annotations: { ...commonAnnotations, ...labelsOf(fields.annotations) },
      ...(startsMs === undefined ? {} : { startsMs }),
      ...(endsMs === undefined ? {} : { endsMs }),
      ...(value === undefined ? {} : { value }),
      ...(url === '' ? {} : { url }),
    })
  })
  return { source, alerts, resolvedGroups: [], skipped, truncated: numberOf(message.truncatedAlerts) ?? 0 }
}

/** Grafana's `values` by reference id, `{"A": 1.7, "C": 1}`: the first is the query, the others its reductions. */
function firstValue(fields: Fields): number | undefined {
  for (const each of Object.values(fieldsOf(fields.values))) {
    const value = numberOf(each)
    if (value !== undefined) return value
  }
  return undefined
}
