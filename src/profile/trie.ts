// Grows a tree by walking stacks from the root, then lays it out in depth-first preorder, siblings heaviest first.
// Nodes are columns and children are found by hash, so a million frames need no million objects.

/** Depths are 16-bit; what is deeper is kept at this depth's node. */
const maxDepth = 65_534

export class Trie {
  /** Nodes in order of creation: a parent is always before its children. Node 0 is the root. */
  private frame = new Int32Array(1024)
  private parent = new Int32Array(1024)
  private depth = new Uint16Array(1024)
  private self = new Float64Array(1024)
  /** Only while a diff is made. */
  private base: Float64Array | undefined
  private length = 1
  /** Node + 1 by hash of (parent, frame); at most half full. */
  private slots = new Int32Array(2048)
  /** Per node the child that was walked to last: neighbouring stacks share most of their way. */
  private lastChild = new Int32Array(1024)

  constructor({ withBase = false }: { withBase?: boolean } = {}) {
    this.frame[0] = -1
    this.parent[0] = -1
    if (withBase) this.base = new Float64Array(1024)
  }

  /** The child of `node` for `frame`, made if there is none. */
  child(node: number, frame: number): number {
    const recent = this.lastChild[node] as number
    if (recent !== 0 && this.frame[recent] === frame) return recent
    if ((this.depth[node] as number) >= maxDepth) return node
    const mask = this.slots.length - 1
    let slot = hashPair(node, frame) & mask
    for (;;) {
      const found = (this.slots[slot] as number) - 1
      if (found < 0) break
      if (this.parent[found] === node && this.frame[found] === frame) {
        this.lastChild[node] = found
        return found
      }
      slot = (slot + 1) & mask
    }
    if (this.length === this.frame.length) this.grow()
    const made = this.length++
    this.frame[made] = frame
    this.parent[made] = node
    this.depth[made] = (this.depth[node] as number) + 1
    this.lastChild[node] = made
    this.slots[slot] = made + 1
    if (this.length * 2 > this.slots.length) this.rehash()
    return made
  }

  /** A child that is known to be new; `child` does not find it. */
  append(node: number, frame: number): number {
    if ((this.depth[node] as number) >= maxDepth) return node
    if (this.length === this.frame.length) this.grow()
    const made = this.length++
    this.frame[made] = frame
    this.parent[made] = node
    this.depth[made] = (this.depth[node] as number) + 1
    return made
  }

  frameOf(node: number): number {
    return this.frame[node] as number
  }

  parentOf(node: number): number {
    return this.parent[node] as number
  }

  add(node: number, value: number): void {
    this.self[node] = (this.self[node] as number) + value
  }

  addBase(node: number, value: number): void {
    if (this.base) this.base[node] = (this.base[node] as number) + value
  }

  /** @param compareFrames orders siblings of equal weight, so that the same samples always give the same picture */
  layOut(compareFrames: (a: number, b: number) => number): TrieColumns {
    const { length } = this
    const total = sumUp(this.self.subarray(0, length), this.parent)
    const baseTotal = this.base && sumUp(this.base.subarray(0, length), this.parent)
    const { children, offsets } = this.sortChildren((a, b) => {
      const byTotal = (total[b] as number) - (total[a] as number)
      if (byTotal !== 0) return byTotal
      const byBase = baseTotal ? (baseTotal[b] as number) - (baseTotal[a] as number) : 0
      return byBase !== 0 ? byBase : compareFrames(this.frame[a] as number, this.frame[b] as number)
    })

    /** New index by old. */
    const place = new Int32Array(length)
    /** Old index by new. */
    const order = new Int32Array(length)
    const end = new Uint32Array(length)
    const pending = [0]
    let next = 0
    while (pending.length > 0) {
      const node = pending.pop() as number
      place[node] = next
      order[next++] = node
      for (let at = (offsets[node + 1] as number) - 1; at >= (offsets[node] as number); at--) {
        pending.push(children[at] as number)
      }
    }
    const laid = this.reorder(order, place)
    // A subtree ends where that of its last child ends.
    for (let i = length - 1; i >= 0; i--) {
      if ((end[i] as number) === 0) end[i] = i + 1
      const parent = laid.parent[i] as number
      if (parent >= 0 && (end[parent] as number) < (end[i] as number)) end[parent] = end[i] as number
    }
    const columns = { length, ...laid, end, total: pick(total, order) }
    if (!this.base || !baseTotal) return columns
    return { ...columns, base: { self: pick(this.base, order), total: pick(baseTotal, order) } }
  }

