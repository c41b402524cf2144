// What the demo prints of an incident, and the files it leaves.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { IncidentDetail } from '../src/api/shapes.ts'
import { printDurationMs } from '../src/lib/units.ts'
import type { Incident } from '../src/model/incident.ts'
import { printTarget } from '../src/model/target.ts'
import { say } from './stage.ts'
import type { Watch } from './watch.ts'

export const root = resolve(import.meta.dirname, '..')
const out = join(root, 'demo', 'out')

/** @param beganMs when the load began that made it spike */
export function printIncident(watch: Watch, detail: IncidentDetail, beganMs: number): void {
  const { incident, captures } = detail
  const { target } = incident
  const at = (ms: number): string => new Date(ms).toISOString().slice(11, 23)
  const after = (ms: number): string => `${ms >= beganMs ? '+' : ''}${printDurationMs(ms - beganMs)}`
  say(`\n${incident.trigger.reason}`)
  const line = (what: string, ms: number | undefined, more = ''): void => {
    if (ms !== undefined) say(`  ${what.padEnd(18)} ${at(ms)}  (${after(ms)}${more})`)
  }
  const [alert] = incident.trigger.kind === 'alert' ? (incident.alerts ?? []) : []
  line(alert ? 'CPU rose' : 'spike began', incident.onsetMs, ' after the load began')
  if (alert) line('CPU fell', incident.endedMs)
  line('alert fired', alert?.startsMs)
  line(alert ? 'webhook came' : 'noticed', alert?.receivedMs ?? incident.noticedMs)
  if (!alert) line('spike ended', incident.endedMs)
  line('alert resolved', alert?.resolvedMs)
  line('evidence complete', incident.evidenceMs)
  if (target.pod) {
    say(`  pod                ${target.namespace}/${target.pod}, of ${target.workload}`)
    say(`  container          ${target.container} (${target.containerId?.slice(0, 12)})`)
  } else say(`  process            ${printTarget(target)}`)
  if (alert?.because) say(`  found              ${alert.because}`)
  printThreads(incident)
  const quality = captures[0]?.quality
  if (quality) say(`  samples            ${quality.samples}, ${quality.lostSamples} lost, event ${quality.event}`)
  say('\nBusiest functions during the spike, share of its CPU:')
  for (const row of incident.top.slice(0, 5)) {
    say(`  ${(row.selfShare * 100).toFixed(1).padStart(5)} %  ${row.function}`)
  }
  say(`\n${watch.url}/incidents/${incident.id}`)
  say(`go tool pprof -top '${watch.url}/api/v1/incidents/${incident.id}/pprof?phase=during'`)
}

function printThreads({ threads = [] }: Incident): void {
  for (const [i, { name, tid, pid, share }] of threads.entries()) {
    const what = i === 0 ? 'busiest threads' : ''
    say(`  ${what.padEnd(19)}${name}, thread ${tid} of process ${pid}: ${(share * 100).toFixed(0)} %`)
  }
}

/** Writes the page and the picture; `name` goes between: `incident.html`, `incident-pod.html`. */
export async function keepIncident({ client }: Watch, { incident }: IncidentDetail, name = ''): Promise<void> {
  mkdirSync(out, { recursive: true })
  const params = { id: incident.id }
  const html = await client.bytes('/api/v1/incidents/{id}/export.html', { params })
  writeFileSync(join(out, `incident${name}.html`), new Uint8Array(await html.arrayBuffer()))
  const svg = await client.bytes('/api/v1/incidents/{id}/flame.svg', { params, query: { phase: 'during' } })
  writeFileSync(join(out, `flame${name}.svg`), new Uint8Array(await svg.arrayBuffer()))
  say(`Written: demo/out/incident${name}.html (one file, opens offline), demo/out/flame${name}.svg`)
}
