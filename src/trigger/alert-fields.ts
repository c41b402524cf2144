// Fields of an alert message, read with patience: senders leave out, null or mistype what they do not need.

export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : ''
}

export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Prometheus bounds none of these; 128 labels, one of 4 kB or all of 32, are more than anything that is of use. */
const mostLabels = 128
const mostChars = 4096
const mostOfAll = 32_768

/** A name, or a key that a sender gives. */
export const shortTextOf = (value: unknown): string => textOf(value).slice(0, mostChars)

/** `{"pod": "cart-0", "shard": 3, "zone": null}` gives `{pod: 'cart-0', shard: '3'}`. */
export function labelsOf(value: unknown): Record<string, string> {
  const labels: Record<string, string> = {}
  let chars = 0
  for (const [name, each] of Object.entries(fieldsOf(value)).slice(0, mostLabels)) {
    const [key, text] = [name.slice(0, mostChars), shortTextOf(each)]
    chars += key.length + text.length
    if (chars > mostOfAll) break
    if (text !== '') labels[key] = text
  }
  return labels
}

/** A number of seconds below this is a time before the year 5138, one of milliseconds above it one after March 1973. */
const leastMs = 1e11

/**
 * RFC 3339, or seconds or milliseconds since the epoch, as ms since the epoch. The zero time of Go,
 * `0001-01-01T00:00:00Z`, means "not yet".
 */
export function timeOf(value: unknown): number | undefined {
  const number = numberOf(value)
  const since = number !== undefined && number < leastMs ? number * 1000 : number
  const ms = since ?? (typeof value === 'string' ? Date.parse(value) : Number.NaN)
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/** One text for a set of labels, whatever their order. */
export function labelKey(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join(',')
}

/** Value at `rule.name` or `items.0.id`; undefined where the path leaves the document. */
export function valueAt(document: unknown, path: string): unknown {
  let value: unknown = document
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined
  }
  return value
}
