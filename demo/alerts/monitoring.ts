// A real Prometheus that scrapes, a real Alertmanager that sends what fires to a webhook, for the demo and for tests.
//
//   const monitoring = await startMonitoring(stage, { dir, webhook: `${url}/hooks/alertmanager`, rules, jobs })
//   await fetch(`${monitoring.prometheusUrl}/api/v1/rules`)
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { stringify } from 'yaml'
import type { DebianPackage } from '../../test/node-tool/packages.ts'
import { DemoFailure, type Stage } from '../stage.ts'

export interface ScrapeTarget {
  /** `10.4.2.17:9121`: also its label `instance`. */
  readonly address: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface ScrapeJob {
  readonly targets: readonly ScrapeTarget[]
  /** `/metrics` when absent. */
  readonly path?: string
  readonly params?: Readonly<Record<string, readonly string[]>>
}

export interface MonitoringOptions {
  /** Configuration and data of both; must be there. */
  readonly dir: string
  /** Where Alertmanager posts to. */
  readonly webhook: string
  /** Sent as bearer token. */
  readonly token?: string
  /** Paths of rule files. */
  readonly rules: readonly string[]
  /** By the label `job`. */
  readonly jobs: Readonly<Record<string, ScrapeJob>>
  /** Any free port of Prometheus when absent. */
  readonly port?: number
  /** From one look to the next; the rate of a rule needs two of them. */
  readonly scrapeEvery?: string
}

export interface Monitoring {
  readonly prometheusUrl: string
  readonly alertmanagerUrl: string
}

export const monitoringPackages: readonly DebianPackage[] = ['prometheus', 'prometheus-alertmanager']

/** Debian's name, and that of the release of the project. */
const alertmanagers = ['prometheus-alertmanager', 'alertmanager']

/** Why there can be no monitoring here, or undefined when there can. */
export function whyNoMonitoring(): string | undefined {
  const missing = [['prometheus'], alertmanagers].filter((names) => find(names) === undefined).map(([name]) => name)
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not found; on Debian: apt-get install ${missing.join(' ')}`
}

function find(names: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Both on free ports of loopback; the stage takes them down. @throws DemoFailure with what they said when they cannot */
export async function startMonitoring(stage: Stage, options: MonitoringOptions): Promise<Monitoring> {
  const { dir, webhook, token, rules, jobs, port = 0, scrapeEvery = '1s' } = options
  const alertmanager = find(alertmanagers)
  const prometheus = find(['prometheus'])
  if (!alertmanager || !prometheus) throw new DemoFailure(whyNoMonitoring() ?? 'not found')
  const write = (name: string, content: object): string => {
    const path = join(dir, name)
    writeFileSync(path, stringify(content))
    return path
  }
  mkdirSync(dir, { recursive: true })

  const http = token === undefined ? {} : { http_config: { authorization: { credentials: token } } }
  const alertmanagerYml = write('alertmanager.yml', {
    // Hardly any wait, so that what the rule itself takes is seen.
    route: { receiver: 'spikecam', group_by: ['alertname'], group_wait: '200ms', group_interval: '1s' },
    receivers: [{ name: 'spikecam', webhook_configs: [{ url: webhook, ...http }] }],
  })
  const sending = stage.start('Alertmanager', alertmanager, [
    `--config.file=${alertmanagerYml}`,
    `--storage.path=${join(dir, 'alertmanager')}`,
    '--web.listen-address=127.0.0.1:0',
    '--cluster.listen-address=',
  ])
  const alertmanagerAddress = await sending.says(listening)

  const prometheusYml = write('prometheus.yml', {
    global: { scrape_interval: scrapeEvery, evaluation_interval: '1s' },
    rule_files: rules,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanagerAddress] }] }] },
    scrape_configs: Object.entries(jobs).map(([name, { targets, path, params }]) => ({
      job_name: name,
      ...(path ? { metrics_path: path } : {}),
      ...(params ? { params } : {}),
      static_configs: targets.map(({ address, labels }) => ({ targets: [address], ...(labels ? { labels } : {}) })),
    })),
  })
  const scraping = stage.start('Prometheus', prometheus, [
    `--config.file=${prometheusYml}`,
    `--storage.tsdb.path=${join(dir, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  const prometheusAddress = await scraping.says(listening)
  await scraping.says(/(Server is ready)/)
  return { prometheusUrl: `http://${prometheusAddress}`, alertmanagerUrl: `http://${alertmanagerAddress}` }
}

/** `msg="Listening on" address=127.0.0.1:45757`: by then port 0 has become one. */
const listening = /msg="Listening on" address=(\S+)/

interface RuleState {
  readonly name: string
  readonly query: string
  readonly state: string
  readonly lastError?: string
}

/** How far an alert has come: what to look at when nothing arrives. */
export async function whereAlertsAre({ prometheusUrl, alertmanagerUrl }: Monitoring): Promise<string> {
  const json = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T
  type Rules = { data: { groups: { rules: RuleState[] }[] } }
  const { groups } = (await json<Rules>(`${prometheusUrl}/api/v1/rules`)).data
  const rules = groups.flatMap(({ rules }) => rules)
  const states = await Promise.all(
    rules.map(async ({ name, query, state, lastError }) => {
      const most = await mostOf(prometheusUrl, query)
      return `${name} is ${lastError || state}, and the most of the last minute is ${most ?? 'unknown'} (${query})`
    }),
  )
  type Targets = { data: { activeTargets: { health: string; lastError: string }[] } }
  const { activeTargets } = (await json<Targets>(`${prometheusUrl}/api/v1/targets?state=active`)).data
  const down = activeTargets.filter(({ health }) => health === 'down')
  const held = await json<unknown[]>(`${alertmanagerUrl}/api/v2/alerts`)
  return [
    `in Prometheus ${states.join(', ') || 'there is no rule'}`,
    ...(down[0] ? [`${down.length} targets cannot be scraped (${down[0].lastError})`] : []),
    `Alertmanager holds ${held.length}`,
  ].join('; ')
}

/** What a rule compares with its threshold, at its greatest. */
async function mostOf(prometheusUrl: string, query: string): Promise<number | undefined> {
  const compared = query.replace(/\s*[<>]=?\s*[\d.]+$/, '')
  const asked = `max(max_over_time((${compared})[1m:1s]))`
  const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(asked)}`)
  const { data } = (await answer.json()) as { data?: { result: { value: [number, string] }[] } }
  const value = data?.result[0]?.value[1]
  return value === undefined ? undefined : Number(Number(value).toFixed(2))
}
