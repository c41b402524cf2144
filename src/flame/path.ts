// A short name for a node that survives re-slicing: a hash of the function names from the root down to it.
// URLs carry it (`?zoom=9f86d081`), so a link shows the same box on fresh data, or the nearest one that still exists.
import type { CallTree } from '../profile/call-tree.ts'
import { hashText } from './color.ts'

/** Names only, no modules: a rebuilt binary has another file name but the same functions. */
function hashes(tree: CallTree): { byNode: (node: number, above: number) => number } {
  const byFrame = tree.frames.name.map(hashText)
  return {
    byNode: (node, above) => (node === 0 ? 0 : Math.imul(above ^ byFrame[tree.frame[node]!]!, 0x9e3779b1) >>> 0),
  }
}

/** Eight hexadecimal digits; two of a million nodes share them once in some thousand profiles. */
export function pathKey(tree: CallTree, node: number): string {
  const { byNode } = hashes(tree)
  const path: number[] = []
  for (let at = node; at > 0; at = tree.parent[at]!) path.push(at)
  return path
    .reverse()
    .reduce((above, at) => byNode(at, above), 0)
    .toString(16)
    .padStart(8, '0')
}

/** @returns the heaviest node with that key, or -1 */
export function findPath(tree: CallTree, key: string): number {
  const wanted = Number.parseInt(key, 16)
  if (!/^[0-9a-f]{8}$/.test(key)) return -1
  const { byNode } = hashes(tree)
  const hash = new Uint32Array(tree.length)
  let found = -1
  for (let node = 1; node < tree.length; node++) {
    hash[node] = byNode(node, hash[tree.parent[node]!]!)
    if (hash[node] === wanted && (found < 0 || tree.total[node]! > tree.total[found]!)) found = node
  }
  return found
}
