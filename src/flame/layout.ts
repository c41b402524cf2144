// From a call tree to the boxes that one viewport shows: columns in, columns out, no object per box.
// A box's place is a range of *value* (nanoseconds), not of pixels, so zooming and panning never move the tree:
//   main  [0 ............................ 100)
//   parse [0 .......... 60) draw [60 . 90)          10 of self time stay empty at the right of `main`
//   lex   [0 ... 40)
import type { CallTree } from '../profile/call-tree.ts'

/** Which picture of a diff: widths are what was measured during the spike, or what the baseline had. */
export type Side = 'during' | 'before'

export interface FlameLayout {
  readonly tree: CallTree
  /** Width of node i, in the tree's unit. */
  readonly value: Float64Array
  /** Left edge of node i, in the tree's unit; never falls from one node to the next. */
  readonly start: Float64Array
  /** Right edge of node i's children: where its self time begins. */
  readonly childrenEnd: Float64Array
  /** Number of rows; the root is row 0. */
  readonly rows: number
  /** True when no sibling is wider than the one before it, so that a narrow one ends the search of its row. */
  readonly heaviestFirst: boolean
}

export interface Viewport {
  /** Visible range of values, `from` inclusive. */
  readonly from: number
  readonly to: number
  readonly widthPx: number
  /** Visible rows, both inclusive. */
  readonly firstRow: number
  readonly lastRow: number
  /** Narrower boxes are gathered into one "rest" box. */
  readonly minWidthPx: number
}

/** Boxes as columns, parents before children. Buffers are kept and refilled from frame to frame. */
export interface Boxes {
  length: number
  /** Node of the tree; for a rest box the bitwise complement (~) of its first node, so negative. */
  node: Int32Array
  /** Pixels from the left edge of the viewport, cut off at its edges. */
  x: Float32Array
  width: Float32Array
  row: Uint16Array
}

/** One pass over the tree; 1 000 000 nodes take a few milliseconds and 24 MB. */
export function layoutTree(tree: CallTree, side: Side = 'during'): FlameLayout {
  const value = side === 'before' && tree.base ? tree.base.total : tree.total
  const { length, parent, depth } = tree
  const start = new Float64Array(length)
  const childrenEnd = new Float64Array(length)
  // Width of the sibling that was placed last, by parent.
  const previous = new Float64Array(length).fill(Number.POSITIVE_INFINITY)
  let heaviestFirst = true
  let deepest = 0
  for (let node = 1; node < length; node++) {
    const above = parent[node]!
    const left = childrenEnd[above]!
    const width = value[node]!
    start[node] = left
    childrenEnd[node] = left
    childrenEnd[above] = left + width
    if (width > previous[above]!) heaviestFirst = false
    previous[above] = width
    if (depth[node]! > deepest) deepest = depth[node]!
  }
  return { tree, value, start, childrenEnd, rows: length === 0 ? 0 : deepest + 1, heaviestFirst }
}

export function newBoxes(): Boxes {
  // 4 096 boxes fill a usual screen; busier ones double it.
  return {
    length: 0,
    node: new Int32Array(4096),
    x: new Float32Array(4096),
    width: new Float32Array(4096),
    row: new Uint16Array(4096),
  }
}

/**
 * Walks from the root and enters only what is wide enough and in sight, so the cost follows the screen, not the tree.
 * @param into buffers to refill; the same object is returned
 */
