// What deploy/ ships for Prometheus, Alertmanager and Grafana: loaded by the real programs where Debian has them, asked of
// a real Prometheus that scrapes a real server, and sent to its webhooks in the shape that Grafana documents.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type Monitoring, startMonitoring, whyNoMonitoring } from '../demo/alerts/monitoring.ts'
import { Stage } from '../demo/stage.ts'
import type { HookAnswer } from '../src/api/shapes.ts'
import { targetOfAlert } from '../src/trigger/alert-target.ts'
import { makeCapture, makeIncident } from './nouns.ts'
import { PlayedAgent } from './played-agent.ts'
import { startTestServer, type TestServer, until } from './running-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const deploy = join(import.meta.dirname, '../deploy')
const read = (path: string): string => readFileSync(join(deploy, path), 'utf8')
const readYaml = <T>(path: string): T => parse(read(path)) as T
const why = whyNoMonitoring()
if (why) process.stderr.write(`skipped: promtool and amtool on what is shipped: ${why}\n`)

type Labels = Record<string, string>
interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { alertname: string; exp_alerts?: { exp_labels: Labels }[] }[]
  }[]
}
interface GrafanaRule {
  readonly uid: string
  readonly title: string
  readonly condition: string
  readonly data: readonly { refId: string; datasourceUid: string; model: { expr?: string; expression?: string } }[]
  readonly labels: Labels
  readonly notification_settings: { receiver: string }
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: { x: number; y: number; w: number; h: number }
  readonly targets: readonly { refId: string; expr: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly annotations: { list: { expr: string }[] }
}

const grafanaRules = (): GrafanaRule[] =>
  readYaml<{ groups: { rules: GrafanaRule[] }[] }>('grafana/alerting/spikecam-alert-rules.yaml').groups.flatMap(
    ({ rules }) => rules,
  )
const contactPoint = () => {
  type File = { contactPoints: { name: string; receivers: { type: string; settings: Labels }[] }[] }
  const [point] = readYaml<File>('grafana/alerting/spikecam-contact-point.yaml').contactPoints
  const receiver = point?.receivers[0]
  if (!point || !receiver) throw new Error('there is no receiver')
  return { name: point.name, ...receiver }
}
const dashboard = (): Dashboard => JSON.parse(read('grafana/dashboards/spikecam.json')) as Dashboard

describe.skipIf(why !== undefined)('by the programs that read them', () => {
  const run = async (command: string, ...args: string[]): Promise<string> =>
    (await promisify(execFile)(command, args, { cwd: join(deploy, 'prometheus') })).stdout

  test('promtool takes the rules, and they find what they are to find and nothing else', async () => {
    expect(await run('promtool', 'check', 'rules', 'rules.yaml')).toContain('SUCCESS')
    expect(await run('promtool', 'test', 'rules', 'rules.test.yaml')).toContain('SUCCESS')
    expect(await run('promtool', 'check', 'config', '--syntax-only', 'prometheus.yml')).toContain('SUCCESS')
  })

  test('amtool takes the configuration, and routes what is to be captured to Spikecam and to people', async () => {
    expect(await run('amtool', 'check-config', 'alertmanager.yml')).toContain('SUCCESS')
    const route = (...labels: string[]) =>
      run('amtool', 'config', 'routes', 'test', '--config.file=alertmanager.yml', ...labels)
    expect(await route('alertname=ContainerCpuNearLimit', 'capture=cpu')).toBe('spikecam,people\n')
    expect(await route('alertname=SpikecamNoNode')).toBe('people\n')
  })
})

test('every rule for a capture is tested, and what it finds names a container or an address', () => {
  type Rules = { groups: { rules: { alert: string; labels: Labels }[] }[] }
  const rules = readYaml<Rules>('prometheus/rules.yaml').groups.flatMap((group) => group.rules)
  const tests = readYaml<RuleTests>('prometheus/rules.test.yaml').tests.flatMap((each) => each.alert_rule_test)
  const expected = tests.flatMap(({ alertname, exp_alerts = [] }) => exp_alerts.map((each) => ({ alertname, ...each })))
  expect(new Set(expected.map(({ alertname }) => alertname))).toEqual(new Set(rules.map(({ alert }) => alert)))
  const found = expected
    .filter(({ exp_labels }) => exp_labels.capture === 'cpu')
    .map(({ alertname, exp_labels: labels }) => {
      const alert = { source: 'alertmanager', status: 'firing', name: alertname, series: 's', group: 'g' } as const
      return `${alertname} ${targetOfAlert({ ...alert, labels, context: {}, annotations: {} })?.how}`
    })
  expect([...new Set(found)].sort()).toEqual([
    'ContainerCpuNearLimit container',
    'ContainerCpuThrottled container',
    'ContainerSingleThreadSaturated container',
    'ProcessCpuOneCore instance',
  ])
})

test("Grafana's rules hang together: their condition, their data, their contact point, and the rules of Prometheus", () => {
  const ofPrometheus = read('prometheus/rules.yaml').replace(/\s+/g, ' ')
  for (const { title, condition, data, labels, notification_settings } of grafanaRules()) {
    const refs = data.map(({ refId }) => refId)
    expect(refs, title).toContain(condition)
    for (const { model } of data) if (model.expression) expect(refs, title).toContain(model.expression)
    expect(notification_settings.receiver).toBe(contactPoint().name)
    expect(labels.capture).toBe('cpu')
    expect(ofPrometheus).toContain(`alert: ${title} `)
    const expr = data.find(({ model }) => model.expr)?.model.expr ?? ''
    expect(ofPrometheus, title).toContain(expr.replace(/\s+/g, ' ').trim())
  }
})

test('what its contact point sends is taken: its path, method and authorization, in the shape that Grafana documents', async () => {
  const token = 's3cret'
  await using server = await startTestServer({ token })
  const { type, settings } = contactPoint()
  expect(type).toBe('webhook')
  const fill = (text = ''): string => text.replace('$SPIKECAM_URL', server.url).replace('$SPIKECAM_TOKEN', token)
  const send = (authorization: string) =>
    fetch(fill(settings.url), {
      method: settings.httpMethod as string,
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify(grafanaMessage()),
    })
  const response = await send(`${settings.authorization_scheme} ${fill(settings.authorization_credentials)}`)
  expect(response.status).toBe(202)
  const { accepted } = (await response.json()) as HookAnswer
  expect(accepted.map(({ name }) => name)).toEqual(grafanaRules().map(({ title }) => title))
  expect((await send('Bearer another')).status).toBe(401)
  const { alerts } = await server.client.get('/api/v1/alerts')
  expect(alerts.map(({ alert }) => alert.source)).toEqual(['grafana', 'grafana'])
})

/** One message of unified alerting with a firing alert of each shipped rule. */
function grafanaMessage(): object {
  const labels: Record<string, Labels> = {
    ContainerCpuNearLimit: { namespace: 'shop', pod: 'cart-0', container: 'app', node: 'n1' },
    ProcessCpuOneCore: { job: 'redis-exporter', instance: 'vm1:9121' },
  }
  return {
    receiver: 'spikecam',
    status: 'firing',
    state: 'alerting',
    orgId: 1,
    version: '1',
    groupKey: '{}:{}',
    truncatedAlerts: 0,
    title: '[FIRING:2]',
    message: '',
    externalURL: 'http://grafana.example/',
    groupLabels: {},
    commonLabels: { grafana_folder: 'Spikecam', capture: 'cpu' },
    commonAnnotations: {},
    alerts: grafanaRules().map(({ title, uid, labels: own }, i) => ({
      status: 'firing',
      labels: { alertname: title, grafana_folder: 'Spikecam', ...own, ...labels[title] },
      annotations: { summary: 'busy' },
      startsAt: '2026-01-02T03:04:05Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: `http://grafana.example/alerting/grafana/${uid}/view`,
      fingerprint: `00000000000000a${i}`,
      silenceURL: '',
      dashboardURL: '',
      panelURL: '',
      values: { cpu: 0.97, over: 1 },
      valueString: '[ var=cpu value=0.97 ]',
    })),
  }
}

test('panels of the dashboard do not lie over each other, and each asks something', () => {
  const { panels } = dashboard()
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const taken = new Set<string>()
  for (const { title, gridPos, targets } of panels) {
    expect(targets.length, title).toBeGreaterThan(0)
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.has(`${x},${y}`), title).toBe(false)
        taken.add(`${x},${y}`)
      }
    }
  }
})

