import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Alert } from '../model/alert.ts'
import { Failure } from '../model/errors.ts'
import { AlertMapping } from './alert-mapping.ts'
import { readAlertMessage } from './alert-message.ts'

/** Sent by Debian's Alertmanager. */
const sent = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../../test/fixtures/alerts/alertmanager-webhook-${name}.json`), 'utf8')

const legacy = {
  title: '[Alerting] cpu',
  ruleId: 7,
  ruleName: 'cpu',
  state: 'alerting',
  orgId: 1,
  dashboardId: 2,
  panelId: 3,
  tags: { severity: 'page' },
  ruleUrl: 'http://g/d/x',
  evalMatches: [
    { value: 1.7, metric: 'n1 - shop - cart-0', tags: { Namespace: 'shop', Pod: 'cart-0', Container: 'app' } },
  ] as unknown,
}
const unifiedAlert = {
  status: 'firing',
  labels: { alertname: 'cpu', namespace: 'shop', pod: 'cart-0' },
  annotations: { summary: 'busy' },
  startsAt: '2026-01-02T03:04:05Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: '',
  fingerprint: '00000000000000aa',
  panelURL: 'http://g/panel',
  values: { A: 1.7 },
}
const unified = {
  receiver: 'cap',
  status: 'firing',
  orgId: 1,
  version: '1',
  groupKey: '{}:{}',
  truncatedAlerts: 2,
  alerts: [unifiedAlert],
}

const read = (message: unknown) => readAlertMessage(JSON.stringify(message))
function refusal(body: string, reading?: Parameters<typeof readAlertMessage>[1]): string {
  try {
    readAlertMessage(body, reading)
  } catch (error) {
    if (error instanceof Failure && error.code === 'BAD_REQUEST') return error.message
    throw error
  }
  return 'it was read'
}

test('Alertmanager, as the real one sends it', () => {
  const { source, alerts, skipped, truncated } = readAlertMessage(sent('firing'))
  expect({ source, skipped, truncated }).toEqual({ source: 'alertmanager', skipped: [], truncated: 0 })
  expect(alerts).toHaveLength(1)
  expect(alerts[0]).toMatchObject({
    status: 'firing',
    name: 'ProcessCpuHigh',
    series: 'alertmanager:95b0d55494c1fccd',
    labels: { namespace: 'demo', pod: 'demo-0', container: 'app' },
    annotations: { summary: 'demo/demo-0 CPU 71.59%' },
    startsMs: Date.parse('2026-11-20T17:53:00.642Z'),
  })
  expect(alerts[0]?.endsMs).toBeUndefined()
  const resolved = readAlertMessage(sent('resolved')).alerts[0] as Alert
  expect(resolved.status).toBe('resolved')
  expect(resolved.series).toBe(alerts[0]?.series)
  expect(resolved.endsMs).toBeGreaterThan(resolved.startsMs as number)
})

test('a group that fires may hold alerts that are resolved', () => {
  const message = JSON.parse(sent('firing'))
  message.alerts.push({ ...message.alerts[0], status: 'resolved', fingerprint: 'bb' })
  expect(read(message).alerts.map(({ status, series }) => [status, series])).toEqual([
    ['firing', 'alertmanager:95b0d55494c1fccd'],
    ['resolved', 'alertmanager:bb'],
  ])
})

test("Grafana's unified alerting", () => {
  const message = read(unified)
  expect(message.truncated).toBe(2)
  expect(message.alerts).toEqual([
    {
      source: 'grafana',
      status: 'firing',
      name: 'cpu',
      series: 'grafana:00000000000000aa',
      group: 'grafana:{}:{}',
      labels: unifiedAlert.labels,
      context: {},
      annotations: { summary: 'busy' },
      startsMs: Date.parse('2026-01-02T03:04:05Z'),
      value: 1.7,
      url: 'http://g/panel',
    },
  ])
})

test('an alert about the query itself asks for nothing', () => {
  const labels = { alertname: 'DatasourceNoData', rulename: 'cpu' }
  const { alerts, skipped } = read({ ...unified, alerts: [{ ...unifiedAlert, labels }] })
  expect(alerts).toEqual([])
  expect(skipped).toEqual([{ what: 'DatasourceNoData', why: expect.stringContaining('no workload') }])
})

test("Grafana's legacy alerting: one alert for each series, tags in any case", () => {
  const { alerts } = read(legacy)
  expect(alerts).toHaveLength(1)
  expect(alerts[0]).toMatchObject({
    name: 'cpu',
    group: 'grafana-legacy:1:7',
    labels: { namespace: 'shop', pod: 'cart-0', container: 'app' },
    context: { severity: 'page' },
    value: 1.7,
    url: 'http://g/d/x',
  })
  expect(alerts[0]?.startsMs).toBeUndefined()
})

test('a legacy rule that is ok resolves all of its series; other states say nothing of a workload', () => {
  expect(read({ ...legacy, state: 'ok', evalMatches: [] }).resolvedGroups).toEqual(['grafana-legacy:1:7'])
  const { alerts, skipped } = read({ ...legacy, state: 'no_data', evalMatches: null })
  expect(alerts).toEqual([])
  expect(skipped[0]?.why).toContain('no_data')
})

test("Grafana's test button: a rule id beyond 2^53, and series without tags", () => {
  const evalMatches = '[{"value":100,"metric":"High value","tags":null},{"value":200,"metric":"Higher","tags":null}]'
  const body = `{"ruleId":9223372036854775807,"ruleName":"Test","state":"alerting","evalMatches":${evalMatches}}`
  const { alerts } = readAlertMessage(body)
  expect(alerts.map(({ series }) => series)).toEqual([
    'grafana-legacy::9223372036854775807:High value',
    'grafana-legacy::9223372036854775807:Higher',
  ])
})

test('what is missing, null or of the wrong type in an alert is passed over, not the message', () => {
  const { alerts, skipped } = read({ ...unified, alerts: [null, { status: 'odd' }, { labels: { a: 1, b: null } }] })
  expect(alerts).toMatchObject([{ status: 'firing', labels: { a: '1' } }])
  expect(skipped.map(({ what }) => what)).toEqual(['alert 1', 'alert 2'])
})

test('a form that is not known is read by a mapping', () => {
  const mapping = AlertMapping.parse({
    alerts: 'events',
    name: 'rule.title',
    labels: 'tags',
    label: { pod: 'host.pod' },
    status: 'state',
    firing: ['open'],
    resolved: ['closed'],
    startsAt: 'opened',
    id: 'id',
  })
  const event = {
    id: 5,
    rule: { title: 'cpu' },
    host: { pod: 'cart-0' },
    tags: { team: 'a' },
    opened: '2026-01-02T03:04:05Z',
  }
  const events = [
    { ...event, state: 'open' },
    { ...event, state: 'closed' },
    { ...event, state: 'muted' },
  ]
  const { alerts, skipped } = readAlertMessage(JSON.stringify({ events }), { mapping })
  expect(alerts.map(({ status, series }) => [status, series])).toEqual([
    ['firing', 'mapped:5'],
    ['resolved', 'mapped:5'],
  ])
  expect(alerts[0]?.labels).toEqual({ team: 'a', pod: 'cart-0' })
  expect(skipped).toHaveLength(1)
})

test('what a mapping finds no name in is told; times may be seconds or milliseconds', () => {
  const mapping = AlertMapping.parse({ alerts: 'events', name: 'title', startsAt: 'clock' })
  const readMapped = (events: unknown[]) => readAlertMessage(JSON.stringify({ events }), { mapping })
  const startsMs = Date.parse('2026-01-02T03:04:05Z')
  const times = [startsMs, startsMs / 1000, String(startsMs / 1000), '2026-01-02T03:04:05Z', 0, 'noon']
  const { alerts, skipped } = readMapped([{ note: 'no title' }, ...times.map((clock) => ({ title: 'cpu', clock }))])
  expect(alerts.map((alert) => alert.startsMs)).toEqual([...Array(4).fill(startsMs), undefined, undefined])
  expect(skipped).toEqual([{ what: 'alert 1', why: 'it has no name at title' }])
  expect(readMapped([])).toMatchObject({ source: 'mapped', alerts: [], skipped: [] })
  expect(refusal(JSON.stringify({ events: [{ note: 'no title' }] }), { mapping })).toContain('alertMapping')
})

test('nonsense is refused with what it is', () => {
  expect(refusal('{')).toContain('not JSON')
  expect(refusal('null')).toContain('it is null')
  expect(refusal('[1]')).toContain('a list')
  expect(refusal('{"text":"hi","channel":"#a"}')).toContain('an object with text, channel')
  expect(refusal('{"alerts":"many"}')).toContain('Alertmanager')
  expect(refusal(JSON.stringify(unified), { expected: 'alertmanager' })).toContain('/hooks/grafana')
})

test('whatever a sender writes at length is kept short', () => {
  const long = 'x'.repeat(200_000)
  const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label${i}`, long]))
  const fields = { labels, annotations: labels, fingerprint: long, generatorURL: `http://${long}` }
  const unnamed = { version: '4', groupKey: long, title: long, alerts: [{ ...fields, status: 'firing' }] }
  const legacy = { ruleName: long, ruleId: long, state: 'alerting', message: long, ruleUrl: long, tags: labels }
  const mapping = AlertMapping.parse({ name: 'a', id: 'b', label: { pod: 'c' } })
  const mapped = { a: long, b: long, c: long }
  for (const body of [unnamed, { ...legacy, evalMatches: [{ metric: long, tags: labels }] }, mapped]) {
    const { alerts } = readAlertMessage(JSON.stringify(body), { mapping })
    expect(alerts).toHaveLength(1)
    expect(JSON.stringify(alerts).length).toBeLessThan(200_000)
  }
})
