// Finding frames by name, and how much of the time they stand for: `^runtime\.` , `HashMap.get`, `(*conn).serve`.
import type { CallTree } from '../profile/call-tree.ts'

export interface Matches {
  /** 1 for every row of `tree.frames` that matches. */
  readonly frames: Uint8Array
  /** Outermost matching nodes in order of the tree; a match inside a match is part of it. */
  readonly nodes: Int32Array
  /** Sum over those, in the tree's unit; never counts time twice. */
  readonly total: number
  /** The same in the baseline of a diff. */
  readonly base: number | undefined
}

/**
 * A predicate over frame names. Plain text matches anywhere and ignores case; text that is also a regular expression
 * matches as either, so `(*conn).serve` and `^main$` both do what was meant.
 */
export function matcher(query: string): (text: string) => boolean {
  const needle = query.trim().toLowerCase()
  if (needle === '') return () => false
  let pattern: RegExp | undefined
  if (/[\\^$.|?*+()[\]{}]/.test(needle)) {
    try {
      pattern = new RegExp(query.trim(), 'i')
    } catch {
      // Not a regular expression, so it is only text; nothing is lost.
    }
  }
  return (text) => text.toLowerCase().includes(needle) || (pattern?.test(text) ?? false)
}

/**
 * @param query see `matcher`; a module's name matches too
 * @param within node whose subtree counts; 0 is everything
 * @returns undefined for an empty query
 */
export function searchTree(tree: CallTree, query: string, within = 0): Matches | undefined {
  if (query.trim() === '') return undefined
  const matches = matcher(query)
  const frames = new Uint8Array(tree.frames.length)
  for (let row = 0; row < frames.length; row++) {
    if (matches(tree.frames.name[row]!) || matches(tree.frames.module[row]!)) frames[row] = 1
  }
  return { frames, ...sumFrames(tree, frames, within) }
}

/** Outermost nodes whose frame is marked, below and including `within`, and what they sum up to. */
export function sumFrames(tree: CallTree, frames: Uint8Array, within = 0): Omit<Matches, 'frames'> {
  const nodes: number[] = []
  let total = 0
  let base = 0
  const stop = tree.length === 0 ? 0 : tree.end[within]!
  for (let node = within; node < stop; ) {
    if (node > 0 && frames[tree.frame[node]!] === 1) {
      nodes.push(node)
      total += tree.total[node]!
      base += tree.base?.total[node] ?? 0
      node = tree.end[node]!
    } else {
      node++
    }
  }
  return { nodes: Int32Array.from(nodes), total, base: tree.base && base }
}
