// Trees made of trees: recursion folded to its first turn, and all that one function calls and is called by.
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

export interface Sandwich {
  /** The function at the root, below it who called it, and so on: the first level is its total by caller. */
  readonly callers: CallTree
  /** The function at the root, below it what it called. */
  readonly callees: CallTree
}

/**
 * All that calls a function and all that it calls, over the whole tree. With recursion the outermost call counts.
 * @param isFocus whether a row of `tree.frames` is the function; there may be several of one name
 */
export function sandwich(tree: CallTree, isFocus: (frame: number) => boolean): Sandwich {
  const callers = newTrie(tree)
  const callees = newTrie(tree)
  const calleeOf = new Int32Array(tree.length)
  for (let node = 1; node < tree.length; ) {
    if (!isFocus(tree.frame[node]!)) {
      node++
      continue
    }
    let up = 0
    for (let at = node; at > 0; at = tree.parent[at]!) up = callers.child(up, tree.frame[at]!)
    callers.add(up, tree.total[node]!)
    if (tree.base) callers.addBase(up, tree.base.total[node]!)
    const end = tree.end[node]!
    for (let at = node; at < end; at++) {
      calleeOf[at] = callees.child(at === node ? 0 : calleeOf[tree.parent[at]!]!, tree.frame[at]!)
      addSelf(callees, calleeOf[at]!, tree, at)
    }
    node = end
  }
  return { callers: finish(callers, tree), callees: finish(callees, tree) }
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
