// `spikecam note`: writes something about an incident, changes it or takes it back, or shows what was written.
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
  const { editNote, removeNote } = options
  if (editNote !== undefined && removeNote !== undefined) {
    throw new Failure('USAGE', 'a note is changed (--edit) or taken back (--remove), not both')
  }
  if (editNote !== undefined && words.length === 0) throw new Failure('USAGE', '--edit wants the new TEXT')
  if (removeNote !== undefined && words.length > 0) throw new Failure('USAGE', '--remove takes no TEXT')
  const text = words.join(' ') === '-' ? readFileSync('/dev/stdin', 'utf8') : words.join(' ')
  if (words.length > 0 && text.trim() === '') throw new Failure('USAGE', 'the note is empty')
  const client = connect(options)
  const params = { id: await resolveIncident(client, word!) }
  const show = async (notes: readonly Note[], isOne: boolean): Promise<void> => {
    if (form === 'json' || form === 'yaml') await writeForm(isOne ? notes[0] : notes, form)
    else if (form === 'name') await writeOut(notes.map(({ id }) => `${id}\n`).join(''))
    else await writeOut(renderNotes(notes))
  }
  const known = async (): Promise<readonly Note[]> =>
    (await client.get('/api/v1/incidents/{id}', { params })).incident.notes ?? []

  const name = editNote ?? removeNote
  if (name !== undefined) {
    const old = noteNamed(await known(), name)
    const path = '/api/v1/incidents/{id}/notes/{note}'
    const named = { params: { ...params, note: old.id } }
    if (editNote === undefined) {
      await client.delete(path, named)
      await show([old], true)
      if (form === undefined) note('It is taken back.')
    } else {
      const { incident } = await client.put(path, { ...named, body: { text } })
      await show(incident.notes?.filter(({ id }) => id === old.id) ?? [], true)
    }
  } else if (words.length > 0) {
    const body = { text, by: nameOf(options) }
    const { incident } = await client.post('/api/v1/incidents/{id}/notes', { params, body })
    await show(incident.notes?.slice(-1) ?? [], true)
  } else {
    const notes = await known()
    await show(notes, false)
    if (notes.length === 0 && form === undefined) {
      note('Nobody wrote anything about it yet; spikecam note ID TEXT does.')
    }
  }
  return 0
}

/** @param name an id, the beginning of one, or `last`. @throws Failure NOT_FOUND when no note or several are meant */
export function noteNamed(notes: readonly Note[], name: string): Note {
  const found = name === 'last' ? notes.slice(-1) : notes.filter(({ id }) => id.startsWith(name))
  if (found.length === 1) return found[0]!
  const ids = (found.length > 0 ? found : notes).map(({ id }) => id).join(', ') || 'none'
  if (found.length > 0) throw new Failure('NOT_FOUND', `${found.length} notes begin with ${name}: ${ids}`)
  throw new Failure('NOT_FOUND', `the incident has no note ${name}; there is: ${ids}`)
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