export function visibleBoxes(layout: FlameLayout, viewport: Viewport, into: Boxes = newBoxes()): Boxes {
  const { value, start, childrenEnd, heaviestFirst } = layout
  const { end, parent, depth, length } = layout.tree
  const { from, to, widthPx, firstRow, lastRow, minWidthPx } = viewport
  const scale = widthPx / (to - from)
  const minValue = minWidthPx / scale
  into.length = 0
  // A run of narrow siblings, waiting to become one rest box.
  let runNode = -1
  let runParent = -1
  let runStart = 0
  let runEnd = 0
  let node = 0
  while (node < length) {
    const above = parent[node]!
    const left = start[node]!
    const right = left + value[node]!
    if (runNode >= 0 && above !== runParent) {
      if (depth[runNode]! >= firstRow) push(into, ~runNode, depth[runNode]!, runStart, runEnd)
      runNode = -1
    }
    if (node > 0 && left >= to) {
      // Whatever follows among the siblings lies further right still.
      node = end[above]!
      continue
    }
    if (right <= from) {
      node = end[node]!
      continue
    }
    if (right - left < minValue) {
      if (runNode < 0) {
        runNode = node
        runParent = above
        runStart = left
      }
      // Siblings that follow are no wider: the rest of the row is one run.
      runEnd = heaviestFirst ? childrenEnd[above]! : right
      node = heaviestFirst && node > 0 ? end[above]! : end[node]!
      continue
    }
    if (runNode >= 0) {
      if (depth[runNode]! >= firstRow) push(into, ~runNode, depth[runNode]!, runStart, runEnd)
      runNode = -1
    }
    const row = depth[node]!
    if (row >= firstRow) push(into, node, row, left, right)
    node = row >= lastRow ? end[node]! : node + 1
  }
  if (runNode >= 0 && depth[runNode]! >= firstRow) push(into, ~runNode, depth[runNode]!, runStart, runEnd)
  return into

  function push(boxes: Boxes, id: number, row: number, leftValue: number, rightValue: number): void {
    const x = Math.max(0, (leftValue - from) * scale)
    const width = Math.min(widthPx, (rightValue - from) * scale) - x
    // A rest of many frames below a third of a pixel would be a smear that nobody can see or hit.
    if (width <= 0 || (id < 0 && width < minWidthPx / 3)) return
    if (boxes.length === boxes.node.length) grow(boxes)
    const at = boxes.length++
    boxes.node[at] = id
    boxes.x[at] = x
    boxes.width[at] = width
    boxes.row[at] = row
  }
}

function grow(boxes: Boxes): void {
  const capacity = boxes.node.length * 2
  const node = new Int32Array(capacity)
  node.set(boxes.node)
  const x = new Float32Array(capacity)
  x.set(boxes.x)
  const width = new Float32Array(capacity)
  width.set(boxes.width)
  const row = new Uint16Array(capacity)
  row.set(boxes.row)
  Object.assign(boxes, { node, x, width, row })
}

/**
 * The node that covers `at` in `row`: a binary search for the last node that begins at or left of it, then up.
 * @param at a value of the tree's unit, as in `Viewport.from`
 * @returns -1 where there is nothing
 */
export function nodeAt(layout: FlameLayout, at: number, row: number): number {
  const { start, value } = layout
  const { length, parent, depth } = layout.tree
  if (length === 0 || at < 0 || row < 0) return -1
  let low = 0
  let high = length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (start[middle]! <= at) low = middle
    else high = middle - 1
  }
  let node = low
  while (start[node]! + value[node]! <= at) {
    if (node === 0) return -1
    node = parent[node]!
  }
  if (depth[node]! < row) return -1
  while (depth[node]! > row) node = parent[node]!
  return node
}

export interface Rest {
  /** How many siblings it stands for, and the first of them. */
  readonly count: number
  readonly first: number
  /** Their common edges, in the tree's unit. */
  readonly from: number
  readonly to: number
}

/** The run of siblings narrower than `minValue` that `node` belongs to: what its rest box stands for. */
export function restOf(layout: FlameLayout, node: number, minValue: number): Rest {
  const { start, value } = layout
  const { end, parent, length } = layout.tree
  const above = parent[node]!
  const stop = node === 0 ? length : end[above]!
  let [first, count, to] = [-1, 0, 0]
  for (let sibling = node === 0 ? 0 : above + 1; sibling < stop; sibling = end[sibling]!) {
    if (value[sibling]! >= minValue) {
      if (sibling > node) break
      first = -1
      count = 0
      continue
    }
    if (first < 0) first = sibling
    count++
    to = start[sibling]! + value[sibling]!
  }
  return { count, first, from: first < 0 ? to : start[first]!, to }
}
