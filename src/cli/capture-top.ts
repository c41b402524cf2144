// The busiest functions of what a capture was of.
import type { Client } from '../api/client.ts'
import type { CaptureDetail, TopAnswer } from '../api/shapes.ts'
import { kindsWithRing } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'

/** Enough to see who it was; the page and the files have the rest. */
const shownFunctions = 10

/** Undefined when there is no sample of it; what other kinds found is told from their own files. */
export async function topOf(client: Client, { capture }: CaptureDetail): Promise<TopAnswer | undefined> {
  if (capture.incidentId === undefined || !kindsWithRing.includes(capture.kind)) return undefined
  const query = { phase: 'all', capture: capture.id, limit: shownFunctions } as const
  try {
    return await client.get('/api/v1/incidents/{id}/top', { params: { id: capture.incidentId }, query })
  } catch (error) {
    if (error instanceof Failure && (error.code === 'EMPTY' || error.code === 'NOT_FOUND')) return undefined
    throw error
  }
}

/** Whether a folder gets pictures of the target's stacks; other kinds bring files that are of the target alone. */
export const hasStacks = ({ capture }: CaptureDetail, top: TopAnswer | undefined): boolean =>
  top !== undefined && kindsWithRing.includes(capture.kind)
