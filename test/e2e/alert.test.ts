// From a metric to an incident, over the real programs: something burns, Prometheus' rule becomes true, Alertmanager
// posts, and Spikecam captures whom the labels mean, or joins what its spike watcher opened long before.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { podTargets } from '../../demo/alerts/burners.ts'
import {
  type Monitoring,
  type MonitoringOptions,
  monitoringPackages,
  startMonitoring,
} from '../../demo/alerts/monitoring.ts'
import { alertsAlone } from '../../demo/alerts/show-alert.ts'
import { type RedisPods, redisPackages, startRedisPods } from '../../demo/pods/redis-pods.ts'
import { Stage } from '../../demo/stage.ts'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import type { AlertRecord } from '../../src/model/alert.ts'
import { favour } from '../favour.ts'
import { freePort } from '../free-port.ts'
import { installPackages, nodePackages, whyNoNode } from '../node-tool/packages.ts'
import { until } from '../running-server.ts'
import { type Program, startUp } from './program.ts'

const why =
  whyNoNode([...monitoringPackages, ...nodePackages, ...redisPackages]) ??
  ((await perfVersion()) === undefined ? 'perf is not installed' : undefined)
if (why) process.stderr.write(`skipped: alerts of real programs: ${why}\n`)

const token = 's3cret'
const isRecording = (event: ServerEvent): boolean => event.type === 'agent' && event.agent.status?.recording === true

/** A folder, programs and a Spikecam, gone after the tests of a group. */
function scene(): {
  readonly stage: Stage
  write(name: string, text: string): string
  startUp(options: readonly string[]): Promise<Program>
  monitor(up: Program, rules: string, options: Pick<MonitoringOptions, 'jobs' | 'port'>): Promise<Monitoring>
} {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-alert-'))
  const stage = new Stage()
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  stage.atEnd(() => rmSync(folder, { recursive: true, force: true }))
  afterAll(() => stage.clear())
  return {
    stage,
    write,
    startUp: async (options) => {
      const up = await startUp(options, undefined, token)
      stage.atEnd(() => up.stop())
      await up.event(isRecording)
      return up
    },
    monitor: (up, rules, options) => {
      const webhook = `${up.url}/hooks/alertmanager`
      return startMonitoring(stage, {
        dir: join(folder, 'monitoring'),
        webhook,
        token,
        rules: [write('rules.yml', rules)],
        ...options,
      })
    },
  }
}

/** What was decided about alerts, once it was about every one of these names. */
async function decided(up: Program, ...names: string[]): Promise<AlertRecord[]> {
  const { alerts } = await until(
    () => up.client.get('/api/v1/alerts'),
    (page) => names.every((name) => page.alerts.some(({ alert, state }) => alert.name === name && state !== 'queued')),
  )
  return names.map((name) => alerts.find(({ alert }) => alert.name === name) as AlertRecord)
}

/** A service with the metric that every Prometheus client library has; GET /burn keeps a core busy. */
const service = `
const server = require('node:http').createServer((request, response) => {
  if (request.url === '/metrics') {
    const { user, system } = process.cpuUsage()
    response.end('process_cpu_seconds_total ' + (user + system) / 1e6 + '\\n')
  } else {
    response.end('burning')
    const burn = (endMs) => { const sliceMs = Date.now() + 20; while (Date.now() < sliceMs); if (Date.now() < endMs) setImmediate(burn, endMs) }
    burn(Date.now() + 12000)
  }
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

describe.skipIf(why !== undefined)('one machine without Kubernetes', () => {
  const { stage, write, startUp, monitor } = scene()
  let up: Program
  let pid: number
  let address: string

  beforeAll(async () => {
    installPackages(monitoringPackages)
    const actor = stage.start('the service', process.execPath, ['--perf-basic-prof', '-e', service])
    pid = actor.pid
    address = `127.0.0.1:${await actor.says(/^(\d+)/m)}`
    favour(pid)
    const rules = write('spikecam.yaml', 'rules: [{ name: here, match: { source: [alert] } }]')
    const spikes = ['--spike-cooldown', '0s', '--spike-level', '50%', '--spike-hold', '400ms']
    up = await startUp(['--capture-for', '2s', '--rules', rules, ...spikes])
    await monitor(up, serviceRule, { jobs: { service: { targets: [{ address }] } } })
  })

  const serviceRule = `groups:
  - name: cpu
    rules:
      - alert: ServiceCpuHigh
        expr: rate(process_cpu_seconds_total[5s]) > 0.3
        for: 1s
        annotations: { summary: 'the service is at {{ $value }}' }
