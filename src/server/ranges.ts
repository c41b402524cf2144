// Which moments the phases of an incident are, within what its capture covers.
import type { Phase } from '../api/shapes.ts'
import type { Capture } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import type { Incident } from '../model/incident.ts'

/** Milliseconds since the epoch, `fromMs` inclusive, `toMs` not. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** A shorter baseline holds a handful of samples at 49 Hz and proves nothing. */
const minBaselineMs = 1000

type Episode = Pick<Incident, 'onsetMs' | 'endedMs' | 'baseline'>

/**
 *   |-- before --|    |---- during ----|-- after --|
 *   baseline          onset            end         end of the capture
 * @throws Failure EMPTY when the capture holds nothing of this phase
 */
export function phaseRange(phase: Phase, incident: Episode, capture: Pick<Capture, 'fromMs' | 'toMs'>): TimeRange {
  const all = { fromMs: capture.fromMs, toMs: capture.toMs }
  if (phase === 'all') return all
  if (phase === 'before') {
    const range = baselineRange(incident, capture)
    if (!range) throw new Failure('EMPTY', 'the capture holds no quiet second before the rise to compare with')
    return range
  }
  const endMs = Math.min(incident.endedMs ?? all.toMs, all.toMs)
  const range =
    phase === 'during'
      ? { fromMs: Math.max(incident.onsetMs, all.fromMs), toMs: endMs }
      : { fromMs: endMs, toMs: all.toMs }
  if (range.fromMs < range.toMs) return range
  throw new Failure(
    'EMPTY',
    phase === 'during' ? 'the capture does not cover the time of the spike' : 'nothing was recorded after the spike',
  )
}

/** The baseline as far as the capture covers it; undefined when that is too little. */
export function baselineRange(
  incident: Pick<Incident, 'baseline'>,
  capture: Pick<Capture, 'fromMs' | 'toMs'>,
): TimeRange | undefined {
  if (!incident.baseline) return undefined
  const fromMs = Math.max(incident.baseline.fromMs, capture.fromMs)
  const toMs = Math.min(incident.baseline.toMs, capture.toMs)
  return toMs - fromMs >= minBaselineMs ? { fromMs, toMs } : undefined
}
