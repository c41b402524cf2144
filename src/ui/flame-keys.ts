// Moving through a flame graph by keyboard: where each key leads from a node.
import type { FlameLayout } from '../flame/layout.ts'

export type Direction = 'parent' | 'child' | 'left' | 'right'

/** Which way an arrow leads depends on which end of the picture the root is at. */
export function directionOf(key: string, rootAt: 'top' | 'bottom'): Direction | undefined {
  switch (key) {
    case 'ArrowUp':
      return rootAt === 'top' ? 'parent' : 'child'
    case 'ArrowDown':
      return rootAt === 'top' ? 'child' : 'parent'
    case 'ArrowLeft':
      return 'left'
    case 'ArrowRight':
      return 'right'
    default:
      return undefined
  }
}

/** The neighbour of a node, or the node itself at the edge; boxes without width cannot be reached. */
export function neighbour({ tree, value }: FlameLayout, node: number, direction: Direction): number {
  const { parent, end, length } = tree
  if (length === 0) return -1
  if (node < 0) return 0
  if (direction === 'parent') return Math.max(0, parent[node]!)
  if (direction === 'child') {
    for (let child = node + 1; child < end[node]!; child = end[child]!) if (value[child]! > 0) return child
    return node
  }
  if (node === 0) return node
  const above = parent[node]!
  let before = -1
  for (let sibling = above + 1; sibling < end[above]!; sibling = end[sibling]!) {
    if (value[sibling]! <= 0) continue
    if (direction === 'left' && sibling === node) return before < 0 ? node : before
    if (direction === 'right' && sibling > node) return sibling
    before = sibling
  }
  return node
}

/** The next outermost match after (or before) a node, round the end. */
export function nextMatch(nodes: Int32Array, from: number, step: 1 | -1): number {
  if (nodes.length === 0) return -1
  if (step === 1) {
    const next = nodes.find((node) => node > from)
    return next ?? nodes[0]!
  }
  const previous = nodes.findLast((node) => node < from)
  return previous ?? nodes[nodes.length - 1]!
}
