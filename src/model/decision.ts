// What the rules decided about one target: one that an alert named, or one whose CPU spiked.
import { z } from 'zod'
import { Target } from './target.ts'

export const DecisionStep = z.object({
  kind: z.string(),
  forMs: z.number(),
  /** Named before it is begun: who is killed in between begins nothing twice. */
  captureId: z.string(),
  /** Why nothing came of it, where that turned out only when it was to begin. */
  message: z.string().optional(),
})

export const RuleDecision = z.object({
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
  steps: z.array(DecisionStep).default([]),
})
export type RuleDecision = z.infer<typeof RuleDecision>
