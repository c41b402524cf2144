// Trees made of trees: recursion folded to its first turn, and what grew in a difference.
import { type CallTree, compareFrames } from './call-tree.ts'
import { Trie } from './trie.ts'

/**
 * Calls that come back to a function already on the stack go back to that node: main;walk;walk;read becomes
 * main;walk;read, and a;b;a;b;c becomes a;b;c. Totals stay what they are; self time stays with its function.
 */
export function flattenRecursion(tree: CallTree): CallTree {
  const trie = newTrie(tree)
  const nodeOf = new Int32Array(tree.length)
  // How often a frame is on the way to the present node; the search upwards is only for frames that are.
  const onPath = new Uint32Array(tree.frames.length)
  const path: number[] = []
  for (let node = 1; node < tree.length; node++) {
    while (path.length >= tree.depth[node]!) onPath[tree.frame[path.pop()!]!]! -= 1
    const frame = tree.frame[node]!
    const parent = nodeOf[tree.parent[node]!]!
    nodeOf[node] = onPath[frame]! > 0 ? findUpwards(trie, parent, frame) : trie.child(parent, frame)
    path.push(node)
    onPath[frame]! += 1
    addSelf(trie, nodeOf[node]!, tree, node)
  }
  addSelf(trie, 0, tree, 0)
  return finish(trie, tree)
}

function findUpwards(trie: Trie, from: number, frame: number): number {
  for (let node = from; node > 0; node = trie.parentOf(node)) if (trie.frameOf(node) === frame) return node
  // A turn that was folded before may have taken the way past the frame.
  return trie.child(from, frame)
}

/**
 * What grew in a difference, such as a heap profile of two seconds: what weighs less than nothing has no width. Nodes that
 * shrank themselves count as nothing; those that lead to nothing else go.
 * @returns `shrunk`, what was left out: 0 or less
 */
export function growthOf(tree: CallTree): { tree: CallTree; shrunk: number } {
  const grown = new Float64Array(tree.length)
  let shrunk = 0
  // Children stand behind their parents.
  for (let node = tree.length - 1; node >= 0; node--) {
    const self = tree.self[node]!
    if (self > 0) grown[node]! += self
    else shrunk += self
    if (node > 0) grown[tree.parent[node]!]! += grown[node]!
  }
  if (shrunk === 0) return { tree, shrunk }
  const trie = new Trie()
  const nodeOf = new Int32Array(tree.length)
  for (let node = 1; node < tree.length; node++) {
    if (grown[node] === 0) continue
    nodeOf[node] = trie.child(nodeOf[tree.parent[node]!]!, tree.frame[node]!)
    trie.add(nodeOf[node]!, Math.max(0, tree.self[node]!))
  }
  return { tree: finish(trie, tree), shrunk }
}

function newTrie(tree: CallTree): Trie {
  return new Trie({ withBase: tree.base !== undefined })
}

function addSelf(trie: Trie, to: number, tree: CallTree, from: number): void {
  trie.add(to, tree.self[from]!)
  if (tree.base) trie.addBase(to, tree.base.self[from]!)
}

function finish(trie: Trie, { frames, unit }: CallTree): CallTree {
  return { frames, unit, ...trie.layOut((a, b) => compareFrames(frames, a, b)) }
}
