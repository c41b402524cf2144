// Grows a tree from the top, group by group, and leaves what has become too light to be seen: of a million nodes a
// picture shows some thousands. Stacks that share their first frames are one group; a group is split by the next frame.
import type { LocationFrames } from './frames.ts'
import type { Profile } from './profile.ts'
import type { Trie } from './trie.ts'

/** What it takes to walk a stack. */
export interface Walk {
  readonly trie: Trie
  readonly frames: LocationFrames
  readonly profile: Profile
}

/** Rows from..to of the order below, which all came through `node` and have `depth` frames behind them. */
interface Group {
  readonly from: number
  readonly to: number
  readonly node: number
  readonly depth: number
}

export class HeavyWalk {
  private readonly way: Walk
  private readonly invert: boolean
  private readonly stacks: number[] = []
  private readonly nodes: number[] = []
  private readonly weights: number[] = []

  /** @param invert from the function that ran to its callers */
  constructor(way: Walk, invert: boolean) {
    this.way = way
    this.invert = invert
  }

  /** A stack of so much weight hangs below a node. Stacks of one node are added one behind the other. */
  add(node: number, stack: number, weight: number): void {
    this.nodes.push(node)
    this.stacks.push(stack)
    this.weights.push(weight)
  }

  /** @param leastShare what a node must weigh to be entered, as a share of all that was added */
  walk(leastShare: number): void {
    const { trie, frames } = this.way
    // Columns of what was added, in an order in which each group is one range of rows. Groups are large, and rows that
    // are read one behind the other take a third of the time of rows that are looked up.
    const weight = Float64Array.from(this.weights)
    const least = weight.reduce((sum, each) => sum + Math.abs(each), 0) * leastShare
    const { sequence, start, end } = this.sequences()
    const rows = weight.length
    const spare = { weight: new Float64Array(rows), start: new Uint32Array(rows), end: new Uint32Array(rows) }
    /** By row, which part it goes to; 0 = it ends here. */
    const part = new Uint32Array(rows)
    /** From frame to the part of the group that goes on with it. */
    const partOf = new Uint32Array(frames.keys.length)
    // By part; there are at most as many as frames.
    const frameOf = new Int32Array(frames.keys.length + 1)
    const count = new Uint32Array(frames.keys.length + 1)
    const sum = new Float64Array(frames.keys.length + 1)
    const size = new Float64Array(frames.keys.length + 1)
    const place = new Uint32Array(frames.keys.length + 1)
    const pending = this.roots()
    for (let group = pending.pop(); group; group = pending.pop()) {
      const { from, to, node, depth } = group
      let parts = 0
      for (let row = from; row < to; row++) {
        const at = (start[row] as number) + depth
        const value = weight[row] as number
        if (at === end[row]) {
          part[row] = 0
          trie.add(node, value)
          continue
        }
        const frame = sequence[at] as number
        let number = partOf[frame] as number
        if (number === 0) {
          number = ++parts
          partOf[frame] = number
          frameOf[number] = frame
          count[number] = 0
          sum[number] = 0
          size[number] = 0
        }
        part[row] = number
        count[number] = (count[number] as number) + 1
        sum[number] = (sum[number] as number) + value
        size[number] = (size[number] as number) + Math.abs(value)
      }
      let next = from
      for (let number = 1; number <= parts; number++) {
        const frame = frameOf[number] as number
        partOf[frame] = 0
        const child = trie.append(node, frame)
        if ((size[number] as number) < least) {
          trie.add(child, sum[number] as number)
          count[number] = 0
          continue
        }
        place[number] = next
        pending.push({ from: next, to: next + (count[number] as number), node: child, depth: depth + 1 })
        next += count[number] as number
      }
      // Most groups go on as one, in the order they have.
      if (next === from || (parts === 1 && next === to)) continue
      for (let row = from; row < to; row++) {
        const number = part[row] as number
        if (number === 0 || count[number] === 0) continue
        const to = place[number]!++
        spare.weight[to] = weight[row] as number
        spare.start[to] = start[row] as number
        spare.end[to] = end[row] as number
      }
      weight.set(spare.weight.subarray(from, next), from)
      start.set(spare.start.subarray(from, next), from)
      end.set(spare.end.subarray(from, next), from)
    }
  }

  /** What hangs below one node, as a group each. */
  private roots(): Group[] {
    const { nodes } = this
    const groups: Group[] = []
    for (let from = 0, to = 1; from < nodes.length; to++) {
      if (nodes[to] === nodes[from]) continue
      groups.push({ from, to, node: nodes[from] as number, depth: 0 })
      from = to
    }
    return groups
  }

  /** Frames of stack i are sequence[start[i] .. end[i]], in the order of the walk. */
  private sequences(): { sequence: Int32Array; start: Uint32Array; end: Uint32Array } {
    const { frames, profile } = this.way
    const { offsets, locations } = profile.stacks
    const start = new Uint32Array(this.stacks.length)
    const end = new Uint32Array(this.stacks.length)
    let length = 0
    this.stacks.forEach((stack, i) => {
      start[i] = length
      for (let at = offsets[stack] as number; at < (offsets[stack + 1] as number); at++) {
        const location = locations[at] as number
        length += (frames.offsets[location + 1] as number) - (frames.offsets[location] as number)
      }
      end[i] = length
    })
    const sequence = new Int32Array(length)
    // Locations are leaf first; from the root they are written from the end.
    const step = this.invert ? 1 : -1
    this.stacks.forEach((stack, i) => {
      let to = this.invert ? (start[i] as number) : (end[i] as number) - 1
      for (let at = offsets[stack] as number; at < (offsets[stack + 1] as number); at++) {
        const location = locations[at] as number
        const last = frames.offsets[location + 1] as number
        for (let row = frames.offsets[location] as number; row < last; row++) {
          sequence[to] = frames.rows[row] as number
          to += step
        }
      }
    })
    return { sequence, start, end }
  }
}
