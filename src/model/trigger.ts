// Why a capture happens.
import { z } from 'zod'

export const triggerKinds = ['spike', 'alert', 'manual', 'schedule'] as const
export type TriggerKind = (typeof triggerKinds)[number]

/** What the spike watcher saw; all CPU figures are in cores (1 = one core fully busy). */
export const SpikeEvidence = z.object({
  /**
   * `level`: over the threshold for long enough; `jump`: risen over the own recent baseline; `contention`: risen, and over
   * the threshold together with the time that it waited for a CPU.
   */
  cause: z.enum(['level', 'jump', 'contention']),
  cores: z.number(),
  /** What it would have used besides, had its neighbours let it; where that was looked at. */
  waitingCores: z.number().optional(),
  baselineCores: z.number(),
  thresholdCores: z.number(),
  /** How long it had held when it fired. */
  heldMs: z.number(),
})
export type SpikeEvidence = z.infer<typeof SpikeEvidence>

export const Trigger = z.object({
  kind: z.enum(triggerKinds),
  /** Name of the rule that fired, or who asked. */
  rule: z.string(),
  /** One sentence for people: what was seen. */
  reason: z.string(),
  spike: SpikeEvidence.optional(),
  /** How bad it was, as whoever told of it measures; only compared with others of the same rule and workload. */
  severity: z.number().optional(),
  /** Why guards were overridden, in the words of who asked. */
  forced: z.string().optional(),
})
export type Trigger = z.infer<typeof Trigger>
