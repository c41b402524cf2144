// Which artifacts to drop so that none is older than it may be and the bytes stay within the budget: oldest first,
// pinned ones never.
import type { HeldArtifact } from './catalog.ts'

export interface EvictionPlan {
  readonly artifactIds: string[]
  /** Blobs that no artifact refers to any more afterwards. */
  readonly sha256s: string[]
  readonly freedBytes: number
  /** Bytes still over the budget, because what is left is pinned. */
  readonly overBytes: number
}

export interface Limits {
  readonly budgetBytes: number
  /** What was recorded before this is dropped whatever there is room for. */
  readonly oldestMs?: number
}

/**
 * @param held every artifact with bytes, oldest first; several may share one blob
 * @param bytes what the blob store holds now, plus what is about to come
 */
export function planEviction(
  held: readonly HeldArtifact[],
  bytes: number,
  { budgetBytes, oldestMs = 0 }: Limits,
): EvictionPlan {
  const users = new Map<string, number>()
  const pinned = new Set(held.filter((artifact) => artifact.pinned).map((artifact) => artifact.sha256))
  for (const { sha256 } of held) users.set(sha256, (users.get(sha256) ?? 0) + 1)
  const plan = { artifactIds: [] as string[], sha256s: [] as string[], freedBytes: 0 }
  for (const artifact of held) {
    if (bytes - plan.freedBytes <= budgetBytes && artifact.createdMs >= oldestMs) break
    if (pinned.has(artifact.sha256)) continue // itself, or another artifact of the same bytes
    plan.artifactIds.push(artifact.id)
    const left = (users.get(artifact.sha256) ?? 1) - 1
    users.set(artifact.sha256, left)
    if (left > 0) continue // the blob stays for the other artifact: nothing is freed yet
    plan.sha256s.push(artifact.sha256)
    plan.freedBytes += artifact.sizeBytes
  }
  return { ...plan, overBytes: Math.max(0, bytes - plan.freedBytes - budgetBytes) }
}
