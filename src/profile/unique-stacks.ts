// Equal stacks found once per profile: samples repeat the same few stacks, and trees are made of stacks, not of samples.
import type { StackTable } from './profile.ts'

/** Kept as long as the table itself; selections and transforms share it. */
const known = new WeakMap<StackTable, Uint32Array>()
const nearlyUnique = new WeakSet<StackTable>()

/** For each stack the first stack with the same locations, which may be itself. */
export function firstEqualStack(stacks: StackTable): Uint32Array {
  let first = known.get(stacks)
  if (!first) {
    first = findEqual(stacks)
    known.set(stacks, first)
  }
  return first
}

/** The same for trees, which are right whichever equal stacks are found: nobody looks where there are hardly any. */
export function stackToAddTo(stacks: StackTable): Uint32Array {
  return nearlyUnique.has(stacks) ? each(stacks) : firstEqualStack(stacks)
}

/** For whoever makes a table of which no two stacks are equal: then nobody has to look for equal ones. */
export function knowUnique(stacks: StackTable): void {
  known.set(stacks, each(stacks))
}

/** For whoever makes a table of which few stacks are equal. */
export function knowNearlyUnique(stacks: StackTable): void {
  nearlyUnique.add(stacks)
}

function each({ length }: StackTable): Uint32Array {
  const stacks = new Uint32Array(length)
  for (let stack = 0; stack < length; stack++) stacks[stack] = stack
  return stacks
}

function findEqual({ length, offsets, locations }: StackTable): Uint32Array {
  const first = new Uint32Array(length)
  const hashes = new Int32Array(length)
  // A power of two, at most half full, so that probing stays short.
  let size = 16
  while (size < length * 2) size *= 2
  const slots = new Int32Array(size)
  for (let stack = 0; stack < length; stack++) {
    const from = offsets[stack] as number
    const to = offsets[stack + 1] as number
    let hash = to - from
    // Multiplier of MurmurHash3, as in row-interner.ts.
    for (let at = from; at < to; at++) {
      hash = Math.imul(hash ^ (locations[at] as number), 0x85ebca6b)
      hash ^= hash >>> 15
    }
    hashes[stack] = hash
    let slot = Math.imul(hash, 0xc2b2ae35) >>> 0
    slot = (slot ^ (slot >>> 15)) & (size - 1)
    for (;;) {
      const found = (slots[slot] as number) - 1
      if (found < 0) {
        slots[slot] = stack + 1
        first[stack] = stack
        break
      }
      if (hashes[found] === hash && isSame(found, from, to - from)) {
        first[stack] = found
        break
      }
      slot = (slot + 1) & (size - 1)
    }
  }
  return first

  function isSame(other: number, from: number, count: number): boolean {
    const start = offsets[other] as number
    if ((offsets[other + 1] as number) - start !== count) return false
    for (let i = 0; i < count; i++) if (locations[start + i] !== locations[from + i]) return false
    return true
  }
}
