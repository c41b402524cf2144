// Durations, bytes and shares: read as people type them, printed as people read them.

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads `500ms`, `10s`, `1m30s`, `2h`; a bare number means seconds, as in `sleep`.
 * @returns milliseconds, or undefined when the text is not a duration
 */
export function parseDurationMs(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (durationUnits[unit as string] ?? 0)
  }
  return total
}

/** `850 ms`, `6.2 s`, `3 min 5 s`, `2 h 4 min`. */
export function printDurationMs(ms: number): string {
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (Math.abs(seconds) < 60) return `${Number(seconds.toFixed(1))} s`
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min${whole % 60 ? ` ${whole % 60} s` : ''}`
  return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`
}

const byteUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
}

/** Reads `512`, `10MB`, `64Mi`, `2GiB`; undefined when the text is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim())
  const factor = match && byteUnits[(match[2] ?? '').toLowerCase()]
  return match && factor ? Math.round(Number(match[1]) * factor) : undefined
}

/** `512 B`, `14.3 kB`, `2.0 MB`: decimal units, as `ls --si` and browsers print them. */
export function printBytes(bytes: number): string {
  if (bytes < 0) return `-${printBytes(-bytes)}`
  if (bytes < 1000) return `${bytes} B`
  const names = ['kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = -1
  do {
    value /= 1000
    unit++
  } while (value >= 999.95 && unit < names.length - 1)
  return `${value.toFixed(1)} ${names[unit]}`
}

/** Below that nobody asks for digits, and JavaScript would write `4e-7`. */
const leastPercent = 0.0001

/** A share as a percentage with a digit that matters: `63.4 %`, `0.07 %`, `100 %`, `-75 %` of a difference. */
export function printShare(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const percent = Math.abs(part / whole) * 100
  // 2.51 of 2.5 cores are measured at two moments.
  const digits =
    percent >= 99.95
      ? '100'
      : percent < leastPercent
        ? `<${leastPercent}`
        : String(Number(percent >= 1 ? percent.toFixed(1) : percent.toPrecision(1)))
  return `${part / whole < 0 ? '-' : ''}${digits} %`
}
