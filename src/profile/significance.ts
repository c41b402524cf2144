// Is a difference between two sampled profiles more than chance? Counts of samples decide, not shares alone: a function
// that went from 0 to 3 samples has "grown infinitely" and says nothing.

/** Fewer samples than this, before and during together, are never called a change: the test below needs about five
 *  expected on either side to be near its promise. */
const minSamples = 10

/**
 * Standard deviations from "no change" that count as a change. Three are passed by chance once in 370 comparisons,
 * and a profile compares some hundred functions of which few have enough samples.
 */
const minDeviations = 3

export interface Counts {
  /** Samples with the function, and all samples. */
  readonly before: number
  readonly beforeTotal: number
  readonly during: number
  readonly duringTotal: number
}

/**
 * Two-proportion z-test: how many standard deviations the shares lie apart, positive when the share grew;
 * 0 where there are too few samples to say.
 */
export function deviations({ before, beforeTotal, during, duringTotal }: Counts): number {
  if (beforeTotal <= 0 || duringTotal <= 0 || before + during < minSamples) return 0
  const pooled = (before + during) / (beforeTotal + duringTotal)
  const spread = Math.sqrt(pooled * (1 - pooled) * (1 / beforeTotal + 1 / duringTotal))
  return spread > 0 ? (during / duringTotal - before / beforeTotal) / spread : 0
}

export function isSignificant(counts: Counts): boolean {
  return Math.abs(deviations(counts)) >= minDeviations
}
