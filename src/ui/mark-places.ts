// Where the names of moments stand above the chart: each beside its own line, none over another name or another's line.

export interface MarkPlace {
  readonly left: number
  /** 0 is the row next to the chart; the line of a name reaches up to its row. */
  readonly row: 0 | 1
}

/**
 * In the same unit as the positions.
 * @param marks by their lines, leftmost first; a width has the room around the text
 * @param gap between names that no single line tells apart: to either side of two lines that a phone shows a few pixels
 *   apart, or both between their lines, they would read as one word
 */
export function placeMarks(
  marks: readonly { readonly x: number; readonly width: number }[],
  { rightEdge, gap }: { readonly rightEdge: number; readonly gap: number },
): MarkPlace[] {
  const placed: (MarkPlace & { readonly right: number; readonly isAfter: boolean })[] = []
  for (const [i, { x, width }] of marks.entries()) {
    const isFree = ({ left, row }: MarkPlace): boolean =>
      left >= 0 &&
      left + width <= rightEdge &&
      placed.every((other) => {
        const apart = other.isAfter === left >= x ? 0 : gap
        return other.row !== row || left >= other.right + apart || left + width + apart <= other.left
      }) &&
      // Every line passes the lower row.
      marks.every((other, j) => j === i || row === 1 || other.x <= left || other.x >= left + width)
    const places: MarkPlace[] = ([0, 1] as const).flatMap((row) => [
      { left: x, row },
      { left: x - width, row },
    ])
    const last: MarkPlace = { left: Math.max(0, Math.min(x, rightEdge - width)), row: 1 }
    const place = places.find(isFree) ?? last
    placed.push({ ...place, right: place.left + width, isAfter: place.left >= x })
  }
  return placed.map(({ left, row }) => ({ left, row }))
}
