// Whether a change between two windows is news or noise. Samples arrive at random, so a count of k has a standard
// deviation of about sqrt(k) (Poisson); a difference is believed from three deviations on.

export interface SampleScale {
  /** Value of one sample in the tree's unit, such as 20 408 163 ns at 49 Hz. */
  readonly perSample: number
  /** What baseline values were multiplied with to be comparable: duration during / duration before. */
  readonly baseFactor: number
}

/** Three standard deviations: one false alarm in some four hundred frames, and none from three samples. */
const deviations = 3

/** @param during @param before values of the tree, `before` already scaled */
export function isSignificant(during: number, before: number, { perSample, baseFactor }: SampleScale): boolean {
  const after = during / perSample
  const scaled = before / perSample
  // Scaling by f scales the deviation by f as well: variance of f*k is f*f*k. The 1 stands for the sample not seen.
  const variance = after + scaled * baseFactor + Math.max(1, baseFactor * baseFactor)
  return Math.abs(after - scaled) >= deviations * Math.sqrt(variance)
}
