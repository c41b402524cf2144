// Values of a rule file as people write them: `10m`, `80%`, `3/h`, `4GiB`, `cpu 20s`.
import { z } from 'zod'
import { nearest } from '../lib/nearest.ts'
import { parseBytes, parseDurationMs } from '../lib/units.ts'
import { type CaptureKind, captureKinds } from '../model/capture.ts'

/** A text that `parse` understands, or a problem that says what was expected. */
const text = <T>(parse: (text: string) => T | undefined, what: string) =>
  z.string().transform((value, context): T => {
    const parsed = parse(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom', message: `"${value}" is no ${what}` })
    return z.NEVER
  })

export const Duration = text(parseDurationMs, 'duration: expected for example 500ms, 20s, 10m or 2h')

export const Bytes = text(parseBytes, 'size: expected for example 512MiB or 4GiB')

/** `80%` as 0.8. Of a request it may be more than 100 %. */
export const Share = text((value) => {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(value)
  return match && Number(match[1]) > 0 ? Number(match[1]) / 100 : undefined
}, 'share above zero: expected for example 80%')

export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** What rules look back on is remembered for as long as this, and no limit may be of a longer time. */
export const rememberMs = 24 * 3_600_000

/** `3/h`, `12/d`, `1/10m`; none at all is a rule that is paused. */
export const Rate = text((value): Rate | undefined => {
  const match = /^(\d+)\/(.+)$/.exec(value)
  const span = match?.[2] ?? ''
  const perMs = parseDurationMs(/^\d/.test(span) ? span : `1${span}`)
  return match && perMs && Number(match[1]) > 0 ? { count: Number(match[1]), perMs } : undefined
}, 'rate: expected for example 3/h or 1/10m')

export interface Step {
  readonly kind: CaptureKind
  readonly forMs: number
}

/** How long a step records when it does not say. */
export const defaultForMs = 20_000
/** As for people who ask for a capture (`--for`): what takes longer is no look at an incident. */
const mostForMs = 600_000

/** `threads`, `cpu 20s`. */
export const Step = z.string().transform((text, context): Step => {
  const [kind = '', duration, ...rest] = text.trim().split(/\s+/)
  const forMs = duration === undefined ? defaultForMs : parseDurationMs(duration)
  const known = captureKinds.find((each) => each === kind)
  const isLong = forMs !== undefined && forMs > mostForMs
  if (known && forMs !== undefined && !isLong && rest.length === 0) return { kind: known, forMs }
  const near = nearest(kind, captureKinds)
  const why = isLong
    ? `"${text}": a capture takes at most 10m`
    : known
      ? `"${text}": expected a kind and how long, for example "cpu 20s"`
      : `there is no capture of "${kind}"${near ? `; did you mean "${near}"?` : `; there is: ${captureKinds.join(', ')}`}`
  context.addIssue({ code: 'custom', message: why })
  return z.NEVER
})
