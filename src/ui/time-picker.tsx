// Which part of the time is looked at, as a list to choose from: the chart is for dragging, this for everybody.
import { printDurationMs } from '../lib/units.ts'
import type { Incident } from '../model/incident.ts'
import type { Ranges } from './ranges.ts'
import type { TimeRange } from './slice.ts'
import { lengthOf, timeParts } from './time-parts.ts'

export interface TimePickerProps {
  readonly incident: Incident
  readonly ranges: Ranges
  readonly isBrushed: boolean
  onBrush(range: TimeRange | undefined): void
}

export function TimePicker({ incident, ranges, isBrushed, onBrush }: TimePickerProps) {
  const { during } = ranges
  const parts = timeParts(incident, ranges)
  const chosen = isBrushed ? parts.findIndex(({ range }) => range && isSame(range, during)) : 0
  return (
    <>
      <span className="hint drag">drag over the chart, or look at</span>
      <select
        aria-label="Time that is looked at"
        className={isBrushed ? 'chosen' : undefined}
        value={chosen}
        onChange={(event) => onBrush(parts[Number(event.target.value)]?.range)}
      >
        {chosen < 0 && (
          <option value={-1}>
            {lengthOf(during)} from {printOffset(during.fromMs - incident.onsetMs)}
          </option>
        )}
        {parts.map(({ name }, i) => (
          <option key={name} value={i}>
            {name}
          </option>
        ))}
      </select>
    </>
  )
}

const printOffset = (ms: number): string => `${ms < 0 ? '−' : '+'}${printDurationMs(Math.abs(ms))}`
/** Addresses hold whole milliseconds. */
const isSame = (one: TimeRange, other: TimeRange): boolean =>
  Math.abs(one.fromMs - other.fromMs) < 2 && Math.abs(one.toMs - other.toMs) < 2
