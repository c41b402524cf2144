// Samples merged by common callers: the tree behind flame graph, table, top and diff.
// Nodes are columns in depth-first preorder (a parent before its children, siblings heaviest first),
// so the subtree of node i is the index range (i, end[i]) and layout needs no pointers.

/** What a node stands for: a function in a module. Rows are shared by all nodes of the same frame. */
export interface FrameKeys {
  readonly length: number
  readonly name: readonly string[]
  /** File name of the mapping without its folder, `[kernel]` for kernel code, '' where unknown. */
  readonly module: readonly string[]
  /** For colour: where the code comes from. */
  readonly kind: readonly FrameKind[]
}

export type FrameKind = 'kernel' | 'native' | 'jit' | 'go' | 'java' | 'js' | 'python' | 'inlined' | 'thread' | 'unknown'

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
