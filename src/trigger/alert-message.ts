// From the body of a webhook to alerts: tells the senders apart by what their messages hold, not by the path.
import type { AlertMessage, AlertSource } from '../model/alert.ts'
import { Failure } from '../model/errors.ts'
import { fieldsOf } from './alert-fields.ts'
import { isAlertmanager, isGrafana, readAlertGroup } from './alert-groups.ts'
import { isGrafanaLegacy, readGrafanaLegacy } from './alert-legacy.ts'
import { type AlertMapping, readMapped } from './alert-mapping.ts'

export interface AlertReading {
  /** Only what this sender sends, as the path of the request says; without it all forms are tried. */
  readonly expected?: 'alertmanager' | 'grafana'
  /** For messages of no known form. */
  readonly mapping?: AlertMapping
}

/**
 * @param body JSON, of whatever content type it was sent as
 * @throws Failure BAD_REQUEST saying what is wrong with the message
 */
export function readAlertMessage(body: string, { expected, mapping }: AlertReading = {}): AlertMessage {
  const document = parse(body)
  const message = fieldsOf(document)
  const found = sourceOf(message)
  if (found && (expected === undefined || found.startsWith(expected))) return read(message, found)
  const mapped = mapping && readMapped(document, mapping)
  if (mapped) return mapped
  if (found) {
    throw new Failure(
      'BAD_REQUEST',
      `this is a message of ${names[found]}, which is to be sent to /hooks/${path[found]}`,
    )
  }
  throw new Failure('BAD_REQUEST', whyUnknown(document, mapping !== undefined))
}

const names: Record<Exclude<AlertSource, 'mapped'>, string> = {
  alertmanager: 'Alertmanager',
  grafana: 'Grafana',
  'grafana-legacy': "Grafana's legacy alerting",
}
const path: Record<Exclude<AlertSource, 'mapped'>, string> = {
  alertmanager: 'alertmanager',
  grafana: 'grafana',
  'grafana-legacy': 'grafana',
}

function sourceOf(message: Readonly<Record<string, unknown>>): Exclude<AlertSource, 'mapped'> | undefined {
  if (isGrafanaLegacy(message)) return 'grafana-legacy'
  if (isAlertmanager(message)) return 'alertmanager'
  return isGrafana(message) ? 'grafana' : undefined
}

function read(message: Readonly<Record<string, unknown>>, source: Exclude<AlertSource, 'mapped'>): AlertMessage {
  return source === 'grafana-legacy' ? readGrafanaLegacy(message) : readAlertGroup(message, source)
}

/** Rule ids of Grafana's test button are beyond 2^53: such numbers are kept as the text that they were. */
function parse(body: string): unknown {
  try {
    return JSON.parse(body, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
        ? (context?.source ?? value)
        : value,
    )
  } catch (cause) {
    throw new Failure('BAD_REQUEST', `the message is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function whyUnknown(document: unknown, hasMapping: boolean): string {
  const kind = document === null ? 'null' : Array.isArray(document) ? 'a list' : typeof document
  const what = kind === 'object' ? `an object with ${keysOf(document)}` : kind
  const known =
    'expected `alerts` with `version` "4" (Alertmanager) or "1" (Grafana), or `evalMatches` (Grafana before 9)'
  return `this is no alert message that is known: it is ${what}; ${known}${hasMapping ? ', or what alertMapping names' : '; alertMapping in the configuration reads other forms'}`
}

/** Enough to recognise the sender. */
const shownKeys = 8

function keysOf(document: unknown): string {
  const keys = Object.keys(fieldsOf(document))
  if (keys.length === 0) return 'no fields'
  return keys.slice(0, shownKeys).join(', ') + (keys.length > shownKeys ? ', …' : '')
}
