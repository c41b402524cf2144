// From a metric to an incident, over the real programs: a service burns, Prometheus' rule fires, Alertmanager sends, and
// the alert joins the incident that the spike watcher opened long before.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import type { AlertRecord } from '../../src/model/alert.ts'
import { installPackages, whyNoNode } from '../node-tool/packages.ts'
import { until } from '../running-server.ts'
import { type Program, startUp } from './program.ts'

const packages = ['prometheus', 'prometheus-alertmanager'] as const
const canRun = process.getuid?.() === 0 && (await perfVersion()) !== undefined && whyNoNode(packages) === undefined

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

const folder = mkdtempSync(join(tmpdir(), 'spikecam-alert-'))
const children: ChildProcess[] = []
let up: Program
let servicePort: number
let alertmanagerUrl: string

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a program and resolves when it has written what `ready` takes. */
async function startProgram(command: string, args: string[], ready: RegExp): Promise<RegExpExecArray> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let text = ''
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const match = ready.exec(text)
      if (match) resolve(match)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${text}`)))
  })
}

beforeAll(async () => {
  if (!canRun) return
  installPackages(packages)
  const write = (name: string, lines: string): string => {
    writeFileSync(join(folder, name), lines)
    return join(folder, name)
  }
  const [, port] = await startProgram(process.execPath, ['--perf-basic-prof', '-e', service], /^(\d+)/m)
  servicePort = Number(port)
  // Whatever else runs here, it gets the core that the test is about.
  setPriority(children[0]?.pid as number, -15)
  // The alert names only the node; on a busy machine the service is not always the busiest of it.
  const rules = write('rules.yaml', 'rules: [{ name: busiest, limits: { maxTargets: 5 } }]')
  const spikes = ['--spike-cooldown', '0s', '--spike-level', '50%', '--spike-hold', '400ms']
  up = await startUp(['--capture-for', '2s', '--rules', rules, ...spikes], undefined, 's3cret')
  await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)

  const alertmanagerPort = await freePort()
  alertmanagerUrl = `http://127.0.0.1:${alertmanagerPort}`
  write(
    'alertmanager.yml',
    `route: { receiver: spikecam, group_by: [alertname], group_wait: 500ms, group_interval: 1s }
receivers:
  - name: spikecam
    webhook_configs:
      - url: ${up.url}/hooks/alertmanager
        http_config: { authorization: { credentials: s3cret } }
`,
  )
  await startProgram(
    'prometheus-alertmanager',
    [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      '--cluster.listen-address=',
    ],
    /Completed loading of configuration file[\s\S]*Listening on|Listening on[\s\S]*/,
  )
  write(
    'rules.yml',
    `groups:
  - name: cpu
    rules:
      - alert: ServiceCpuHigh
        expr: rate(process_cpu_seconds_total[5s]) > 0.3
        for: 1s
        annotations: { summary: 'the service is at {{ $value }}' }
`,
  )
  write(
    'prometheus.yml',
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${alertmanagerPort}'] }] }] }
scrape_configs:
  - job_name: service
    static_configs: [{ targets: ['127.0.0.1:${servicePort}'], labels: { node: '${hostname()}' } }]
`,
  )
  await startProgram(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/prometheus`,
      `--web.listen-address=127.0.0.1:${await freePort()}`,
    ],
    /Server is ready/,
  )
})

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.removeAllListeners('exit')
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  await up?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** What was decided about an alert, once it was. */
async function decided(name: string): Promise<AlertRecord> {
  const { alerts } = await until(
    () => up.client.get('/api/v1/alerts'),
    (page) => page.alerts.some(({ alert, state }) => alert.name === name && state !== 'queued'),
  )
  return alerts.find(({ alert }) => alert.name === name) as AlertRecord
}

test.runIf(canRun)('a rule of Prometheus fires and its alert joins the incident of the spike', async () => {
  const pid = children[0]?.pid
  const joined = up.event(
    (event) => event.type === 'incident' && event.incident.target.pid === pid && event.incident.alerts !== undefined,
  )
  const began = Date.now()
  await fetch(`http://127.0.0.1:${servicePort}/burn`)
  const { incident } = (await joined) as Extract<ServerEvent, { type: 'incident' }>
  expect(incident.trigger.kind).toBe('spike')
  expect(incident.onsetMs).toBeGreaterThan(began - 2000)
  expect(incident.alerts).toMatchObject([
    { name: 'ServiceCpuHigh', summary: expect.stringContaining('the service is at') },
  ])
  // Scrapes, evaluation, `for` and grouping: by then the ring has long had the beginning.
  expect(incident.alerts?.[0]?.receivedMs).toBeGreaterThan(began + 1500)
  const record = await decided('ServiceCpuHigh')
  expect(record.alert.source).toBe('alertmanager')
  expect(record.decisions.find(({ incidentId }) => incidentId === incident.id)).toMatchObject({
    outcome: 'joined',
    rule: 'busiest',
    because: 'by label node',
  })
})

test.runIf(canRun)('amtool adds an alert about nobody: it is kept, with the reason', async () => {
  await promisify(execFile)('amtool', [
    `--alertmanager.url=${alertmanagerUrl}`,
    'alert',
    'add',
    'NobodyKnows',
    'namespace=shop',
    'pod=no-such-pod',
  ])
  const record = await decided('NobodyKnows')
  expect(record.decisions).toMatchObject([{ outcome: 'skipped', guard: 'no-target' }])
})

test.runIf(canRun)('promtool takes the rules that are shipped', async () => {
  const rules = join(import.meta.dirname, '../../deploy/prometheus/rules.yaml')
  const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', rules])
  expect(stdout).toContain('SUCCESS')
})

test.skipIf(canRun)('alerts of real programs: needs root, perf and Debian', () => undefined)
