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
  if (covered === 'nothing') return [{ name: `${distance(incident, all)} (${lengthOf(all)})` }]
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

/** `the spike (6 s)`, `the recorded part of the spike (4 s of 6 s)`, `the spike so far as it was recorded (10 s)` */
function nameOfSpike({ asked, onsetMs, endedMs }: Episode, { spike, covered }: Ranges): string {
  if (asked !== undefined) return `the capture (${lengthOf(spike)})`
  if (covered === 'whole') return `the spike (${lengthOf(spike)})`
  return endedMs === undefined
    ? `the spike, as far as it was recorded (${lengthOf(spike)})`
    : `the recorded part of the spike (${lengthOf(spike)} of ${printDurationMs(endedMs - onsetMs)})`
}

/** Which side of the spike it lies on, and how far away. */
function distance({ asked, onsetMs, endedMs }: Episode, all: TimeRange): string {
  if (asked !== undefined) return 'the capture'
  return all.toMs <= onsetMs
    ? `what was recorded until ${printDurationMs(onsetMs - all.toMs)} before the spike`
    : `what was recorded from ${printDurationMs(all.fromMs - (endedMs ?? onsetMs))} after the spike`
}

export const lengthOf = ({ fromMs, toMs }: TimeRange): string => printDurationMs(toMs - fromMs)
