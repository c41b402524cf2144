// Samples merged by common callers: the tree behind flame graph, table, top and diff.
// Nodes are columns in depth-first preorder (a parent before its children, siblings heaviest first),
// so the subtree of node i is the index range (i, end[i]) and layout needs no pointers.
import type { FrameKind } from './frame-kind.ts'
import { type FrameKeys, FrameTable, framesOf } from './frames.ts'
import { HeavyWalk, type Walk } from './heavy-walk.ts'
import { int64At, wordsOf } from './int64.ts'
import type { Profile } from './profile.ts'
import { type RootBy, rootFrames } from './roots.ts'
import { Trie } from './trie.ts'
import { stackToAddTo } from './unique-stacks.ts'

export type { FrameKeys, FrameKind }

export interface CallTree {
  readonly frames: FrameKeys
  /** Unit of the values, such as `nanoseconds`. */
  readonly unit: string
  readonly length: number
  /** Row of `frames`; node 0 is the root, whose frame is -1. */
  readonly frame: Int32Array
  readonly parent: Int32Array
  readonly depth: Uint16Array
  /** First index after the subtree. */
  readonly end: Uint32Array
  readonly self: Float64Array
  readonly total: Float64Array
  /** Present in a diff: the same nodes in the baseline, already scaled to be comparable. */
  readonly base?: { readonly self: Float64Array; readonly total: Float64Array }
}

export interface CallTreeOptions {
  /** Index into the sample types; the profile's default where absent. */
  readonly sampleType?: number
  /** Which samples to count, by row; all where absent. */
  readonly filter?: (sample: number) => boolean
  /** Frames of kind `thread` below the root: one per process, or per process and thread. */
  readonly rootBy?: RootBy
  /** From the function that ran to its callers: the first row is self time by function. */
  readonly invert?: boolean
  /**
   * Nodes that weigh less than this share of all are not entered: what they called counts as their own. For a picture of
   * known width, where that cannot be seen; a large tree then costs a tenth.
   */
  readonly leastShare?: number
}

/** Builds the tree of a profile; the cost grows with samples plus frames of *different* stacks. */
export function buildCallTree(profile: Profile, options: CallTreeOptions = {}): CallTree {
  const { sampleType = profile.defaultType, filter, rootBy = 'none', invert = false, leastShare = 0 } = options
  const frames = framesOf(profile)
  const { keys, paths, pathOf } = rootFrames(profile, frames.keys, rootBy)
  const trie = new Trie()
  const way: Walk = { trie, frames, profile }
  const weights = new StackWeights(profile, sampleType)
  const heavy = leastShare > 0 ? new HeavyWalk(way, invert) : undefined
  samplesByPath(profile, { pathOf, pathCount: paths.length, filter }).forEach((samples, path) => {
    let root = 0
    for (const frame of paths[path]!) root = trie.child(root, frame)
    weights.add(samples)
    weights.drain((stack, weight) => {
      if (heavy) {
        heavy.add(root, stack, weight)
        return
      }
      const node = invert ? walkInverted(way, root, stack) : walk(way, root, stack)
      trie.add(node, weight)
    })
  })
  heavy?.walk(leastShare)
  return {
    frames: keys,
    unit: profile.sampleTypes[sampleType]?.unit ?? '',
    ...trie.layOut((a, b) => compareFrames(keys, a, b)),
  }
}

/** Sums of samples per different stack. */
class StackWeights {
  private readonly stackOf: Uint32Array
  private readonly first: Uint32Array
  private readonly words: Int32Array
  private readonly sums: Float64Array
  private readonly isTouched: Uint8Array
  private touched: number[] = []

  constructor({ samples, stacks }: Profile, sampleType: number) {
    this.stackOf = samples.stack
    this.first = stackToAddTo(stacks)
    this.words = wordsOf(samples.values[sampleType] ?? new BigInt64Array(samples.length))
    this.sums = new Float64Array(stacks.length)
    this.isTouched = new Uint8Array(stacks.length)
  }

