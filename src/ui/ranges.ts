// Which time "during" and "before" mean for an incident; the same as the phases of the API.
import type { Capture } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import type { TimeRange } from './slice.ts'

export interface Ranges {
  /** What is shown: the brushed range, else from the onset to the end. */
  readonly during: TimeRange
  /** The spike itself, whatever is brushed; all that was recorded where that has nothing of the spike. */
  readonly spike: TimeRange
  /** How much of the spike the capture has; of one that goes on it has a part. */
  readonly covered: 'whole' | 'part' | 'nothing'
  /** The quiet part before the rise; absent when the evidence holds none of it. */
  readonly before: TimeRange | undefined
  /** All that was recorded. */
  readonly all: TimeRange
}

/** A shorter baseline holds a handful of samples at 49 Hz and proves nothing. */
const minBaselineMs = 1000

/** @param brushed milliseconds relative to the onset */
export function rangesOf(incident: Incident, capture: Capture, brushed?: readonly [number, number]): Ranges {
  const all = { fromMs: capture.fromMs, toMs: capture.toMs }
  const { onsetMs, endedMs } = incident
  const episode = clip({ fromMs: onsetMs, toMs: endedMs ?? capture.toMs }, all)
  const isWhole = episode?.fromMs === onsetMs && episode.toMs === endedMs
  const spike = episode ?? all
  const before = incident.baseline && clip(incident.baseline, all)
  const wanted = brushed && {
    fromMs: onsetMs + brushed[0],
    toMs: onsetMs + brushed[1],
  }
  return {
    during: (wanted && clip(wanted, all)) ?? spike,
    spike,
    covered: isWhole ? 'whole' : episode ? 'part' : 'nothing',
    before: before && before.toMs - before.fromMs >= minBaselineMs ? before : undefined,
    all,
  }
}

/** The common part; undefined when there is none. */
function clip(range: TimeRange, within: TimeRange): TimeRange | undefined {
  const fromMs = Math.max(range.fromMs, within.fromMs)
  const toMs = Math.min(range.toMs, within.toMs)
  return fromMs < toMs ? { fromMs, toMs } : undefined
}
