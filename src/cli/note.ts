// `spikecam note`: writes something about an incident, or shows what was written.
import { readFileSync } from 'node:fs'
import type { Config } from '../config.ts'
import { Failure } from '../model/errors.ts'
import type { Note } from '../model/incident.ts'
import { connect, resolveIncident } from './connect.ts'
import { note, readOutput, writeForm, writeOut } from './output.ts'
import { nameOf } from './pin.ts'
import { printTime } from './print-time.ts'

export async function runNote({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const [word, ...words] = args
  const client = connect(options)
  const params = { id: await resolveIncident(client, word!) }
  const text = words.join(' ') === '-' ? readFileSync('/dev/stdin', 'utf8') : words.join(' ')
  if (words.length > 0 && text.trim() === '') throw new Failure('USAGE', 'the note is empty')
  const isNew = words.length > 0
  const { incident } = isNew
    ? await client.post('/api/v1/incidents/{id}/notes', { params, body: { text, by: nameOf(options) } })
    : await client.get('/api/v1/incidents/{id}', { params })
  const notes = incident.notes ?? []
  const shown = isNew ? notes.slice(-1) : notes
  if (form === 'json' || form === 'yaml') await writeForm(isNew ? shown[0] : shown, form)
  else if (form === 'name') await writeOut(shown.map(({ id }) => `${id}\n`).join(''))
  else if (shown.length > 0) await writeOut(renderNotes(shown))
  else note('Nobody wrote anything about it yet; spikecam note ID TEXT does.')
  return 0
}

/** `2026-11-21 03:15:00Z ada: restarted cart`, further lines under the first. */
export function renderNotes(notes: readonly Note[]): string {
  return notes
    .map(({ atMs, by, text, editedMs }) => {
      const who = `${printTime(atMs)}${by ? ` ${by}` : ''}${editedMs === undefined ? '' : ' (edited)'}`
      return `${who}: ${text.replaceAll('\n', '\n  ')}\n`
    })
    .join('')
}