describe.skipIf(why !== undefined)('by a Prometheus that scrapes a server', () => {
  const dir = temporaryFolder()
  const stage = new Stage()
  let server: TestServer
  let monitoring: Monitoring

  beforeAll(async () => {
    server = await startTestServer()
    const agent = await PlayedAgent.connect(server.url)
    await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-1' }) })
    await agent.deliver({ type: 'capture', capture: makeCapture({ id: 'cap-1', incidentId: 'inc-1' }) })
    await server.client.get('/api/v1/status')
    await fetch(`${server.url}/hooks/grafana`, { method: 'POST', body: JSON.stringify(grafanaMessage()) })
    monitoring = await startMonitoring(stage, {
      dir,
      webhook: `${server.url}/hooks/alertmanager`,
      rules: [join(deploy, 'prometheus/rules.yaml')],
      jobs: { spikecam: { targets: [{ address: new URL(server.url).host }] } },
    })
  })
  afterAll(async () => {
    await stage.clear()
    await server[Symbol.asyncDispose]()
  })

  /** What Grafana puts in for its variables. */
  const filled = (expr: string): string => expr.replaceAll('$job', 'spikecam').replaceAll('$__rate_interval', '10s')
  const ask = async (expr: string): Promise<{ expr: string; series: number; error?: string }> => {
    const response = await fetch(`${monitoring.prometheusUrl}/api/v1/query?query=${encodeURIComponent(filled(expr))}`)
    const answer = (await response.json()) as { error?: string; data?: { result: unknown[] } }
    return { expr, series: answer.data?.result.length ?? 0, ...(answer.error ? { error: answer.error } : {}) }
  }
  /** Empty as long as nothing fires, and nobody was told. */
  const mayBeEmpty = /^ALERTS|spikecam_notices/

  test('every panel has data', async () => {
    for (const { title, targets } of dashboard().panels) {
      for (const { expr } of targets) {
        const isWanted = ({ series, error }: { series: number; error?: string }): boolean =>
          error !== undefined || series > 0 || mayBeEmpty.test(expr)
        expect(await until(() => ask(expr), isWanted), `${title}: ${expr}`).not.toHaveProperty('error')
      }
    }
  })

  test('promtool asks the queries of annotations and of the rules that Grafana evaluates', async () => {
    const rules = grafanaRules().flatMap(({ data }) => data.flatMap(({ model }) => model.expr ?? []))
    for (const expr of [...dashboard().annotations.list.map((each) => each.expr), ...rules]) {
      const { stderr } = await promisify(execFile)('promtool', [
        'query',
        'instant',
        monitoring.prometheusUrl,
        filled(expr),
      ])
      expect(stderr, expr).toBe('')
    }
  })

  test('the rules are loaded, and none of them fails', async () => {
    const healths = async (): Promise<string[]> => {
      const response = await fetch(`${monitoring.prometheusUrl}/api/v1/rules`)
      const { data } = (await response.json()) as { data: { groups: { rules: { name: string; health: string }[] }[] } }
      return data.groups.flatMap(({ rules }) => rules.map(({ health }) => health))
    }
    expect(await until(healths, (all) => all.every((health) => health !== 'unknown'))).toEqual(Array(7).fill('ok'))
  })
})
