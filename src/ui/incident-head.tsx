// The top of an incident: one sentence and four facts, so that nothing below has to be read to know what happened.
import type { IncidentDetail } from '../api/shapes.ts'
import { printDurationMs } from '../lib/units.ts'
import type { Capture } from '../model/capture.ts'
import type { BusyThread, Incident } from '../model/incident.ts'
import { isCompanion } from '../model/outcome.ts'
import { AlertList } from './alert-list.tsx'
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
  // Threads and the like have no function that stands for them; what the probe says in a sentence does.
  const found = headline.function || !incident.asked ? undefined : foundOf(capture)
  return (
    <header className="headline">
      <h1>
        <span className="who">{headline.who}</span> {headline.did}
      </h1>
      <dl className="facts">
        <div className="what">
          <dt>{found ? 'Found' : incident.asked === 'goroutines' ? 'Most of them began in' : 'Function'}</dt>
          <dd>
            {found ? (
              <small title={found}>{found}</small>
            ) : headline.function ? (
              <>
                <span className="share">{headline.function.share}</span>{' '}
                <code title={headline.function.name}>{headline.function.name}</code>
                {headline.nameless && <small>{headline.nameless}</small>}
                {headline.mostly && <small>{headline.mostly}</small>}
                {headline.through.length > 0 && (
                  <small title={headline.through.join(' → ')}>called through {headline.through.join(' → ')}</small>
                )}
                {headline.threads && (
                  <small title={incident.threads?.map(numbersOf).join(', ')}>{headline.threads}</small>
                )}
              </>
            ) : (
              <span className="hint">
                {incident.state === 'capturing' ? 'still recording…' : whyNoFunction(incident)}
              </span>
            )}
          </dd>
        </div>
        <div>
          {incident.asked === undefined ? (
            <>
              <dt>Compared to normal</dt>
              <dd>
                {headline.compared ?? <span className="hint">no baseline in the evidence</span>}
                {incident.trigger.spike && <small>{incident.trigger.reason}</small>}
              </dd>
            </>
          ) : (
            <>
              <dt>Asked for</dt>
              <dd>
                {incident.asked}
                <small>{incident.trigger.reason}</small>
                {incident.trigger.forced && <small>forced: {incident.trigger.forced}</small>}
              </dd>
            </>
          )}
        </div>
        <div>
          <dt>Since</dt>
          <dd>
            <Moment ms={incident.onsetMs} /> <Day ms={incident.onsetMs} />
            <small>
              {!saved && (
                <>
                  <Ago ms={incident.onsetMs} nowMs={now} />
                  {(incident.asked === undefined || incident.evidenceMs !== undefined) && ', '}
                </>
              )}
              {[
                incident.asked === undefined &&
                  `noticed after ${printDurationMs(incident.noticedMs - incident.onsetMs)}`,
                incident.evidenceMs !== undefined &&
                  `evidence after ${printDurationMs(incident.evidenceMs - incident.onsetMs)}`,
              ]
                .filter(Boolean)
                .join(', ')}
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
              {[
                target.pod && `node ${incident.node}`,
                target.workload,
                target.cmdline ?? target.exe,
                target.cgroup !== '/' && target.cgroup,
              ]
                .filter(Boolean)
                .join(' · ')}
            </small>
          </dd>
        </div>
      </dl>
      {incident.alerts && incident.alerts.length > 0 && (
        <AlertList alerts={incident.alerts} onsetMs={incident.onsetMs} />
      )}
      {incident.state !== 'complete' && (
        <p className={`state ${incident.state}`}>
          {stateText[incident.state]} {incident.message ?? capture?.message ?? ''}
        </p>
      )}
    </header>
  )
}

/** Where it is not complete, the line of its state says the same below. */
const whyNoFunction = ({ state, message }: Incident): string =>
  state === 'complete' && message ? message : 'no profile'

/** What `top -H` on the node calls the thread. */
const numbersOf = ({ name, tid, pid }: BusyThread): string => `${name}: thread ${tid} of process ${pid}`

/** What the first probe that was asked for says of itself. */
const foundOf = (capture: Capture | undefined): string | undefined =>
  capture?.probes.find(
    ({ probe, outcome, message }) => message && /^(ok|partial)$/.test(outcome) && !isCompanion(capture.kind, probe),
  )?.message

const stateText = {
  capturing: 'Recording goes on; this page fills in by itself.',
  partial: 'The evidence is partial.',
  failed: 'The capture failed.',
  complete: '',
} as const
