// Which stream tells of which moment: the deep one where it recorded, the always-on one elsewhere, and what is left is a gap.

/** Half-open, ns on the recorder's clock. */
export interface Span {
  readonly fromNs: number
  readonly toNs: number
}

export interface Assigned<T> extends Span {
  readonly source: T
}

/**
 * @param sources in the order of preference, each with the span that it covers
 * @returns spans in the order of time, none overlapping, and the gaps between them inside `wanted`
 */
export function assignSpans<T extends Span>(
  wanted: Span,
  sources: readonly T[],
): { assigned: Assigned<T>[]; gaps: Span[] } {
  const assigned: Assigned<T>[] = []
  let free: Span[] = wanted.toNs > wanted.fromNs ? [wanted] : []
  for (const source of sources) {
    const left: Span[] = []
    for (const { fromNs, toNs } of free) {
      const from = Math.max(fromNs, source.fromNs)
      const to = Math.min(toNs, source.toNs)
      if (from >= to) {
        left.push({ fromNs, toNs })
        continue
      }
      assigned.push({ fromNs: from, toNs: to, source })
      if (fromNs < from) left.push({ fromNs, toNs: from })
      if (to < toNs) left.push({ fromNs: to, toNs })
    }
    free = left
  }
  return { assigned: assigned.sort((a, b) => a.fromNs - b.fromNs), gaps: free }
}
