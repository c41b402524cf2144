// All keys on one card.
import { useEffect, useRef } from 'react'
import './key-help.css'

const keys: readonly (readonly [string, string])[] = [
  ['/', 'search; Esc clears it'],
  ['n  N', 'next and previous match'],
  ['← → ↑ ↓', 'move from box to box'],
  ['Enter', 'zoom into the box'],
  ['Backspace', 'zoom out by one'],
  ['Esc', 'reset the zoom'],
  ['d  a  b', 'diff, during, before'],
  ['i', 'root at the top or at the bottom'],
  ['Ctrl + wheel', 'zoom at the pointer; wheel sideways pans'],
]

export function KeyHelp({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} className="keys" onClose={onClose} aria-label="Keys">
      <dl>
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}
