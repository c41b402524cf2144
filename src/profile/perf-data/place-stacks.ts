// Call chains of a recording that is read once, from a file: each becomes the places that its addresses lie in as soon
// as it is met, and the addresses themselves are not kept. Ten million frames then take 40 MB, where raw-stacks.ts, which
// can also give them back, takes 120.
import type { AddressSpace } from './address-space.ts'
import { ChainIndex } from './chain-index.ts'
import { type FrameTable, unknownPlace } from './frame-table.ts'
import type { MappedRange } from './mapped-file.ts'
import { context, type InternContext, isKernelMarker, isMarker, userEnd } from './raw-stacks.ts'
import { release } from './release.ts'
import { RowArena } from './row-arena.ts'

/** Entries of the cache of addresses: at first 64 kB, at most 2 MB, what fits into a second-level cache or so. */
const firstCacheSize = 1 << 12
const mostCacheSize = 1 << 17
/** A record holds 16 383 words, and every frame takes two. */
const mostFrames = 8192
/** Names are asked for once, at the end: all places are of one moment. */
const oneMoment = 0

interface LastChain {
  readonly words: Int32Array
  /** By frame, markers included, the row of its place. */
  readonly rows: Int32Array
  frames: number
  /** Key of its space. */
  user: number
  /** Its first frame from which on all is user code. */
  tail: number
}

export class PlaceStacks {
  /** Mappings that were met. */
  readonly ranges = new Set<MappedRange>()
  private readonly frames: FrameTable
  private readonly mostDepth: () => number
  /** Chains that were met; their numbers are those of `stacks`. */
  chains = new ChainIndex()
  /** Rows of places, leaf first; key 1 = was cut at the depth limit. */
  private readonly stacks = new RowArena()
  private resolved: Int32Array = new Int32Array(0)
  /** Entries [address low, high, key of the space, place]; a newer one takes an older one's room. Key 0 = free. */
  private cache = new Int32Array(firstCacheSize * 4)
  /** How many entries were made since it has this size. */
  private cached = 0
  private readonly rows = new Int32Array(mostFrames)
  /** The chain before: stacks that follow each other share most of their callers, which are then found at once. */
  private readonly last: LastChain = {
    words: new Int32Array(2 * mostFrames),
    rows: new Int32Array(mostFrames),
    frames: 0,
    user: 0,
    tail: 0,
  }

  /** @param mostDepth chains of so many frames were cut there; asked late, because the first events come before it is known */
  constructor(frames: FrameTable, mostDepth: () => number) {
    this.frames = frames
    this.mostDepth = mostDepth
  }

  get size(): number {
    return this.stacks.size
  }

  /** Number of the stack that a call chain is. */
  intern(words: Int32Array, from: number, to: number, where: InternContext): number {
    const { chains } = this
    // Kernel code is the same whichever process runs it.
    const { key } = isKernelOnly(words, from, to) ? where.kernel : where.user
    // The sign tells them apart: keys are positive.
    const known = chains.find(words, from, to, where.startsInKernel ? -key : key)
    if (known >= 0) return known
    const stack = this.place(words, from, to, where)
    chains.add(stack)
    return stack
  }

  /** Kernel code was loaded or unloaded: equal chains may mean other code from now on. */
  distrust(): void {
    this.chains = new ChainIndex()
    this.cache.fill(0)
    this.last.user = 0
  }

  /** Makes stacks of functions of the stacks of places, once these have their names. */
  resolve(into: RowArena): void {
    const { stacks, frames, rows } = this
    // No chain comes any more.
    this.chains.release()
    release(this.cache)
    this.resolved = new Int32Array(stacks.limit)
    for (let id = 0; id < stacks.limit; id++) {
      const block = stacks.block(id)
      const start = stacks.start(id)
      const length = stacks.length(id)
      for (let i = 0; i < length; i++) rows[i] = frames.standFor(block[start + i] as number)
      this.resolved[id] = into.intern(rows, 0, length, stacks.key(id))
    }
    stacks.release()
  }

  resolvedOf(stack: number): number {
    return this.resolved[stack] ?? -1
  }

