// Which of an incident's captures is looked at; a rule may have asked for several, and people for more.
import type { Capture } from '../model/capture.ts'
import './capture-picker.css'
import { Moment } from './times.tsx'

export interface CapturePickerProps {
  readonly captures: readonly Capture[]
  readonly shown: Capture
  onCapture(capture: Capture): void
}

export function CapturePicker({ captures, shown, onCapture }: CapturePickerProps) {
  if (captures.length < 2) return null
  return (
    <nav className="captures" aria-label="Captures">
      <span className="caption">Captures</span>
      {captures
        .toSorted((a, b) => a.requestedMs - b.requestedMs)
        .map((capture) => (
          <button
            key={capture.id}
            type="button"
            aria-pressed={capture.id === shown.id}
            title={capture.trigger.reason}
            onClick={() => onCapture(capture)}
          >
            {capture.kind}{' '}
            <small>
              <Moment ms={capture.requestedMs} />
              {capture.state !== 'complete' && `, ${capture.state}`}
            </small>
          </button>
        ))}
    </nav>
  )
}
