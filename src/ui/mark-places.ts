// Where the names of moments stand above the chart: each beside its own line, none over another name or another's line.

export interface MarkPlace {
  readonly left: number
  /** 0 is the row next to the chart; the line of a name reaches up to its row. */
  readonly row: 0 | 1
}

/**
 * In the same unit as the positions. A phone shows onset and notice a few pixels apart, and to either side of two such lines
 * names read as one word.
 * @param marks by their lines, leftmost first; a width has the room around the text
 * @param gap between two names
 */
export function placeMarks(
  marks: readonly { readonly x: number; readonly width: number }[],
  { rightEdge, gap }: { readonly rightEdge: number; readonly gap: number },
): MarkPlace[] {
  const placed: (MarkPlace & { readonly right: number })[] = []
  for (const [i, { x, width }] of marks.entries()) {
    const isFree = ({ left, row }: MarkPlace): boolean =>
      left >= 0 &&
      left + width <= rightEdge &&
      placed.every((other) => other.row !== row || left >= other.right + gap || left + width + gap <= other.left) &&
      // Every line passes the lower row.
      marks.every((other, j) => j === i || row === 1 || other.x <= left || other.x >= left + width)
    const places: MarkPlace[] = ([0, 1] as const).flatMap((row) => [
      { left: x, row },
      { left: x - width, row },
    ])
    const last: MarkPlace = { left: Math.max(0, Math.min(x, rightEdge - width)), row: 1 }
    const place = places.find(isFree) ?? last
    placed.push({ ...place, right: place.left + width })
  }
  return placed.map(({ left, row }) => ({ left, row }))
}
