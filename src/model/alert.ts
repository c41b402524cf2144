// One firing (or its end) of one alert, whoever sent it.
import { z } from 'zod'
import { RuleDecision } from './decision.ts'

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

/** One firing of one series, kept before anything is done about it. */
export const AlertRecord = z.object({
  id: z.string(),
  receivedMs: z.number(),
  alert: Alert,
  /** `queued` until it was decided, also when it has ended by then (`resolvedMs`); `open` while it fires. */
  state: z.enum(['queued', 'open', 'resolved']),
  resolvedMs: z.number().optional(),
  /** What became of it, target by target. */
  decisions: z.array(RuleDecision).default([]),
})
export type AlertRecord = z.infer<typeof AlertRecord>
