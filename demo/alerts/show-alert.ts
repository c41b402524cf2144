// The way of an alert, over real programs: something burns for six seconds, Prometheus' rule becomes true, Alertmanager
// posts, and Spikecam, whose own spike watcher is off, captures whom the labels mean. By then the load is over.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { printDurationMs } from '../../src/lib/units.ts'
import type { Incident } from '../../src/model/incident.ts'
import type { Target } from '../../src/model/target.ts'
import { keepIncident, printIncident } from '../report.ts'
import { DemoFailure, type Stage, say } from '../stage.ts'
import { catchSpike, type Watch } from '../watch.ts'
import { type ScrapeJob, startMonitoring, whereAlertsAre } from './monitoring.ts'

/** Something that is scraped and can be made to burn. */
export interface Burner {
  /** For people: `the exporter of redis-… (container redis-exporter)`. */
  readonly name: string
  burn(): Promise<unknown>
  /** Why a target is not what burned; undefined when it is. */
  whyNotIt(target: Target): string | undefined
}

/** The watcher is off when nothing can reach its level: the alert alone is to tell. */
export const alertsAlone = ['--spike-level', '100000%', '--spike-jump', '100000%']
export const rulesOfDemo = ['--rules', join(import.meta.dirname, 'spikecam-rules.yaml')]

/** Long enough before the load for a rate, and for a baseline that the rise can be seen against. */
const idleMs = Number(process.env.DEMO_IDLE_SECONDS ?? 15) * 1000
const alertName = 'CpuHigh'

/** @returns the id of the incident. @throws DemoFailure when there is none within a minute, or it is of somebody else */
export async function showAlert(
  stage: Stage,
  watch: Watch,
  { jobs, burner }: { jobs: Readonly<Record<string, ScrapeJob>>; burner: Burner },
): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'spikecam-monitoring-'))
  stage.atEnd(() => rmSync(dir, { recursive: true, force: true }))
  say('Starting Prometheus and Alertmanager …')
  const monitoring = await startMonitoring(stage, {
    dir,
    webhook: `${watch.url}/hooks/alertmanager`,
    rules: [join(import.meta.dirname, 'cpu-rules.yml')],
    jobs,
  })
  const targets = Object.values(jobs).flatMap((job) => job.targets)
  say(`  ${monitoring.prometheusUrl} scrapes ${targets.length} of them every second; its rule: CpuHigh, busy for 5 s`)
  say(`  ${monitoring.alertmanagerUrl} posts to ${watch.url}/hooks/alertmanager`)
  say(`Letting them idle for ${printDurationMs(idleMs)} …`)
  await sleep(idleMs)

  say(`\nMaking one of them burn for 6 s: ${burner.name} …`)
  let loadEndedMs = Number.NaN
  const { detail, beganMs } = await catchSpike(
    watch,
    async () => {
      await burner.burn()
      loadEndedMs = Date.now()
    },
    { isMeant, why: () => whyNothing(watch, () => whereAlertsAre(monitoring)) },
  )
  printIncident(watch, detail, beganMs)
  const { incident } = detail
  const wrong = burner.whyNotIt(incident.target)
  if (wrong) throw new DemoFailure(`the incident is of somebody else: ${wrong}`)
  const lateMs = incident.noticedMs - loadEndedMs
  if (lateMs > 0)
    say(`\nThe webhook came ${printDurationMs(lateMs)} after the load was over: what is shown is from the ring.`)
  if (incident.onsetMs > loadEndedMs) throw new DemoFailure('the ring did not hold the beginning of the load')
  await keepIncident(watch, detail, '-alert')
  return incident.id
}

const isMeant = ({ trigger, alerts }: Incident): boolean =>
  trigger.kind === 'alert' && alerts?.some(({ name }) => name === alertName) === true

/** Where between the metric and the capture it stopped. */
async function whyNothing({ client }: Watch, whereItIs: () => Promise<string>): Promise<string> {
  const { alerts } = await client.get('/api/v1/alerts')
  const decisions = alerts.flatMap(({ decisions }) => decisions.map(({ message }) => message))
  if (alerts.length > 0) return `Spikecam took ${alerts.length} alerts: ${decisions.join('; ') || 'not decided yet'}`
  return `no alert came to Spikecam; ${await whereItIs()}`
}
