// What stands in the place of the picture while there is none: that it comes, or why it never will.
import type { Artifact, Capture } from '../model/capture.ts'

export function NoProfile({ capture, artifact }: { capture: Capture | undefined; artifact: Artifact | undefined }) {
  if (artifact?.evictedMs !== undefined) {
    const day = new Date(artifact.evictedMs).toLocaleDateString()
    return (
      <p className="wait">
        The profile was dropped on {day} to keep within the data budget (--data-budget). The chart is kept.
      </p>
    )
  }
  if (!capture) return <p className="wait">No capture belongs to this incident.</p>
  if (capture.state === 'recording' || capture.state === 'uploading') {
    return (
      <p className="wait" role="status">
        <span className="pulse" aria-hidden="true" />
        {capture.state === 'recording' ? 'Recording the seconds after the trigger…' : 'The evidence is on its way…'}
      </p>
    )
  }
  return (
    <div className="trouble">
      <p>
        <strong>There is no profile.</strong> {capture.message}
      </p>
      <ul>
        {capture.probes.map(({ probe, outcome, message, code }) => (
          <li key={probe}>
            {probe}: {outcome} {message} {code && <code>{code}</code>}
          </li>
        ))}
      </ul>
    </div>
  )
}
