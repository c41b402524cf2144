// Call chains as the kernel wrote them, each kept once per address space, with the mapping that each address lay in
// *at that moment*: the process may be gone, or have mapped something else there, when names are looked up.
//
//   ffffff80ffffffff  PERF_CONTEXT_KERNEL (-128)        a marker: what follows is kernel code
//   ffffffff81a0012b  do_syscall_64                     the first address is exact, the others return addresses
//   fffffffffffffe00  PERF_CONTEXT_USER (-512)
//   00007f3c5d1a2f3c  read
import type { AddressSpace } from './address-space.ts'
import type { MappedRange } from './mapped-file.ts'
import { RowArena } from './row-arena.ts'

/** Markers lie in the last page of the address space (perf_event.h, PERF_CONTEXT_MAX = -4095). */
const lastMarker = -4095
const context = { user: -512, userDeferred: -640, guestUser: -2560 }

/** In `bound`, where there is no row of `ranges`. */
export const unmapped = -1
export const marker = -2
/** Not an address at all: a frame pointer chain ran into data. This and what follows is no stack. */
export const garbage = -3

/** User addresses end here with 5-level paging (Documentation/arch/x86/x86_64/5level-paging.rst): 2^56. */
const userEnd = 2 ** 56

/** Bit of a stack's key: its first frames are kernel code although no marker says so. */
const kernelStart = 1 << 31

/** How long a name of run-time code is trusted: compilers move hot code within seconds, then leave it alone. */
const jitTrustSeconds = 10

export class RawStacks {
  /** Mappings that stacks refer to; a row is free when undefined. */
  readonly ranges: (MappedRange | undefined)[] = []
  private readonly arena = new RowArena()
  private freeRangeRows: number[] = []
  /** Per frame: row of `ranges` or one of the constants above. Frame i of a stack is at offset/2 + i. */
  private bound = new Int32Array(1024)
  /** Per stack: its resolved stack, -1 until then. */
  private resolved = new Int32Array(1024)
  /** Per stack: second in which names were looked up, when it holds run-time code; else Infinity. */
  private namedAt = new Float64Array(1024)
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

  /** Address of frame i as a double of its signed value, or the marker's number. */
  address(id: number, frame: number): number {
    const at = this.arena.offset(id) + 2 * frame
    const { values } = this.arena
    return (values[at + 1] as number) * 4294967296 + ((values[at] as number) >>> 0)
  }

  /** Row of `ranges` of frame i, or `unmapped`, `marker`, `garbage`. */
  boundOf(id: number, frame: number): number {
    return this.bound[(this.arena.offset(id) >> 1) + frame] as number
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
    const old = this.bound
    const bound = new Int32Array(old.length)
    const used = new Uint8Array(this.ranges.length)
    this.arena.retain(isKept, (from, to, length) => {
      for (let i = 0; i < length >> 1; i++) {
        const row = old[(from >> 1) + i] as number
        bound[(to >> 1) + i] = row
        if (row >= 0) used[row] = 1
      }
    })
    this.bound = bound
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
    const from = arena.offset(id)
    const frames = arena.length(id) >> 1
    const base = from >> 1
    while (base + frames > this.bound.length) {
      const larger = new Int32Array(this.bound.length * 2)
      larger.set(this.bound)
      this.bound = larger
    }
    const { values } = arena
    const { bound } = this
    let inKernel = startsInKernel
    let isFirstOfUser = true
    let isDeferred = false
    for (let i = 0; i < frames; i++) {
      const high = values[from + 2 * i + 1] as number
      const low = values[from + 2 * i] as number
      if (high === -1 && low < 0 && low >= lastMarker) {
        inKernel = low !== context.user && low !== context.guestUser && low !== context.userDeferred
        isDeferred = low === context.userDeferred
        bound[base + i] = marker
        continue
      }
      // USER_DEFERRED is followed by a cookie, not by an address.
      if (isDeferred) {
        bound[base + i] = marker
        continue
      }
      const address = high * 4294967296 + (low >>> 0)
      const range = (inKernel ? kernel : user).find(address)
      if (range !== undefined) {
        bound[base + i] = this.rowOf(range)
        if (isFirstOfUser && !inKernel) user.settle(range)
      } else if (inKernel || (address >= 0 && address < userEnd)) {
        bound[base + i] = unmapped
      } else {
        bound.fill(garbage, base + i, base + frames)
        return
      }
      if (!inKernel) isFirstOfUser = false
    }
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
