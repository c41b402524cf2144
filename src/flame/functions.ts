// The table beside the picture: every function's self and total time, from the same tree, so both always agree.
import type { CallTree } from '../profile/call-tree.ts'

/** Columns by row of `tree.frames`. */
export interface FunctionColumns {
  readonly self: Float64Array
  /** Time in which the function is somewhere on the stack; recursion counts once. */
  readonly total: Float64Array
  /** The same in the baseline of a diff. */
  readonly base: { readonly self: Float64Array; readonly total: Float64Array } | undefined
}

/** @param within node whose subtree is counted; 0 is everything */
export function functionColumns(tree: CallTree, within = 0): FunctionColumns {
  const { frame, end, length } = tree
  const count = tree.frames.length
  const self = new Float64Array(count)
  const total = new Float64Array(count)
  const baseSelf = new Float64Array(tree.base ? count : 0)
  const baseTotal = new Float64Array(tree.base ? count : 0)
  // Up to which node the outermost call of a frame reaches: calls before that are recursion.
  const openUntil = new Uint32Array(count)
  const stop = length === 0 ? 0 : end[within]!
  for (let node = Math.max(within, 1); node < stop; node++) {
    const row = frame[node]!
    const isOutermost = node >= openUntil[row]!
    if (isOutermost) openUntil[row] = end[node]!
    self[row]! += tree.self[node]!
    if (isOutermost) total[row]! += tree.total[node]!
    if (tree.base) {
      baseSelf[row]! += tree.base.self[node]!
      if (isOutermost) baseTotal[row]! += tree.base.total[node]!
    }
  }
  return { self, total, base: tree.base && { self: baseSelf, total: baseTotal } }
}

/** The heaviest way down: from the root to where the time is really spent, heaviest child first. Never the root itself. */
export function hotPath(tree: CallTree): number[] {
  const path: number[] = []
  let node = 0
  while (node < tree.length) {
    const first = node + 1
    // Children stand heaviest first, so the first one is the way, while it holds more than stopping here would.
    if (first >= tree.end[node]! || tree.total[first]! < tree.self[node]!) break
    path.push(first)
    node = first
  }
  return path
}

/**
 * Where a picture begins to be looked at: the end of the hottest way, or the last of its boxes that is still a tenth of
 * the whole. What is narrower has no room for its name, and beside it there is nothing to see but empty rows.
 */
export function firstSight(tree: CallTree): number {
  const whole = tree.total[0] ?? 0
  return hotPath(tree).findLast((node) => tree.total[node]! >= whole / 10) ?? 0
}
