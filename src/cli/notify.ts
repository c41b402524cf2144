// `spikecam rules notify`: who is told when evidence is there, what did not arrive, and a test message.
import type { Client } from '../api/client.ts'
import { printDurationMs } from '../lib/units.ts'
import { exitCodes } from '../model/errors.ts'
import type { Notice } from '../model/notice.ts'
import { note, renderTable, writeForm, writeOut } from './output.ts'
import { printTime } from './print-time.ts'

/** @returns 0; 5 when the receiver did not take the test message */
export async function runNotify(client: Client, name: string | undefined, form: string | undefined): Promise<number> {
  return name === undefined ? listReceivers(client, form) : testReceiver(client, name, form)
}

async function testReceiver(client: Client, name: string, form: string | undefined): Promise<number> {
  const result = await client.post('/api/v1/receivers/{name}/test', { params: { name } })
  const { delivered, answer, tookMs } = result
  if (form === 'json' || form === 'yaml') await writeForm(result, form)
  else if (form === 'name') await writeOut(`${name}\n`)
  else await writeOut(`${name}: ${delivered ? 'taken' : 'not taken'} after ${printDurationMs(tookMs)}: ${answer}\n`)
  return delivered ? 0 : exitCodes.partial
}

/** Of those that did not arrive; enough to see what is wrong. */
const mostShown = 20

async function listReceivers(client: Client, form: string | undefined): Promise<number> {
  const answer = await client.get('/api/v1/receivers')
  const { receivers } = answer
  if (form === 'json' || form === 'yaml') await writeForm(answer, form)
  else if (form === 'name') await writeOut(receivers.map(({ name }) => `${name}\n`).join(''))
  else if (receivers.length === 0) note('Nobody is told: the rule file has no "receivers:"; docs/alerts.md shows how.')
  else {
    const columns = [{ title: 'RECEIVER' }, { title: 'TYPE' }, { title: 'WHERE' }, { title: 'TOLD OF' }]
    const rows = receivers.map(({ name, type, place, rules, byDefault }) => {
      const told = [...rules.map((rule) => `rule ${rule}`), ...(byDefault ? ['spikes that no rule matches'] : [])]
      return [name, type, place, told.join(', ') || 'nothing: no rule names it']
    })
    await writeOut(renderTable(columns, rows))
    await writeOut(await troubles(client))
  }
  return 0
}

async function troubles(client: Client): Promise<string> {
  const of = async (state: 'waiting' | 'failed'): Promise<readonly Notice[]> =>
    (await client.get('/api/v1/notices', { query: { state, limit: mostShown } })).notices
  const rows = [...(await of('waiting')), ...(await of('failed'))].map((notice) => [
    notice.incidentId,
    notice.receiver,
    printNotice(notice),
  ])
  if (rows.length === 0) return ''
  return `\n${renderTable([{ title: 'NOT ARRIVED' }, { title: 'RECEIVER' }, { title: 'WHY' }], rows)}`
}

/** `told at 2026-11-21 03:15:00Z`, `given up: it answered 404`, `tried 3 times, again at …: connect ECONNREFUSED`. */
export function printNotice({ state, sentMs, nextMs, attempts, message }: Notice): string {
  if (state === 'sent') return `told at ${printTime(sentMs ?? 0)}`
  if (state === 'failed') return `given up: ${message ?? 'for an unknown reason'}`
  if (state === 'skipped') return `not told again: ${message ?? ''}`
  if (attempts === 0 || nextMs === undefined) return 'about to be told'
  const times = attempts === 1 ? 'once' : `${attempts} times`
  return `tried ${times}, again at ${printTime(nextMs)}: ${message ?? ''}`
}
