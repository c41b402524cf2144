// `spikecam list`: the incidents of a server, newest first.
import type { Config } from '../config.ts'
import { parseDurationMs, printShare } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import type { Incident } from '../model/incident.ts'
import { printTarget } from '../model/target.ts'
import { connect } from './connect.ts'
import { note, readOutput, renderTable, writeForm, writeOut } from './output.ts'
import { printTime } from './print-time.ts'

/** The server gives at most this many at once (src/api/routes.ts). */
const pageSize = 500

export async function runList({ options, given, args }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'wide', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const client = connect(options)
  const most = form === undefined || form === 'wide' || given.has('limit') ? options.limit : Number.POSITIVE_INFINITY
  const { namespace, text, state } = options
  const [from, to] = [readMoment('since', options.since), readMoment('before', options.before)]
  const wanted = { pod: args[0]?.replace(/^pod\//, ''), namespace, text, state, from, to }
  const isAll = Object.values(wanted).every((each) => each === undefined)
  const incidents: Incident[] = []
  let cursor: string | undefined
  do {
    const limit = Math.min(pageSize, most - incidents.length)
    const page = await client.get('/api/v1/incidents', { query: { ...wanted, limit, cursor } })
    incidents.push(...page.incidents)
    cursor = page.nextCursor
  } while (cursor !== undefined && incidents.length < most)

  if (form === 'json' || form === 'yaml') await writeForm(incidents, form)
  else if (form === 'name') await writeOut(incidents.map(({ id }) => `${id}\n`).join(''))
  else if (incidents.length === 0)
    note(
      isAll
        ? 'No incidents: nothing has spiked since this server began.'
        : 'No incidents like that; fewer options show more.',
    )
  else await writeOut(renderIncidents(incidents, form === 'wide'))
  if (cursor !== undefined && most === options.limit) note(`There are more: --limit ${options.limit * 10}`)
  return 0
}

/**
 * `2026-11-21T03:00Z`, as the server reads it, or `2h`: so long ago.
 * @throws Failure USAGE
 */
export function readMoment(flag: string, text: string | undefined, nowMs = Date.now()): string | undefined {
  if (text === undefined) return undefined
  const agoMs = /[a-z]$/.test(text) ? parseDurationMs(text) : undefined
  if (agoMs !== undefined) return new Date(nowMs - agoMs).toISOString()
  if (/^\d+$/.test(text) || Number.isFinite(Date.parse(text))) return text
  throw new Failure(
    'USAGE',
    `--${flag}: "${text}" is no moment: expected for example 2026-11-21T03:15Z, or 2h for two hours ago`,
  )
}

function renderIncidents(incidents: readonly Incident[], isWide: boolean): string {
  const columns = [
    { title: 'ID' },
    { title: 'BEGAN' },
    { title: 'STATE' },
    { title: 'TARGET', least: 22 },
    { title: 'THREAD', least: 10 },
    { title: 'TOP FUNCTION', least: 24 },
    ...(isWide ? [{ title: 'NODE' }, { title: 'REASON' }] : []),
  ]
  const rows = incidents.map((incident) => {
    const top = incident.top[0]
    return [
      incident.id,
      printTime(incident.onsetMs),
      incident.state,
      printTarget(incident.target),
      incident.threads?.[0]?.name ?? '',
      top ? `${top.function} ${printShare(top.selfShare, 1)}` : '',
      ...(isWide ? [incident.node, incident.trigger.reason] : []),
    ]
  })
  return renderTable(columns, rows)
}
