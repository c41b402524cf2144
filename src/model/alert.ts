// One firing (or its end) of one alert, whoever sent it.
import { z } from 'zod'
import { Target } from './target.ts'

export const alertSources = ['alertmanager', 'grafana', 'grafana-legacy', 'mapped'] as const
export type AlertSource = (typeof alertSources)[number]

const Labels = z.record(z.string(), z.string())

export const Alert = z.object({
  source: z.enum(alertSources),
  status: z.enum(['firing', 'resolved']),
  /** Name of the rule that the monitoring system evaluates. */
  name: z.string(),
  /** Same for all firings of one series: `alertmanager:95b0d55494c1fccd`. */
  series: z.string(),
  /** Same for all series of one rule; a sender that tells only of rules resolves them all with it. */
  group: z.string(),
  /** Labels of the series. */
  labels: Labels,
  /** Labels of the group or the rule: what is not among the labels may be here. */
  context: Labels.default({}),
  annotations: Labels.default({}),
  /** When it began to fire. Absent where the sender does not say: then the first message counts. */
  startsMs: z.number().optional(),
  endsMs: z.number().optional(),
  value: z.number().optional(),
  /** Page of the sender about it. */
  url: z.string().optional(),
})
export type Alert = z.infer<typeof Alert>

/** What one message told. */
export interface AlertMessage {
  readonly source: AlertSource
  readonly alerts: readonly Alert[]
  /** Groups that do not fire any more, without saying which series did. */
  readonly resolvedGroups: readonly string[]
  /** What of the message asks for nothing, and why. */
  readonly skipped: readonly { readonly what: string; readonly why: string }[]
  /** Alerts that the sender left out because they were too many. */
  readonly truncated: number
}

/** What became of an alert, target by target. */
export const AlertDecision = z.object({
  atMs: z.number(),
  /** The rule that was first to match; absent when none did. */
  rule: z.string().optional(),
  /** `captured`; `joined`: an incident has its evidence already; `refused` by a limit; `skipped`: nothing to be done. */
  outcome: z.enum(['captured', 'joined', 'refused', 'skipped']),
  guard: z.string().optional(),
  /** One sentence: why, and for `skipped` what would change it. */
  message: z.string(),
  /** How the target was found: `by labels pod, container`. */
  because: z.string().optional(),
  target: Target.optional(),
  incidentId: z.string().optional(),
  /** Captures that were asked for, in order; the next begins when the one before it has ended. */
  steps: z.array(z.object({ kind: z.string(), forMs: z.number(), captureId: z.string() })).default([]),
})
export type AlertDecision = z.infer<typeof AlertDecision>

/** One firing of one series, kept before anything is done about it. */
export const AlertRecord = z.object({
  id: z.string(),
  receivedMs: z.number(),
  alert: Alert,
  /** `queued` until it was decided; `open` while it fires. */
  state: z.enum(['queued', 'open', 'resolved']),
  resolvedMs: z.number().optional(),
  decisions: z.array(AlertDecision).default([]),
})
export type AlertRecord = z.infer<typeof AlertRecord>