  private place(words: Int32Array, from: number, to: number, { user, kernel, startsInKernel }: InternContext): number {
    const { rows, last } = this
    const cache = this.roomyCache()
    const cacheMask = (cache.length >> 2) - 1
    let space = startsInKernel ? kernel : user
    let isFirstOfUser = true
    let isDeferred = false
    // The first address behind a marker is where it ran, the others are where calls return to.
    let isReturn = false
    let length = 0
    /** First frame that cannot be an address, as long as no code follows it. */
    let nonsense = -1
    const shared = this.sharedFrom(words, from, to, user.key)
    /** From a word here to that of the same frame in the last chain. */
    const toLast = last.frames - ((to - from) >> 1)
    let tail = 0
    for (let at = from; at < to; at += 2) {
      const low = words[at] as number
      const high = words[at + 1] as number
      if (isMarker(low, high)) {
        space = isKernelMarker(low) ? kernel : user
        isDeferred = low === context.userDeferred
        isReturn = false
        tail = ((at - from) >> 1) + 1
        continue
      }
      if (isDeferred) continue
      let row: number
      if (at >= shared && space === user && isReturn) row = last.rows[((at - from) >> 1) + toLast] as number
      else {
        const key = isReturn ? -space.key : space.key
        const hash = Math.imul(low ^ Math.imul(high ^ Math.imul(key, 0x9e3779b1), 0x85ebca6b), 0xc2b2ae35)
        const entry = ((hash ^ (hash >>> 15)) & cacheMask) << 2
        if (cache[entry] === low && cache[entry + 1] === high && cache[entry + 2] === key) {
          row = cache[entry + 3] as number
        } else {
          row = this.rowOf(space, addressOf(low, high), isReturn)
          this.cached++
          cache[entry] = low
          cache[entry + 1] = high
          cache[entry + 2] = key
          cache[entry + 3] = row
        }
      }
      if (row !== unknownPlace) nonsense = -1
      else if (nonsense < 0 && space === user && !isUserAddress(low, high)) nonsense = length
      if (isFirstOfUser && space === user) {
        isFirstOfUser = false
        if (user.isInsideExec) user.settleAt(addressOf(low, high))
      }
      rows[length++] = row
      isReturn = true
    }
    this.remember(words, from, to, { length, key: user.key, tail: space === user && !isDeferred ? tail : -1 })
    // So many frames and markers as the kernel wrote; those that are not places are few.
    const isCut = length >= this.mostDepth()
    return this.stacks.intern(rows, 0, nonsense >= 0 ? nonsense : length, isCut ? 1 : 0)
  }

  /** The cache, larger once as many addresses were looked up as it has room for. */
  private roomyCache(): Int32Array {
    if (this.cached > this.cache.length >> 2 && this.cache.length < mostCacheSize * 4) {
      const size = this.cache.length * 4
      release(this.cache)
      this.cache = new Int32Array(size)
      this.cached = 0
    }
    return this.cache
  }

  /** The word from which on the chain is as the end of the last one: user code of the same space. */
  private sharedFrom(words: Int32Array, from: number, to: number, user: number): number {
    const { last } = this
    if (last.user !== user) return to
    let at = to
    let other = 2 * last.frames
    // Not its first, which is no return address.
    const end = 2 * (last.tail + 1)
    while (
      at > from &&
      other > end &&
      words[at - 1] === last.words[other - 1] &&
      words[at - 2] === last.words[other - 2]
    ) {
      at -= 2
      other -= 2
    }
    return at
  }

  /** @param tail first frame behind the last marker, -1 when what follows it is not user code */
  private remember(
    words: Int32Array,
    from: number,
    to: number,
    { length, key, tail }: { length: number; key: number; tail: number },
  ): void {
    const { last, rows } = this
    last.user = tail < 0 ? 0 : key
    last.frames = (to - from) >> 1
    last.tail = tail
    if (tail < 0) return
    for (let i = 2 * tail, at = from + i; at < to; i++, at++) last.words[i] = words[at] as number
    // Behind the last marker every frame has a row.
    const first = length - (last.frames - tail)
    for (let i = tail, row = first; i < last.frames; i++, row++) last.rows[i] = rows[row] as number
  }

  private rowOf(space: AddressSpace, address: number, isReturn: boolean): number {
    const range = space.find(address)
    if (range === undefined) return unknownPlace
    this.ranges.add(range)
    return this.frames.rowOf(range, address, { second: oneMoment, isReturn })
  }
}

/** Addresses of the kernel are negative; those of the user come last, behind their marker. */
function isKernelOnly(words: Int32Array, from: number, to: number): boolean {
  if (to === from || (words[to - 1] as number) >= 0) return false
  for (let at = from; at < to; at += 2) {
    const low = words[at] as number
    if (isMarker(low, words[at + 1] as number) && !isKernelMarker(low)) return false
  }
  return true
}

const addressOf = (low: number, high: number): number => high * 4294967296 + (low >>> 0)

function isUserAddress(low: number, high: number): boolean {
  const address = addressOf(low, high)
  return address >= 0 && address < userEnd
}
