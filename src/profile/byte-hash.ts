// Hashing and comparing stretches of bytes four at a time.

/**
 * Not the byte count but every byte decides. Two hashes side by side, each of every other four bytes, because the next
 * multiplication waits for the last. Multipliers of MurmurHash3, as in row-interner.ts.
 */
export function hashBytes(view: DataView, from: number, to: number): number {
  let hash = to - from
  let other = hash
  let at = from
  for (; at + 8 <= to; at += 8) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x85ebca6b)
    other = Math.imul(other ^ view.getInt32(at + 4, true), 0xc2b2ae35)
    hash ^= hash >>> 15
    other ^= other >>> 13
  }
  if (at + 4 <= to) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x85ebca6b)
    hash ^= hash >>> 15
    at += 4
  }
  for (; at < to; at++) other = Math.imul(other ^ view.getUint8(at), 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ Math.imul(other ^ (other >>> 15), 0x85ebca6b)
  return hash ^ (hash >>> 16)
}

/** Are `length` bytes the same in both places? */
export function sameBytes(
  a: { view: DataView; at: number },
  b: { view: DataView; at: number },
  length: number,
): boolean {
  const [first, second] = [a.view, b.view]
  let [i, j] = [a.at, b.at]
  const end = i + length
  for (; i + 4 <= end; i += 4, j += 4) if (first.getInt32(i, true) !== second.getInt32(j, true)) return false
  for (; i < end; i++, j++) if (first.getUint8(i) !== second.getUint8(j)) return false
  return true
}