`

  test('an alert that names only an address joins the incident of the spike of who listens there', async () => {
    const joined = up.event(
      (event) => event.type === 'incident' && event.incident.target.pid === pid && event.incident.alerts !== undefined,
    )
    const began = Date.now()
    await fetch(`http://${address}/burn`)
    const { incident } = (await joined) as Extract<ServerEvent, { type: 'incident' }>
    expect(incident.trigger.kind).toBe('spike')
    expect(incident.onsetMs).toBeGreaterThan(began - 2000)
    expect(incident.alerts).toMatchObject([
      { name: 'ServiceCpuHigh', summary: expect.stringContaining('the service is at') },
    ])
    // Scrapes, evaluation, `for` and grouping: by then the ring has long had the beginning.
    expect(incident.alerts?.[0]?.receivedMs).toBeGreaterThan(began + 1500)
    const [record] = await decided(up, 'ServiceCpuHigh')
    expect(record?.alert.source).toBe('alertmanager')
    expect(record?.decisions).toMatchObject([
      {
        outcome: 'joined',
        incidentId: incident.id,
        rule: 'here',
        target: { kind: 'process', pid },
        because: `by label instance: it listens on ${address}`,
      },
    ])
  })
})

describe.skipIf(why !== undefined)('redis behind TLS with its exporter, in pods', () => {
  const { stage, write, startUp, monitor } = scene()
  let redis: RedisPods
  let up: Program
  let monitoring: Monitoring

  beforeAll(async () => {
    installPackages(monitoringPackages)
    redis = await startRedisPods({ count: 3, isScraped: false })
    stage.atEnd(() => redis.close())
    const rules = write('spikecam.yaml', 'rules: [{ name: pods, do: [cpu 2s] }]')
    up = await startUp(['--cri-socket', redis.criSocket, '--rules', rules, ...alertsAlone])
    const port = await freePort()
    monitoring = await monitor(up, podRules, {
      port,
      jobs: {
        // As service discovery labels the targets of a cluster.
        redis: { targets: podTargets(redis) },
        bare: { targets: podTargets(redis).map(({ address }) => ({ address })) },
        // As a Prometheus above others reads them: the labels of its own target go before those of the series.
        federate: {
          path: '/federate',
          params: { 'match[]': ['process_cpu_seconds_total{job="redis"}'] },
          targets: [
            {
              address: `127.0.0.1:${port}`,
              labels: { namespace: 'monitoring', pod: 'prometheus-0', container: 'prometheus' },
            },
          ],
        },
      },
    })
    // Until every series has two samples, a rise is none.
    await until(
      async () => ((await query(monitoring, 'count(rate(process_cpu_seconds_total[6s]))')) as number | undefined) ?? 0,
      (count) => count === 9,
    )
    // Asked about at the end: soon after a start whoever is meant may be on a node that is not back yet, and is waited for.
    await amtool(monitoring, 'NobodyKnows', 'namespace=shop', 'pod=no-such-pod')
  }, 240_000)

  const podRules = `groups:
  - name: cpu
    rules:
${['redis', 'bare', 'federate']
  .map(
    (job) => `      - alert: ${job}CpuHigh
        expr: rate(process_cpu_seconds_total{job="${job}"}[6s]) > 0.2
        for: 2s`,
  )
  .join('\n')}
`

  test('whatever the labels name it by, the one container is captured, once, with the ring from before it rose', async () => {
    const driven = redis.pods[1]
    const concluded = up.event(
      (event) => event.type === 'incident' && event.incident.state === 'complete' && event.incident.top.length > 0,
    )
    const began = Date.now()
    await redis.spike(driven?.name as string)
    const { incident } = (await concluded) as Extract<ServerEvent, { type: 'incident' }>
    expect(incident.trigger).toMatchObject({ kind: 'alert', rule: 'pods' })
    const meant = { namespace: 'redis', pod: driven?.name, container: 'redis-exporter', workload: 'deploy/redis' }
    expect(incident.target).toMatchObject({ kind: 'container', ...meant, runtime: 'go', comm: 'prometheus-redi' })
    expect(incident.target.containerId).toBe(driven?.containers['redis-exporter']?.id)

    // The alert came seconds after the beginning, which is there all the same, with what was normal before it.
    const [alert] = incident.alerts ?? []
    expect(alert?.because).toMatch(/^by label/)
    expect(alert?.startsMs).toBeGreaterThan(began + 2000)
    expect(incident.onsetMs).toBeGreaterThan(began - 1500)
    expect(incident.onsetMs).toBeLessThan(alert?.startsMs as number)
    const [capture] = (await up.client.get('/api/v1/incidents/{id}', { params: { id: incident.id } })).captures
    expect(capture?.fromMs).toBeLessThan(incident.onsetMs)
    const during = { params: { id: incident.id }, query: { phase: 'during' as const } }
    const rows = (await up.client.get('/api/v1/incidents/{id}/threads', during)).rows.filter((row) => row.isTarget)
    expect(rows[0]?.thread).toBe('prometheus-redi')

    const names = ['redisCpuHigh', 'bareCpuHigh', 'federateCpuHigh']
    const records = await decided(up, ...names)
    expect(records.flatMap(({ decisions }) => decisions.map(({ outcome }) => outcome)).sort()).toEqual([
      'captured',
      'joined',
      'joined',
    ])
    for (const { decisions } of records) expect(decisions).toMatchObject([{ incidentId: incident.id, target: meant }])
    const address = redis.exporterAddress(driven as (typeof redis.pods)[number])
    expect(records.map(({ decisions }) => decisions[0]?.because)).toEqual([
      'by labels pod, container, namespace, node',
      `by label instance: it listens on ${address}`,
      'by labels exported_pod, exported_container, exported_namespace',
    ])
    expect((await up.client.get('/api/v1/incidents')).incidents).toHaveLength(1)
  })

  test('labels that name the exporter of cluster metrics mean the workload beside it', async () => {
    await amtool(monitoring, 'KsmCpuHigh', 'namespace=redis', 'pod=kube-state-metrics-7d9f8-x2x7p', 'deployment=redis')
    const [record] = await decided(up, 'KsmCpuHigh')
    expect(record?.decisions).toMatchObject([{ target: { namespace: 'redis', workload: 'deploy/redis' } }])
    expect(record?.decisions[0]?.because).toBe(
      'by labels deployment, namespace; the label pod names the exporter kube-state-metrics-7d9f8-x2x7p',
    )
  })

  test('an alert about nobody is kept, with the reason', async () => {
    const decisions = async () => {
      const { alerts } = await up.client.get('/api/v1/alerts')
      return alerts.find(({ alert }) => alert.name === 'NobodyKnows')?.decisions
    }
    await expect.poll(decisions).toMatchObject([{ outcome: 'skipped', guard: 'no-target' }])
  })
})

const amtool = async (monitoring: Monitoring, ...alert: string[]): Promise<void> => {
  await promisify(execFile)('amtool', [`--alertmanager.url=${monitoring.alertmanagerUrl}`, 'alert', 'add', ...alert])
}

/** The value of an expression that gives one series. */
async function query({ prometheusUrl }: Monitoring, expression: string): Promise<number | undefined> {
  const response = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
  const value = data.result[0]?.value[1]
  return value === undefined ? undefined : Number(value)
}

test.skipIf(why === undefined)('alerts of real programs: needs root, perf and Debian', () => undefined)
