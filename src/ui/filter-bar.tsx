// Which incidents are listed: words, state and time, each a plain form field, and how many that leaves.
import { type RefObject, useId, useState } from 'react'
import { type IncidentState, incidentStates } from '../model/incident.ts'
import {
  backFrom,
  type FilterChange,
  type IncidentFilter,
  isFiltered,
  parseLocal,
  printLocal,
} from './incident-filter.ts'
import './filter-bar.css'

export interface FilterBarProps {
  readonly filter: IncidentFilter
  onFilter(change: FilterChange, options?: { replace?: boolean }): void
  /** `3 incidents`; empty while nobody knows. */
  readonly found: string
  readonly search: RefObject<HTMLInputElement | null>
}

const hourMs = 3_600_000
const backs = { hour: hourMs, day: 24 * hourMs, week: 7 * 24 * hourMs } as const
type Back = keyof typeof backs
const backNames: Record<Back, string> = { hour: 'the last hour', day: 'the last 24 hours', week: 'the last 7 days' }

export function FilterBar({ filter, onFilter, found, search }: FilterBarProps) {
  const [isBetween, setBetween] = useState(false)
  const id = useId()
  const hasTimes = filter.fromMs !== undefined || filter.toMs !== undefined
  const showsTimes = isBetween || hasTimes
  const onTime = (choice: string): void => {
    setBetween(choice !== 'any')
    if (choice === 'any') onFilter({ fromMs: undefined, toMs: undefined })
    // A moment and not "the last hour": what is sent as a link has to show the same later.
    else if (choice in backs) onFilter({ fromMs: backFrom(Date.now(), backs[choice as Back]), toMs: undefined })
  }
  const moment = (key: 'fromMs' | 'toMs', label: string) => (
    <label>
      <span className="caption">{label}</span>
      <input
        type="datetime-local"
        value={printLocal(filter[key])}
        title={filter[key] === undefined ? 'in your time zone' : `${new Date(filter[key]).toISOString()} (UTC)`}
        onChange={(event) => {
          // A half-typed moment is none, and its field must not go away under the fingers.
          setBetween(true)
          onFilter({ [key]: parseLocal(event.target.value) }, { replace: true })
        }}
      />
    </label>
  )
  return (
    <search className="filter">
      <input
        ref={search}
        type="search"
        value={filter.text}
        maxLength={200}
        placeholder="Pod, workload, node, rule, function…  /"
        aria-label="Find incidents: words in pod, namespace, workload, node, command, rule, alert, function, thread or note"
        onChange={(event) => onFilter({ text: event.target.value }, { replace: true })}
      />
      <select
        aria-label="State"
        value={filter.state ?? ''}
        className={filter.state && 'chosen'}
        onChange={(event) => onFilter({ state: (event.target.value || undefined) as IncidentState | undefined })}
      >
        <option value="">any state</option>
        {incidentStates.map((state) => (
          <option key={state}>{state}</option>
        ))}
      </select>
      <select
        aria-label="Time"
        aria-controls={id}
        value={showsTimes ? 'between' : 'any'}
        className={hasTimes ? 'chosen' : undefined}
        onChange={(event) => onTime(event.target.value)}
      >
        <option value="any">any time</option>
        {Object.entries(backNames).map(([back, name]) => (
          <option key={back} value={back}>
            {name}
          </option>
        ))}
        <option value="between">from … to …</option>
      </select>
      <span id={id} className="moments">
        {showsTimes && moment('fromMs', 'from')}
        {showsTimes && moment('toMs', 'to')}
      </span>
      <output className="found">{found}</output>
      {isFiltered(filter) && (
        <button
          type="button"
          onClick={() => {
            setBetween(false)
            onFilter({ text: '', state: undefined, fromMs: undefined, toMs: undefined })
            search.current?.focus()
          }}
        >
          Show all
        </button>
      )}
    </search>
  )
}
