// A field for a note, new or old: Ctrl+Enter keeps it, Esc leaves it as it was.
import { type FormEvent, type KeyboardEvent, useState } from 'react'
import { readName, rememberName } from './my-name.ts'

interface NoteFormProps {
  /** Of a note that is changed; its author stays. */
  readonly text?: string
  readonly label: string
  readonly isBusy: boolean
  /** @returns whether it was kept */
  onSave(text: string): Promise<boolean>
  onEnd(): void
}

/** As the API takes it (src/api/shapes.ts). */
const mostCharacters = 8000

export function NoteForm({ text: old, label, isBusy, onSave, onEnd }: NoteFormProps) {
  const [text, setText] = useState(old ?? '')
  const [name, setName] = useState(readName)
  const isEmpty = text.trim() === ''
  const save = async (): Promise<void> => {
    if (isEmpty || isBusy) return
    if (old === undefined) rememberName(name)
    if (await onSave(text)) onEnd()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') onEnd()
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void save()
  }
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault()
    void save()
  }
  return (
    <form className="note-form" onSubmit={onSubmit} onKeyDown={onKeyDown}>
      <textarea
        aria-label={label}
        placeholder="What was found, what was done, a link to the ticket"
        rows={Math.min(12, Math.max(3, text.split('\n').length))}
        maxLength={mostCharacters}
        value={text}
        onChange={(event) => setText(event.target.value)}
        // biome-ignore lint/a11y/noAutofocus: it appears because somebody asked for it
        autoFocus
      />
      <p className="note-actions">
        {old === undefined && (
          <input
            aria-label="Your name"
            placeholder="Your name"
            maxLength={100}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        )}
        <button type="submit" disabled={isEmpty || isBusy} title="Ctrl+Enter">
          Save
        </button>
        <button type="button" className="quiet" onClick={onEnd}>
          Cancel
        </button>
      </p>
    </form>
  )
}
