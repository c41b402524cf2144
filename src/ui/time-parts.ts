// The parts of a recording that have a name, and what each really holds: not every capture has the whole spike, or any of it.
import { printDurationMs } from '../lib/units.ts'
import type { Incident } from '../model/incident.ts'
import type { Ranges } from './ranges.ts'
import type { TimeRange } from './slice.ts'

export interface TimePart {
  readonly name: string
  /** Absent for what is shown where nobody chooses. */
  readonly range?: TimeRange
}

type Episode = Pick<Incident, 'asked' | 'onsetMs' | 'endedMs'>

/** Long enough for a hundred samples at the deep rate, short enough to show how it began. */
const beginningMs = 1000

/** What is shown by itself comes first. */
export function timeParts(incident: Episode, ranges: Ranges): TimePart[] {
  const { spike, all, covered } = ranges
  const { onsetMs, endedMs } = incident
  if (covered === 'nothing') return [{ name: nameOfSpike(incident, ranges) }]
  const hasBeginning = spike.fromMs === onsetMs
  return [
    { name: nameOfSpike(incident, ranges) },
    {
      name: hasBeginning ? 'its first second' : 'the first recorded second of it',
      range: { fromMs: spike.fromMs, toMs: Math.min(spike.toMs, spike.fromMs + beginningMs) },
    },
    ...(endedMs !== undefined && endedMs < all.toMs
      ? [{ name: `after it (${printDurationMs(all.toMs - endedMs)})`, range: { ...all, fromMs: endedMs } }]
      : []),
    { name: `all that was recorded (${lengthOf(all)})`, range: all },
  ]
}

/** `the spike (6 s)`, `recorded of the spike (4 s of 6 s)`, `the spike, as far as recorded (10 s)` */
function nameOfSpike(incident: Episode, { spike, covered }: Ranges): string {
  const { asked, onsetMs, endedMs } = incident
  if (asked !== undefined) return `the capture (${lengthOf(spike)})`
  if (covered === 'nothing') return `${lengthOf(spike)}, ${distance(incident, spike)}`
  if (covered === 'whole') return `the spike (${lengthOf(spike)})`
  return endedMs === undefined
    ? `the spike, as far as recorded (${lengthOf(spike)})`
    : `recorded of the spike (${lengthOf(spike)} of ${printDurationMs(endedMs - onsetMs)})`
}

/** `10 s, from 1 min after the spike`: which side of it that lies on, and how far away. */
function distance({ onsetMs, endedMs = onsetMs }: Episode, range: TimeRange): string {
  return range.toMs <= onsetMs
    ? `until ${printDurationMs(onsetMs - range.toMs)} before the spike`
    : `from ${printDurationMs(range.fromMs - endedMs)} after the spike`
}

export const lengthOf = ({ fromMs, toMs }: TimeRange): string => printDurationMs(toMs - fromMs)
