// Call chains as the kernel wrote them, each kept once per address space, with the mapping that each address lay in
// *at that moment*: the process may be gone, or have mapped something else there, when names are looked up.
//
//   ffffff80ffffffff  PERF_CONTEXT_KERNEL (-128)        a marker: what follows is kernel code
//   ffffffff81a0012b  do_syscall_64                     the first address is exact, the others return addresses
//   fffffffffffffe00  PERF_CONTEXT_USER (-512)
//   00007f3c5d1a2f3c  read
import type { AddressSpace } from './address-space.ts'
import { unknownPlace } from './frame-table.ts'
import type { MappedRange } from './mapped-file.ts'
import type { PlaceCache } from './place-cache.ts'
import { RowArena } from './row-arena.ts'

/** Markers lie in the last page of the address space (perf_event.h, PERF_CONTEXT_MAX = -4095). */
const lastMarker = -4095
export const context = { user: -512, userDeferred: -640, guestUser: -2560 }

export const isMarker = (low: number, high: number): boolean => high === -1 && low < 0 && low >= lastMarker
export const isKernelMarker = (low: number): boolean =>
  low !== context.user && low !== context.guestUser && low !== context.userDeferred

/** In `bound`, where there is no row of `ranges`. */
const unmapped = -1
const marker = -2
/** A frame pointer chain ran into data: from the first word that cannot be an address on, nothing was code. */
const garbage = -3

/** User addresses end here with 5-level paging (Documentation/arch/x86/x86_64/5level-paging.rst): 2^56. */
export const userEnd = 2 ** 56

/** Bit of a stack's key: its first frames are kernel code although no marker says so. */
const kernelStart = 1 << 31

/** First room. Small, here and elsewhere: growing early, before code is compiled for good, spares compiling it twice. */
const firstStacks = 64

/** How long a name of run-time code is trusted: compilers move hot code within seconds, then leave it alone. */
const jitTrustSeconds = 10

export class RawStacks {
  /** Mappings that stacks refer to; a row is free when undefined. */
  readonly ranges: (MappedRange | undefined)[] = []
  /** A row's notes are, per frame, the row of `ranges` or one of the constants above. */
  private readonly arena = new RowArena({ hasNotes: true })
  private freeRangeRows: number[] = []
  /** Per stack: its resolved stack, -1 until then. */
  private resolved = new Int32Array(firstStacks)
  /** Per stack: second in which names were looked up, when it holds run-time code; else Infinity. */
  private namedAt = new Float64Array(firstStacks)
  private fresh: number[] = []

  get size(): number {
    return this.arena.size
  }

  /** Stacks that were not resolved yet. */
  get unresolved(): readonly number[] {
    return this.fresh
  }

  /**
   * Number of a call chain of a space.
   * @param startsInKernel what code before the first marker is
   */
  intern(words: Int32Array, from: number, to: number, { user, kernel, startsInKernel, second }: InternContext): number {
    const { arena } = this
    let id = arena.intern(words, from, to, startsInKernel ? user.key | kernelStart : user.key)
    if (!arena.wasNew) {
      if ((this.namedAt[id] as number) + jitTrustSeconds >= second) return id
      id = arena.renew(id)
    }
    if (id >= this.resolved.length) this.growRows()
    this.resolved[id] = -1
    this.namedAt[id] = Number.POSITIVE_INFINITY
    this.fresh.push(id)
    this.bind(id, user, kernel, startsInKernel)
    return id
  }

  /** Key of the address space that the stack was taken in. */
  spaceKey(id: number): number {
    return this.arena.key(id) & ~kernelStart
  }

  *ids(): Generator<number> {
    for (let id = 0; id < this.arena.limit; id++) if (this.arena.isUsed(id)) yield id
  }

  /** Every stack gets a new number when it is seen again: kernel code was loaded or unloaded. */
  distrust(): void {
    this.namedAt.fill(Number.NEGATIVE_INFINITY)
  }

  /** Frames, markers included. */
  frameCount(id: number): number {
    return this.arena.length(id) >> 1
  }

  /** The chain as it was recorded, low and high words. A view: valid until the next stack is added. */
  wordsOf(id: number): Int32Array {
    const from = this.arena.start(id)
    return this.arena.block(id).subarray(from, from + this.arena.length(id))
  }

  /** The kernel's code begins the chain although no marker says so. */
  startsInKernel(id: number): boolean {
    return (this.arena.key(id) & kernelStart) !== 0
  }

  /** Mappings that a stack's addresses lie in, in the order of the frames. */
  *rangesOf(id: number): Generator<MappedRange> {
    for (const row of this.boundsOf(id)) {
      const range = this.ranges[row]
      if (range) yield range
    }
  }

