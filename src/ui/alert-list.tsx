// The alerts of an incident: how long after the beginning each of them came, which is what the ring made up for.
import { printDurationMs } from '../lib/units.ts'
import type { IncidentAlert } from '../model/incident.ts'
import { Moment } from './times.tsx'

export function AlertList({ alerts, onsetMs }: { alerts: readonly IncidentAlert[]; onsetMs: number }) {
  return (
    <ul className="alerts" aria-label="Alerts">
      {alerts.map(({ id, name, receivedMs, resolvedMs, summary, url, because }) => (
        <li key={id}>
          <span className="bell">Alert</span>{' '}
          {url && /^https?:/.test(url) ? (
            <a href={url} rel="noreferrer" target="_blank">
              {name}
            </a>
          ) : (
            <strong>{name}</strong>
          )}{' '}
          came at <Moment ms={receivedMs} />, {printDurationMs(Math.max(0, receivedMs - onsetMs))} after the beginning
          {resolvedMs !== undefined && (
            <>
              , resolved at <Moment ms={resolvedMs} />
            </>
          )}
          {summary && <small>{summary}</small>}
          {because && <small>Target found {because}</small>}
        </li>
      ))}
    </ul>
  )
}
