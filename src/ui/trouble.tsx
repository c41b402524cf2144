// A failure as the person should see it: what happened, and the next step.
import type { ReactNode } from 'react'
import { asFailure } from '../model/errors.ts'

/** @param children where to go from here, where the page has nothing else to show */
export function Trouble({ error, doing, children }: { error: unknown; doing: string; children?: ReactNode }) {
  const { code, message, advice } = asFailure(error)
  return (
    <div className="trouble" role="alert">
      <p>
        <strong>{doing} did not work.</strong> {withCode(message)}
      </p>
      <p>
        {withCode(code === 'UNREACHABLE' ? 'Is the server running, and does this device reach it?' : advice)}{' '}
        <span className="code">{code}</span>
      </p>
      {children}
    </div>
  )
}

/** Failures are written for terminals too: "Run `spikecam list` for incidents". */
function withCode(text: string): ReactNode {
  // Every second part stood between two marks.
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part))
}