  /** First address of a stack and where it is; 0 in an empty one. */
  leafOf(id: number): { address: number; frame: number; isKernel: boolean } {
    const words = this.wordsOf(id)
    let isKernel = this.startsInKernel(id)
    for (let frame = 0; frame < words.length >> 1; frame++) {
      const low = words[2 * frame] as number
      const high = words[2 * frame + 1] as number
      if (!isMarker(low, high)) return { address: high * 4294967296 + (low >>> 0), frame, isKernel }
      isKernel = isKernelMarker(low)
    }
    return { address: 0, frame: 0, isKernel }
  }

  /** Frames that are addresses. */
  addressCount(id: number): number {
    const block = this.arena.block(id)
    const from = this.arena.start(id) + this.arena.length(id)
    const frames = this.frameCount(id)
    let count = frames
    for (let i = 0; i < frames; i++) if (block[from + i] === marker) count--
    return count
  }

  /**
   * Appends the rows of a stack's places to `rows`, leaf first, and -1 behind them.
   * @returns where the next stack goes
   */
  placesOf(id: number, rows: Int32Array, at: number, places: PlaceCache): number {
    const { ranges } = this
    const block = this.arena.block(id)
    let word = this.arena.start(id)
    const end = word + this.arena.length(id)
    // The first address behind a marker is where it ran, the others are where calls return to.
    let isReturn = false
    for (let bound = end; word < end; word += 2, bound++) {
      const row = block[bound] as number
      if (row >= 0) {
        const key = isReturn ? ~row : row
        rows[at++] = places.rowOf(ranges[row] as MappedRange, key, block[word] as number, block[word + 1] as number)
      } else if (row === unmapped) rows[at++] = unknownPlace
      else if (row === garbage) break
      isReturn = row !== marker
    }
    rows[at] = -1
    return at + 1
  }

  resolvedOf(id: number): number {
    return this.resolved[id] as number
  }

  /** @param hasJit its names may change */
  setResolved(id: number, stack: number, hasJit: boolean, second: number): void {
    this.resolved[id] = stack
    if (hasJit) this.namedAt[id] = second
  }

  /** All fresh stacks were resolved. */
  clearUnresolved(): void {
    this.fresh = []
  }

  /** Forgets what is not kept, and mappings that no kept stack refers to. */
  retain(isKept: (id: number) => boolean): void {
    this.arena.retain(isKept)
    const used = new Uint8Array(this.ranges.length)
    for (const id of this.ids()) for (const row of this.boundsOf(id)) if (row >= 0) used[row] = 1
    this.ranges.forEach((range, row) => {
      if (range === undefined || used[row] === 1) return
      range.row = -1
      this.ranges[row] = undefined
      this.freeRangeRows.push(row)
    })
    this.fresh = this.fresh.filter(isKept)
  }

  private bind(id: number, user: AddressSpace, kernel: AddressSpace, startsInKernel: boolean): void {
    const { arena } = this
    const block = arena.block(id)
    const from = arena.start(id)
    const frames = arena.length(id) >> 1
    const base = from + arena.length(id)
    let inKernel = startsInKernel
    let isFirstOfUser = true
    let isDeferred = false
    /** First frame that cannot be an address, as long as no code follows it. */
    let nonsense = -1
    for (let i = 0; i < frames; i++) {
      const high = block[from + 2 * i + 1] as number
      const low = block[from + 2 * i] as number
      if (isMarker(low, high)) {
        inKernel = isKernelMarker(low)
        isDeferred = low === context.userDeferred
        block[base + i] = marker
        continue
      }
      // USER_DEFERRED is followed by a cookie, not by an address.
      if (isDeferred) {
        block[base + i] = marker
        continue
      }
      const address = high * 4294967296 + (low >>> 0)
      const range = (inKernel ? kernel : user).find(address)
      if (range !== undefined) {
        block[base + i] = this.rowOf(range)
        if (isFirstOfUser && !inKernel) user.settle(range)
        nonsense = -1
      } else {
        block[base + i] = unmapped
        if (nonsense < 0 && !inKernel && !(address >= 0 && address < userEnd)) nonsense = i
      }
      if (!inKernel) isFirstOfUser = false
    }
    if (nonsense >= 0) block.fill(garbage, base + nonsense, base + frames)
  }

  /** A view of a stack's notes. */
  private boundsOf(id: number): Int32Array {
    const from = this.arena.start(id) + this.arena.length(id)
    return this.arena.block(id).subarray(from, from + (this.arena.length(id) >> 1))
  }

  private rowOf(range: MappedRange): number {
    if (range.row < 0) {
      range.row = this.freeRangeRows.pop() ?? this.ranges.length
      this.ranges[range.row] = range
    }
    return range.row
  }

  private growRows(): void {
    const resolved = new Int32Array(this.resolved.length * 2)
    resolved.set(this.resolved)
    this.resolved = resolved
    const namedAt = new Float64Array(resolved.length)
    namedAt.set(this.namedAt)
    this.namedAt = namedAt
  }
}

/** Where a chain was taken. One object is filled anew for every sample. */
export interface InternContext {
  user: AddressSpace
  readonly kernel: AddressSpace
  startsInKernel: boolean
  /** Of the recording's clock. */
  second: number
}
