// The top of an incident: one sentence and four facts, so that nothing below has to be read to know what happened.
import type { IncidentDetail } from '../api/shapes.ts'
import { printDurationMs } from '../lib/units.ts'
import type { Capture } from '../model/capture.ts'
import { useSource } from './client-context.tsx'
import type { Headline } from './headline.ts'
import './headline.css'
import { Ago, Day, Moment, useNow } from './times.tsx'

interface HeadProps {
  readonly detail: IncidentDetail
  readonly capture: Capture | undefined
  readonly headline: Headline
}

export function IncidentHead({ detail: { incident }, capture, headline }: HeadProps) {
  const { saved } = useSource()
  const now = useNow()
  const { target } = incident
  return (
    <header className="headline">
      <h1>
        <span className="who">{headline.who}</span> {headline.did}
      </h1>
      <dl className="facts">
        <div className="what">
          <dt>Function</dt>
          <dd>
            {headline.function ? (
              <>
                <span className="share">{headline.function.share}</span>{' '}
                <code title={headline.function.name}>{headline.function.name}</code>
                {headline.through.length > 0 && (
                  <small title={headline.through.join(' → ')}>called through {headline.through.join(' → ')}</small>
                )}
              </>
            ) : (
              <span className="hint">{incident.state === 'capturing' ? 'still recording…' : 'no profile'}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>Compared to normal</dt>
          <dd>
            {headline.compared ?? <span className="hint">no baseline in the evidence</span>}
            {incident.trigger.spike && <small>{incident.trigger.reason}</small>}
          </dd>
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Moment ms={incident.onsetMs} /> <Day ms={incident.onsetMs} />
            <small>
              {!saved && (
                <>
                  <Ago ms={incident.onsetMs} nowMs={now} />,{' '}
                </>
              )}
              noticed after {printDurationMs(incident.noticedMs - incident.onsetMs)}
              {incident.evidenceMs !== undefined &&
                `, evidence after ${printDurationMs(incident.evidenceMs - incident.onsetMs)}`}
            </small>
          </dd>
        </div>
        <div>
          <dt>Where</dt>
          <dd>
            {target.pod
              ? `${target.namespace ?? 'default'}/${target.pod}`
              : target.container || `node ${incident.node}`}
            <small title={target.cmdline}>
              {[target.pod && `node ${incident.node}`, target.workload, target.cmdline ?? target.exe, target.cgroup]
                .filter(Boolean)
                .join(' · ')}
            </small>
          </dd>
        </div>
      </dl>
      {incident.state !== 'complete' && (
        <p className={`state ${incident.state}`}>
          {stateText[incident.state]} {incident.message ?? capture?.message ?? ''}
        </p>
      )}
    </header>
  )
}

const stateText = {
  capturing: 'Recording goes on; this page fills in by itself.',
  partial: 'The evidence is partial.',
  failed: 'The capture failed.',
  complete: '',
} as const
