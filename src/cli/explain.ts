// `spikecam rules explain`: why something was captured, or was not: of an incident, of an alert, or what was decided last.
import type { Client } from '../api/client.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Capture } from '../model/capture.ts'
import type { RuleDecision } from '../model/decision.ts'
import { Failure } from '../model/errors.ts'
import type { Incident } from '../model/incident.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import { printTarget } from '../model/target.ts'
import { resolveIncident } from './connect.ts'
import { note, renderTable, writeForm, writeOut } from './output.ts'
import { printTime } from './print-time.ts'

type Form = string | undefined

/** @param name an incident, an alert, or the beginning of either; absent: what was decided last */
export async function explain(client: Client, name: string | undefined, form: Form): Promise<number> {
  if (name === undefined) return explainLatest(client, form)
  if (name.startsWith('alr-')) return explainAlert(client, name, form)
  return explainIncident(client, await resolveIncident(client, name), form)
}

/** What came last is what somebody asks about; an older alert has a name of its own in the list of the API. */
const mostShown = 20
const mostLooked = 500

/** An alert that nothing came of is in no incident, nor is a spike that a limit refused: where else to look for it? */
async function explainLatest(client: Client, form: Form): Promise<number> {
  const { alerts } = await client.get('/api/v1/alerts', { query: { limit: mostShown } })
  const { entries } = await client.get('/api/v1/triggers', { query: { limit: mostLooked } })
  // What was refused of an alert is said with it.
  const refused = entries.filter(({ outcome, trigger }) => outcome === 'refused' && trigger.kind !== 'alert')
  if (form === 'json' || form === 'yaml') {
    await writeForm({ alerts, refused: refused.slice(0, mostShown) }, form)
    return 0
  }
  const rows = [...alerts.flatMap(rowsOfAlert), ...refused.map(rowOfRefusal)]
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, mostShown)
  if (form === 'name') {
    await writeOut([...new Set(rows.map(({ id }) => id))].map((id) => `${id}\n`).join(''))
    return 0
  }
  if (rows.length === 0) {
    note('No alert has come, and nothing was refused.')
    return 0
  }
  const columns = ['AT', 'ID', 'WHAT', 'WHOM', 'CAME TO'].map((title) => ({ title }))
  await writeOut(
    renderTable(
      columns,
      rows.map(({ atMs, what, whom, became, id }) => [printTime(atMs), id, what, whom, became]),
    ),
  )
  return 0
}

interface LatestRow {
  readonly atMs: number
  readonly what: string
  readonly whom: string
  readonly became: string
  readonly id: string
}

function rowsOfAlert({ id, alert, receivedMs, decisions }: AlertRecord): LatestRow[] {
  const row = { atMs: receivedMs, what: `alert ${alert.name}`, id }
  if (decisions.length === 0) return [{ ...row, whom: '', became: 'waits for its turn, or for an agent to come back' }]
  return decisions.map(({ outcome, guard, message, target, incidentId }) => ({
    ...row,
    whom: target ? printTarget(target) : '',
    became: incidentId
      ? `${outcome}${outcome === 'joined' ? '' : ' as'} ${incidentId}`
      : `${outcome}${guard ? ` by ${guard}` : ''}: ${message}`,
  }))
}

const rowOfRefusal = ({ id, atMs, trigger, kind, target, guard, message }: LedgerEntry): LatestRow => ({
  id,
  atMs,
  what: `${kind}, ${trigger.kind === 'spike' ? 'of a spike' : 'asked for'}`,
  whom: printTarget(target),
  became: `refused${guard ? ` by ${guard}` : ''}: ${message ?? ''}`,
})

async function explainAlert(client: Client, id: string, form: Form): Promise<number> {
  const { alerts } = await client.get('/api/v1/alerts', { query: { limit: mostLooked } })
  const found = alerts.filter((each) => each.id.startsWith(id))
  const [record] = found
  if (!record) throw new Failure('NOT_FOUND', `none of the last ${alerts.length} alerts begins with ${id}`)
  if (found.length > 1) throw new Failure('NOT_FOUND', `${found.length} alerts begin with ${id}`)
  if (form === 'json' || form === 'yaml') {
    await writeForm(record, form)
    return 0
  }
  if (form === 'name') {
    await writeOut(`${record.id}\n`)
    return 0
  }
  const { alert, receivedMs, state, decisions } = record
  const labels = Object.entries({ ...alert.context, ...alert.labels }).map(([label, value]) => `${label}=${value}`)
  await writeOut(`${record.id}: alert ${alert.name} at ${printTime(receivedMs)}, ${state}\n`)
  await writeOut(`  labels: ${labels.join(', ')}\n`)
  for (const each of decisions) {
    const { captures } = each.incidentId
      ? await client.get('/api/v1/incidents/{id}', { params: { id: each.incidentId } })
      : { captures: [] }
    await writeOut(about(each) + (each.outcome === 'captured' ? steps(each, captures) : ''))
  }
  if (decisions.length === 0) await writeOut('  it waits for its turn, or for an agent to come back\n')
  return 0
}

async function explainIncident(client: Client, incidentId: string, form: Form): Promise<number> {
  const { incident, captures } = await client.get('/api/v1/incidents/{id}', { params: { id: incidentId } })
  const alerts = await alertsOf(client, incident)
  const { trigger, decision } = incident
  if (form === 'json' || form === 'yaml') {
    await writeForm({ trigger, ...(decision ? { decision } : {}), alerts }, form)
    return 0
  }
  await writeOut(`${incident.id}: began by ${trigger.kind} (rule ${trigger.rule}): ${trigger.reason}\n`)
  if (trigger.kind === 'spike') {
    await writeOut('besides what the agent captured by itself\n')
    await writeOut(decision ? about(decision) + steps(decision, captures) : '  the rules were not asked yet\n')
  }
  for (const { alert, receivedMs, decisions } of alerts) {
    await writeOut(`alert ${alert.name} at ${printTime(receivedMs)}\n`)
    for (const each of decisions) {
      await writeOut(about(each) + (each.incidentId === incident.id ? steps(each, captures) : ''))
    }
  }
  if (alerts.length === 0) note('No alert is known to be about it.')
  return 0
}

function about({ outcome, guard, rule, message, because }: RuleDecision): string {
  const how = because ? `, target found ${because}` : ''
  return `  ${outcome}${guard ? ` by ${guard}` : ''}${rule ? ` (rule ${rule})` : ''}: ${message}${how}\n`
}

function steps(decision: RuleDecision, captures: readonly Capture[]): string {
  return decision.steps
    .map(({ kind, captureId, message }) => {
      const capture = captures.find(({ id }) => id === captureId)
      const became = capture ? `${captureId} ${capture.state}` : message ? `not captured: ${message}` : 'not begun yet'
      return `    ${kind}: ${became}\n`
    })
    .join('')
}

/** The alerts that the incident names, oldest first, with what was decided about each. */
async function alertsOf(client: Client, { alerts = [] }: Incident): Promise<AlertRecord[]> {
  const wanted = new Set(alerts.map(({ id }) => id))
  const oldestMs = Math.min(...alerts.map(({ receivedMs }) => receivedMs))
  const found: AlertRecord[] = []
  for (let cursor: string | undefined; found.length < wanted.size; ) {
    const page = await client.get('/api/v1/alerts', { query: { limit: mostLooked, cursor } })
    found.push(...page.alerts.filter(({ id }) => wanted.has(id)))
    const last = page.alerts.at(-1)
    if (!page.nextCursor || !last || last.receivedMs < oldestMs) break
    cursor = page.nextCursor
  }
  return found.reverse()
}
