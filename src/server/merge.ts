// What is kept when a document arrives that is there already: messages are repeated, and an old repeat must not undo
// what came after it. States only go forward; what the older document lacks it may still bring.
import type { Capture, CaptureState } from '../model/capture.ts'
import type { Incident, IncidentState } from '../model/incident.ts'

/** `failed` and `partial` may be the server's own guess about a silent agent, so an agent that returns can better them. */
const captureOrder: Record<CaptureState, number> = {
  recording: 0,
  uploading: 1,
  refused: 2,
  cancelled: 2,
  failed: 3,
  partial: 4,
  complete: 5,
}

const incidentOrder: Record<IncidentState, number> = { capturing: 0, failed: 1, partial: 2, complete: 3 }

/** States in which a capture is still under way. */
export const activeStates = ['recording', 'uploading'] as const satisfies readonly CaptureState[]

export function isActive(state: CaptureState): boolean {
  return (activeStates as readonly string[]).includes(state)
}

export function mergeCapture(old: Capture | undefined, incoming: Capture): Capture {
  if (!old) return incoming
  const isNews = captureOrder[incoming.state] >= captureOrder[old.state]
  const [first, second] = isNews ? [old, incoming] : [incoming, old]
  // A message belongs to the state it explains: `failed: no news` must not stay on a capture that completed.
  const { message: _, ...rest } = first
  return {
    ...(first.state === second.state ? first : rest),
    ...second,
    probes: second.probes.length > 0 ? second.probes : first.probes,
    // Who ordered it knows best why: the agent is not told how bad the occasion was.
    ...(old.order ? { order: old.order, trigger: old.trigger } : {}),
  }
}

export function mergeIncident(old: Incident | undefined, incoming: Incident): Incident {
  if (!old) return incoming
  const isNews = incidentOrder[incoming.state] >= incidentOrder[old.state]
  const [first, second] = isNews ? [old, incoming] : [incoming, old]
  const { message: _, ...rest } = first
  return {
    ...(first.state === second.state ? first : rest),
    ...second,
    // Only the server counts functions; the agent sends an empty list.
    top: incoming.top.length > 0 && isNews ? incoming.top : old.top,
    // Neither does it know what people said; a copy read before a note was taken back must not bring it back.
    pin: old.pin,
    notes: old.notes,
  }
}

/** The state of an incident from those of its captures. */
export function incidentState(states: readonly CaptureState[]): IncidentState {
  if (states.length === 0 || states.some(isActive)) return 'capturing'
  if (states.every((state) => state === 'complete')) return 'complete'
  return states.some((state) => state === 'complete' || state === 'partial') ? 'partial' : 'failed'
}
