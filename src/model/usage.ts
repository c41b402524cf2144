// CPU over time of one target, for the chart of an incident.
import { z } from 'zod'

/**
 * A regular series: value i covers [startMs + i*stepMs, +stepMs). CPU in cores (1 = one core fully busy);
 * null where nothing was measured (a gap is a gap, never a zero).
 */
export const UsageSeries = z.object({
  name: z.string(),
  startMs: z.number(),
  stepMs: z.number(),
  cores: z.array(z.number().nullable()),
})
export type UsageSeries = z.infer<typeof UsageSeries>
