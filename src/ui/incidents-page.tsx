// All incidents, newest first, live: each row already answers which function in which process, how much and when.
import { useCallback, useMemo, useRef } from 'react'
import { readableName } from '../flame/label.ts'
import { printDurationMs, printShare } from '../lib/units.ts'
import type { Incident } from '../model/incident.ts'
import { AgentStrip } from './agent-strip.tsx'
import { CopyButton } from './copy-button.tsx'
import { FilterBar, type FilterBarProps } from './filter-bar.tsx'
import { type Headline, headlineOf } from './headline.ts'
import { changedFilter, type IncidentFilter, isFiltered, parseFilter, printFilter } from './incident-filter.ts'
import { useIncidents, useStatus } from './queries.ts'
import { go, useLinkHandler, usePath, useQuery } from './router.ts'
import { Ago, Day, Moment, useNow } from './times.tsx'
import { Trouble } from './trouble.tsx'
import { useListKeys } from './use-list-keys.ts'
import { useSettled } from './use-settled.ts'
import { useTitle } from './use-title.ts'
import './incidents-page.css'

/** As fast as people type; slower and the list would seem to wait. */
const typingMs = 150

export function IncidentsPage({ isLive }: { isLive: boolean }) {
  const [filter, changeFilter] = useFilter()
  const settled = useSettled(filter, typingMs)
  const incidents = useIncidents(isLive, settled)
  const status = useStatus()
  const now = useNow()
  const search = useRef<HTMLInputElement>(null)
  const clearText = useCallback(() => changeFilter({ text: '' }, { replace: true }), [changeFilter])
  useListKeys(search, clearText)
  const rows = incidents.data?.pages.flatMap((page) => page.incidents)
  useTitle('Spikecam')
  // Where there is one node only, its name in every row tells nobody anything.
  const hasNodes = new Set([...(status.data?.agents ?? []), ...(rows ?? [])].map(({ node }) => node)).size > 1
  // The list may be that of the filter before; without one the server holds none at all.
  const isEmpty = rows?.length === 0 && !isFiltered(settled) && !incidents.isPlaceholderData
  return (
    <main className="incidents">
      {status.error && <Trouble error={status.error} doing="Asking the server" />}
      {status.data && <AgentStrip status={status.data} />}
      <h1>Incidents</h1>
      {rows && !isEmpty && (
        <FilterBar
          filter={filter}
          onFilter={changeFilter}
          found={isFiltered(settled) ? printFound(rows.length, incidents.hasNextPage) : ''}
          search={search}
        />
      )}
      {incidents.error && !status.error && <Trouble error={incidents.error} doing="Loading the incidents" />}
      {!incidents.data && !incidents.error && <p className="wait">Loading the incidents…</p>}
      {isEmpty && <Empty isRecording={status.data?.recording === true} />}
      {rows?.length === 0 && !isEmpty && <p className="wait">No incident is like that.</p>}
      {rows && rows.length > 0 && (
        <ol className="list" aria-busy={incidents.isPlaceholderData}>
          {rows.map((incident) => (
            <IncidentRow key={incident.id} incident={incident} nowMs={now} hasNodes={hasNodes} />
          ))}
        </ol>
      )}
      {incidents.hasNextPage && (
        <p className="older">
          <button type="button" disabled={incidents.isFetchingNextPage} onClick={() => void incidents.fetchNextPage()}>
            Older incidents
          </button>
        </p>
      )}
    </main>
  )
}

/** The filter, kept in the address. */
function useFilter(): [IncidentFilter, FilterBarProps['onFilter']] {
  const query = useQuery()
  const path = usePath()
  const filter = useMemo(() => parseFilter(query), [query])
  const change = useCallback<FilterBarProps['onFilter']>(
    (next, { replace = false } = {}) => {
      const printed = printFilter(changedFilter(filter, next))
      go(printed ? `${path}?${printed}` : path, { replace })
    },
    [filter, path],
  )
  return [filter, change]
}

const printFound = (count: number, hasMore: boolean): string =>
  hasMore ? `the newest ${count}` : `${count} ${count === 1 ? 'incident' : 'incidents'}`

function IncidentRow({ incident, nowMs, hasNodes }: { incident: Incident; nowMs: number; hasNodes: boolean }) {
  const onClick = useLinkHandler()
  const headline = headlineOf(incident, undefined)
  const [top, ...others] = headline.function ? incident.top : []
  return (
    <li>
      <a className="row" href={`/incidents/${encodeURIComponent(incident.id)}`} onClick={onClick}>
        <span className="when">
          <Moment ms={incident.onsetMs} />
          <small>
            <Day ms={incident.onsetMs} />, <Ago ms={incident.onsetMs} nowMs={nowMs} />
          </small>
        </span>
        <span className="what">
          <span className="sentence">
            <b>{headline.who}</b> {headline.did}
          </span>
          <small>{moreOf(incident, headline, hasNodes).join(' · ')}</small>
        </span>
        <span className="top">
          {top ? (
            <>
              <span className="function">
                <span className="share">{printShare(top.selfShare, 1)}</span>{' '}
                <code title={top.function}>{readableName(top.function)}</code>
              </span>
              <small>
                {others
                  .slice(0, 2)
                  .map((row) => `${printShare(row.selfShare, 1)} ${readableName(row.function)}`)
                  .join(' · ')}
              </small>
            </>
          ) : (
            <StateText incident={incident} />
          )}
        </span>
        <span className={`badge ${incident.state}`}>{incident.state}</span>
      </a>
    </li>
  )
}

function moreOf(incident: Incident, headline: Headline, hasNodes: boolean): string[] {
  const { notes, trigger } = incident
  return [
    trigger.kind === 'spike' ? headline.compared : trigger.reason,
    incident.endedMs === undefined && trigger.kind === 'spike' && 'still going on',
    hasNodes && `node ${incident.node}`,
    incident.pin && 'pinned',
    notes && (notes.length === 1 ? 'a note' : `${notes.length} notes`),
    headline.threads,
  ].filter((text) => typeof text === 'string')
}

function StateText({ incident }: { incident: Incident }) {
  if (incident.state === 'capturing') {
    return (
      <span className="hint">
        <span className="pulse" aria-hidden="true" /> recording, noticed after{' '}
        {printDurationMs(incident.noticedMs - incident.onsetMs)}
      </span>
    )
  }
  const isAsked = incident.asked !== undefined && incident.state === 'complete'
  return <span className="hint">{incident.message ?? (isAsked ? `${incident.asked} collected` : 'no profile')}</span>
}

/** A loop that any shell has; it ends by itself. */
const tryIt = "timeout 6 sh -c 'while :; do :; done'"

function Empty({ isRecording }: { isRecording: boolean }) {
  return (
    <section className="empty">
      <h2>{isRecording ? 'Nothing has spiked yet.' : 'Nothing has been recorded yet.'}</h2>
      <p>
        {isRecording
          ? 'The recorder keeps the last minutes of CPU stacks of this node in memory. When a process or container uses far more CPU than before, or nearly a whole core, an incident appears here within a second or two, with what ran before, during and after it.'
          : 'As soon as a recorder runs, incidents appear here by themselves. The line above says what keeps it from recording.'}
      </p>
      <p>To see one now, keep a core busy for six seconds:</p>
      <p className="command">
        <code>{tryIt}</code>
        <CopyButton text={tryIt} label="Copy the command" />
      </p>
    </section>
  )
}
