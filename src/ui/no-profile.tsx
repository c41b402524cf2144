// What stands in the place of the picture while there is none: that it comes, or why it never will.
import { type Artifact, type Capture, kindsWithRing } from '../model/capture.ts'

export function NoProfile({ capture, artifact }: { capture: Capture | undefined; artifact: Artifact | undefined }) {
  if (artifact?.evictedMs !== undefined) {
    const day = new Date(artifact.evictedMs).toLocaleDateString()
    return (
      <p className="wait">
        The profile was dropped on {day}, for its age or the data budget (--data-age, --data-budget). The chart is kept.
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
  // Elsewhere the state at the top says what went wrong, and below stands what every probe says.
  if (!kindsWithRing.includes(capture.kind)) return null
  return (
    <div className="trouble">
      <p>
        <strong>There is no profile.</strong> {capture.message}
      </p>
    </div>
  )
}
