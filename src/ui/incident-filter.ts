// Which incidents the list shows, as its query string: `?text=cart+evilRegex&state=failed&from=2026-11-21T03:00:00.000Z`.
// The words are those of the API; times are moments, so that a link shows tomorrow what it shows now.
import { type IncidentState, incidentStates } from '../model/incident.ts'

export interface IncidentFilter {
  /** Words that each stand somewhere in what a row says; empty: any. */
  readonly text: string
  readonly state?: IncidentState
  /** Milliseconds since the epoch: what lies partly or wholly within. */
  readonly fromMs?: number
  readonly toMs?: number
}

export type FilterChange = { readonly [K in keyof IncidentFilter]?: IncidentFilter[K] | undefined }

export const noFilter: IncidentFilter = { text: '' }

export function changedFilter(filter: IncidentFilter, change: FilterChange): IncidentFilter {
  const { text, state, fromMs, toMs } = { ...filter, ...change }
  return {
    text: text ?? '',
    ...(state && { state }),
    ...(fromMs !== undefined && { fromMs }),
    ...(toMs !== undefined && { toMs }),
  }
}

/** What cannot be read is as if it were not there. */
export function parseFilter(query: string): IncidentFilter {
  const params = new URLSearchParams(query)
  return changedFilter(noFilter, {
    text: params.get('text') ?? '',
    state: incidentStates.find((state) => state === params.get('state')),
    fromMs: parseMoment(params.get('from')),
    toMs: parseMoment(params.get('to')),
  })
}

/** The query string without `?`; empty when everything is shown. */
export function printFilter(filter: IncidentFilter): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(filterQuery(filter))) params.set(key, value)
  // A colon is no delimiter in a query, and people read these moments.
  return params.toString().replaceAll('%3A', ':')
}

/** What the API is asked with. */
export function filterQuery({ text, state, fromMs, toMs }: IncidentFilter): Record<string, string> {
  return {
    ...(text.trim() && { text }),
    ...(state && { state }),
    ...(fromMs !== undefined && { from: new Date(fromMs).toISOString() }),
    ...(toMs !== undefined && { to: new Date(toMs).toISOString() }),
  }
}

export const isFiltered = (filter: IncidentFilter): boolean => Object.keys(filterQuery(filter)).length > 0

function parseMoment(text: string | null): number | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isFinite(ms) ? ms : undefined
}

const minuteMs = 60_000

/** `2026-11-21T04:15`, as the input for a moment has it: the clock on the wall, to the minute. */
export function printLocal(ms: number | undefined): string {
  if (ms === undefined) return ''
  const shifted = ms - new Date(ms).getTimezoneOffset() * minuteMs
  return new Date(shifted).toISOString().slice(0, 16)
}

/** Undefined while it is being typed. */
export const parseLocal = (text: string): number | undefined => parseMoment(text)

/** So far back from now, on the minute. */
export const backFrom = (nowMs: number, backMs: number): number => Math.floor((nowMs - backMs) / minuteMs) * minuteMs
