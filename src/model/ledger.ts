// Every attempt to capture, also the refused ones: who asked, why, and what became of it.
import { z } from 'zod'
import { Target } from './target.ts'
import { Trigger } from './trigger.ts'

export const LedgerEntry = z.object({
  id: z.string(),
  atMs: z.number(),
  node: z.string(),
  target: Target,
  trigger: Trigger,
  kind: z.string(),
  outcome: z.enum(['accepted', 'refused']),
  /** The limit that said no, such as `per-process`. */
  guard: z.string().optional(),
  captureId: z.string().optional(),
  /** Why it was refused; one sentence with the setting that would change it. */
  message: z.string().optional(),
})
export type LedgerEntry = z.infer<typeof LedgerEntry>
