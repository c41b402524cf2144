// Delays between attempts: doubling, capped, with jitter so that a fleet of agents does not return in step.

/**
 * @param attempt 0 for the first retry
 * @returns milliseconds to wait, between half and the whole of `firstMs * 2^attempt`, at most `maxMs`
 */
export function backoffMs(
  attempt: number,
  {
    firstMs = 250,
    maxMs = 30_000,
    random = Math.random,
  }: { firstMs?: number; maxMs?: number; random?: () => number } = {},
): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30))
  return full / 2 + (full / 2) * random()
}
