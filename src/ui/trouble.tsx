// A failure as the person should see it: what happened, and the next step.
import { asFailure } from '../model/errors.ts'

export function Trouble({ error, doing }: { error: unknown; doing: string }) {
  const { code, message, advice } = asFailure(error)
  return (
    <div className="trouble" role="alert">
      <p>
        <strong>{doing} did not work.</strong> {message}
      </p>
      <p>
        {advice} <code>{code}</code>
      </p>
    </div>
  )
}