  private reorder(order: Int32Array, place: Int32Array) {
    const frame = new Int32Array(order.length)
    const parent = new Int32Array(order.length)
    const depth = new Uint16Array(order.length)
    for (let i = 0; i < order.length; i++) {
      const old = order[i] as number
      const oldParent = this.parent[old] as number
      frame[i] = this.frame[old] as number
      parent[i] = oldParent < 0 ? -1 : (place[oldParent] as number)
      depth[i] = this.depth[old] as number
    }
    return { frame, parent, depth, self: pick(this.self, order) }
  }

  /** Children of node i are children[offsets[i] .. offsets[i+1]], sorted. */
  private sortChildren(compare: (a: number, b: number) => number): { children: Int32Array; offsets: Uint32Array } {
    const offsets = new Uint32Array(this.length + 1)
    for (let node = 1; node < this.length; node++) offsets[(this.parent[node] as number) + 1]! += 1
    for (let node = 0; node < this.length; node++) offsets[node + 1]! += offsets[node] as number
    const children = new Int32Array(this.length - 1)
    const filled = offsets.slice()
    for (let node = 1; node < this.length; node++) children[filled[this.parent[node] as number]!++] = node
    for (let node = 0; node < this.length; node++) {
      const from = offsets[node] as number
      const to = offsets[node + 1] as number
      if (to - from > 1) children.subarray(from, to).sort(compare)
    }
    return { children, offsets }
  }

  private grow(): void {
    const size = this.length * 2
    this.frame = copyInto(new Int32Array(size), this.frame)
    this.parent = copyInto(new Int32Array(size), this.parent)
    this.depth = copyInto(new Uint16Array(size), this.depth)
    this.self = copyInto(new Float64Array(size), this.self)
    this.lastChild = copyInto(new Int32Array(size), this.lastChild)
    if (this.base) this.base = copyInto(new Float64Array(size), this.base)
  }

  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2)
    const mask = this.slots.length - 1
    for (let node = 1; node < this.length; node++) {
      let slot = hashPair(this.parent[node] as number, this.frame[node] as number) & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = node + 1
    }
  }
}

/** As `CallTree`, without what the nodes mean. */
export interface TrieColumns {
  readonly length: number
  readonly frame: Int32Array
  readonly parent: Int32Array
  readonly depth: Uint16Array
  readonly end: Uint32Array
  readonly self: Float64Array
  readonly total: Float64Array
  readonly base?: { readonly self: Float64Array; readonly total: Float64Array }
}

function sumUp(self: Float64Array, parent: Int32Array): Float64Array {
  const total = self.slice()
  for (let node = total.length - 1; node > 0; node--) {
    const up = parent[node] as number
    total[up] = (total[up] as number) + (total[node] as number)
  }
  return total
}

function pick(column: Float64Array, order: Int32Array): Float64Array {
  const picked = new Float64Array(order.length)
  for (let i = 0; i < order.length; i++) picked[i] = column[order[i] as number] as number
  return picked
}

function copyInto<T extends Int32Array | Uint16Array | Float64Array>(larger: T, old: T): T {
  larger.set(old)
  return larger
}

/** Multipliers of MurmurHash3, as in row-interner.ts. */
function hashPair(a: number, b: number): number {
  let hash = Math.imul(a, 0x85ebca6b) ^ b
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