  add(samples: Uint32Array): void {
    const { words, stackOf, first, isTouched, sums, touched } = this
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i] as number
      const value = int64At(words, sample)
      if (value === 0) continue
      const stack = first[stackOf[sample] as number] as number
      if (isTouched[stack] === 0) {
        isTouched[stack] = 1
        touched.push(stack)
      }
      sums[stack] = (sums[stack] as number) + value
    }
  }

  /** Hands out the sums and forgets them. */
  drain(take: (stack: number, sum: number) => void): void {
    for (const stack of this.touched) {
      take(stack, this.sums[stack] as number)
      this.sums[stack] = 0
      this.isTouched[stack] = 0
    }
    this.touched = []
  }
}

/** Sample rows that the filter takes, per path. */
function samplesByPath(
  { samples }: Profile,
  { pathOf, pathCount, filter }: { pathOf: Uint32Array; pathCount: number; filter: CallTreeOptions['filter'] },
): Uint32Array[] {
  const counts = new Uint32Array(pathCount)
  const wanted = new Uint32Array(samples.length)
  let wantedCount = 0
  for (let sample = 0; sample < samples.length; sample++) {
    if (filter && !filter(sample)) continue
    wanted[wantedCount++] = sample
    counts[pathOf[samples.labels[sample] as number] as number]! += 1
  }
  if (pathCount === 1) return [wanted.subarray(0, wantedCount)]
  const lists = Array.from(counts, (count) => new Uint32Array(count))
  const filled = new Uint32Array(pathCount)
  for (let i = 0; i < wantedCount; i++) {
    const path = pathOf[samples.labels[wanted[i] as number] as number] as number
    lists[path]![filled[path]!++] = wanted[i] as number
  }
  return lists
}

/** From the root to the function that ran. @returns the last node */
function walk({ trie, frames, profile: { stacks } }: Walk, root: number, stack: number): number {
  let node = root
  const from = stacks.offsets[stack] as number
  for (let at = (stacks.offsets[stack + 1] as number) - 1; at >= from; at--) {
    const location = stacks.locations[at] as number
    const first = frames.offsets[location] as number
    for (let row = (frames.offsets[location + 1] as number) - 1; row >= first; row--) {
      node = trie.child(node, frames.rows[row] as number)
    }
  }
  return node
}

/** From the function that ran to the root. @returns the last node */
function walkInverted({ trie, frames, profile: { stacks } }: Walk, root: number, stack: number): number {
  let node = root
  const to = stacks.offsets[stack + 1] as number
  for (let at = stacks.offsets[stack] as number; at < to; at++) {
    const location = stacks.locations[at] as number
    const end = frames.offsets[location + 1] as number
    for (let row = frames.offsets[location] as number; row < end; row++) {
      node = trie.child(node, frames.rows[row] as number)
    }
  }
  return node
}

/** By name, then module: the order of siblings that weigh the same. */
export function compareFrames({ name, module }: FrameKeys, a: number, b: number): number {
  const byName = compareText(name[a] ?? '', name[b] ?? '')
  return byName !== 0 ? byName : compareText(module[a] ?? '', module[b] ?? '')
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Both trees as one, sized by `during`: every node also says what it weighed before, in `base`.
 * @param baseScale what one unit of `before` is worth; absent: both trees weigh the same, so shares are compared
 */
export function diffTrees(before: CallTree, during: CallTree, { baseScale }: { baseScale?: number } = {}): CallTree {
  const scale = baseScale ?? (before.total[0] ? during.total[0]! / before.total[0]! : 1)
  const table = new FrameTable()
  const trie = new Trie({ withBase: true })
  for (const tree of [during, before]) {
    const { name, module, kind } = tree.frames
    const frameOf = Int32Array.from({ length: tree.frames.length }, (_, row) =>
      table.intern({ name: name[row]!, module: module[row]!, kind: () => kind[row]! }),
    )
    const nodeOf = new Int32Array(tree.length)
    for (let node = 0; node < tree.length; node++) {
      if (node > 0) nodeOf[node] = trie.child(nodeOf[tree.parent[node]!]!, frameOf[tree.frame[node]!]!)
      if (tree === during) trie.add(nodeOf[node]!, tree.self[node]!)
      else trie.addBase(nodeOf[node]!, tree.self[node]! * scale)
    }
  }
  const frames = table.rows()
  return { frames, unit: during.unit, ...trie.layOut((a, b) => compareFrames(frames, a, b)) }
}
