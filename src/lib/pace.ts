// Gives work that comes all the time a rhythm, so that what comes together is done together.

/**
 * @returns a function whose promise resolves at once, or when `leastMs` have passed since the one before resolved
 */
export function createPace(leastMs: number, nowMs: () => number = () => performance.now()): () => Promise<void> {
  let lastMs = Number.NEGATIVE_INFINITY
  return async () => {
    const waitMs = lastMs + leastMs - nowMs()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    lastMs = nowMs()
  }
}
