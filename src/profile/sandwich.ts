// One function with who called it and what it called: both as trees that begin at it, so that each can be drawn.
//
//   main;serve;parse;lex 3   main;load;parse 2        of parse: callers  parse 5 ← serve 3 ← main 3, load 2 ← main 2
//                                                               callees  parse 5 → lex 3, 2 in itself
//
// A call counts once, where it is outermost: what recursion adds is seen among the callees.
import { type CallTree, compareFrames } from './call-tree.ts'
import { Trie } from './trie.ts'

export interface Sandwich {
  /** The first row below the root is the function, the next its callers, and so on to the beginning. */
  readonly callers: CallTree
  /** The first row below the root is the function, the next what it called. */
  readonly callees: CallTree
}

/** @param rows of `tree.frames` that are the function: a name may lie in several modules */
export function sandwichOf(tree: CallTree, rows: ReadonlySet<number>): Sandwich {
  const callers = new Trie({ withBase: tree.base !== undefined })
  const callees = new Trie({ withBase: tree.base !== undefined })
  for (let node = 1; node < tree.length; ) {
    if (!rows.has(tree.frame[node]!)) {
      node++
      continue
    }
    addCallers(callers, tree, node)
    addCallees(callees, tree, node)
    node = tree.end[node]!
  }
  const lay = (trie: Trie): CallTree => ({
    frames: tree.frames,
    unit: tree.unit,
    ...trie.layOut((a, b) => compareFrames(tree.frames, a, b)),
  })
  return { callers: lay(callers), callees: lay(callees) }
}

function addCallers(trie: Trie, tree: CallTree, node: number): void {
  let to = 0
  for (let at = node; at > 0; at = tree.parent[at]!) to = trie.child(to, tree.frame[at]!)
  trie.add(to, tree.total[node]!)
  if (tree.base) trie.addBase(to, tree.base.total[node]!)
}

function addCallees(trie: Trie, tree: CallTree, top: number): void {
  /** By depth below the function, the node that the walk is in. */
  const way = [trie.child(0, tree.frame[top]!)]
  for (let node = top; node < tree.end[top]!; node++) {
    const depth = tree.depth[node]! - tree.depth[top]!
    if (depth > 0) way[depth] = trie.child(way[depth - 1]!, tree.frame[node]!)
    trie.add(way[depth]!, tree.self[node]!)
    if (tree.base) trie.addBase(way[depth]!, tree.base.self[node]!)
  }
}

export interface Neighbour {
  /** Row of the frames; -1 = nobody: it is where the stacks begin. */
  readonly row: number
  readonly value: number
}

/**
 * The second row of one of the two trees, heaviest first, and how much of the function has none. What only the base of
 * a difference has is left out.
 */
export function neighboursOf(tree: CallTree): { neighbours: Neighbour[]; rest: number; total: number } {
  const sums = new Map<number, number>()
  let rest = 0
  for (let node = 1; node < tree.length; node++) {
    if (tree.depth[node] === 1) rest += tree.self[node]!
    if (tree.depth[node] === 2) sums.set(tree.frame[node]!, (sums.get(tree.frame[node]!) ?? 0) + tree.total[node]!)
  }
  const neighbours = Array.from(sums, ([row, value]) => ({ row, value })).filter(({ value }) => value !== 0)
  neighbours.sort((a, b) => b.value - a.value || compareFrames(tree.frames, a.row, b.row))
  return { neighbours, rest, total: tree.total[0] ?? 0 }
}
