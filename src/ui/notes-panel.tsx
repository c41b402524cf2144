// What people say of an incident, and who was told of it: kept for the meeting on Monday, notes for whoever comes next.
import { useState } from 'react'
import type { IncidentDetail } from '../api/shapes.ts'
import type { Note } from '../model/incident.ts'
import type { Notice } from '../model/notice.ts'
import { useSource } from './client-context.tsx'
import { readName } from './my-name.ts'
import { NoteForm } from './note-form.tsx'
import { useIncidentChange } from './queries.ts'
import { Day, Moment } from './times.tsx'
import { Trouble } from './trouble.tsx'
import './notes-panel.css'

export function NotesPanel({ detail: { incident, notices = [] } }: { detail: IncidentDetail }) {
  const { client, saved } = useSource()
  const [isWriting, setWriting] = useState(false)
  const { change, isBusy, error } = useIncidentChange()
  const { notes = [], pin } = incident
  const params = { id: incident.id }
  const setPin = (): Promise<boolean> =>
    change(() =>
      pin
        ? client.delete('/api/v1/incidents/{id}/pin', { params })
        : client.post('/api/v1/incidents/{id}/pin', { params, body: byMe() }),
    )
  const write = (text: string): Promise<boolean> =>
    change(() => client.post('/api/v1/incidents/{id}/notes', { params, body: { text, ...byMe() } }))
  if (saved && notes.length === 0 && !pin && notices.length === 0) return null
  return (
    <section className="notes" aria-label="Notes">
      {notices.length > 0 && (
        <ul className="told">
          {notices.toReversed().map((notice) => (
            <NoticeRow key={notice.id} notice={notice} />
          ))}
        </ul>
      )}
      {notes.length > 0 && (
        <ol className="note-list">
          {notes.map((note) => (
            <NoteRow key={note.id} note={note} incidentId={incident.id} />
          ))}
        </ol>
      )}
      {isWriting && <NoteForm onSave={write} onEnd={() => setWriting(false)} label="Write a note" isBusy={isBusy} />}
      {error && <Trouble error={error} doing="Changing the incident" />}
      <p className="note-actions">
        {!saved && !isWriting && (
          <button type="button" onClick={() => setWriting(true)}>
            Write a note
          </button>
        )}
        {!saved && (
          <button
            type="button"
            aria-pressed={pin !== undefined}
            disabled={isBusy}
            title={
              pin ? 'Let its evidence go when its time has come' : 'Keep its evidence, whatever its age and the budget'
            }
            onClick={() => void setPin()}
          >
            {pin ? 'Pinned' : 'Pin'}
          </button>
        )}
        {pin && (
          <small>
            Its evidence is kept until it is unpinned; pinned{pin.by && ` by ${pin.by}`} <Day ms={pin.atMs} /> at{' '}
            <Moment ms={pin.atMs} />.
          </small>
        )}
      </p>
    </section>
  )
}

const byMe = (): { by?: string } => {
  const by = readName()
  return by ? { by } : {}
}

function NoteRow({ note, incidentId }: { note: Note; incidentId: string }) {
  const { client, saved } = useSource()
  const [isEdited, setEdited] = useState(false)
  const [isAsked, setAsked] = useState(false)
  const { change, isBusy, error } = useIncidentChange()
  const params = { id: incidentId, note: note.id }
  const path = '/api/v1/incidents/{id}/notes/{note}'
  const rewrite = (text: string): Promise<boolean> => change(() => client.put(path, { params, body: { text } }))
  const remove = (): Promise<boolean> => change(() => client.delete(path, { params }))
  return (
    <li>
      <p className="note-head">
        <b>{note.by ?? 'somebody'}</b>{' '}
        <small>
          <Day ms={note.atMs} /> at <Moment ms={note.atMs} />
          {note.editedMs !== undefined && (
            <>
              , edited <Day ms={note.editedMs} /> at <Moment ms={note.editedMs} />
            </>
          )}
        </small>
        {!saved && !isEdited && (
          <span className="note-tools">
            <button type="button" className="quiet" onClick={() => setEdited(true)} aria-label="Edit this note">
              edit
            </button>
            <button
              type="button"
              className="quiet"
              disabled={isBusy}
              aria-label={isAsked ? 'Really remove this note' : 'Remove this note'}
              // One click too many must not take away what somebody wrote.
              onClick={() => (isAsked ? void remove() : setAsked(true))}
              onBlur={() => setAsked(false)}
            >
              {isAsked ? 'really?' : 'remove'}
            </button>
          </span>
        )}
      </p>
      {isEdited ? (
        <NoteForm
          text={note.text}
          onSave={rewrite}
          onEnd={() => setEdited(false)}
          label="Edit the note"
          isBusy={isBusy}
        />
      ) : (
        <p className="note-text">{withLinks(note.text)}</p>
      )}
      {error && <Trouble error={error} doing="Changing the note" />}
    </li>
  )
}

/** Addresses in a note can be followed; whatever else it holds is text. */
function withLinks(text: string) {
  return text.split(/(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]])/).map((part, index) =>
    index % 2 === 1 ? (
      // The parts of one text never change places.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <a key={index} href={part} target="_blank" rel="noreferrer">
        {part}
      </a>
    ) : (
      part
    ),
  )
}

function NoticeRow({ notice: { receiver, state, sentMs, nextMs, attempts, message } }: { notice: Notice }) {
  return (
    <li className={state}>
      <span className="to">{words[state]}</span>{' '}
      <span>
        {receiver}
        {sentMs !== undefined && (
          <>
            {' '}
            at <Moment ms={sentMs} />
          </>
        )}
        {state !== 'sent' && message && <>: {message}</>}
        {state === 'waiting' && attempts > 0 && nextMs !== undefined && (
          <>
            , again at <Moment ms={nextMs} />
          </>
        )}
      </span>
    </li>
  )
}

const words: Record<Notice['state'], string> = {
  sent: 'Told',
  failed: 'Not told',
  skipped: 'Not told again',
  waiting: 'Telling',
  sending: 'Telling',
}
