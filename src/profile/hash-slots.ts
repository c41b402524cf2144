// The hash tables of the interners: pairs of number + 1 (0 = free) and hash, by open addressing with linear probing.
// Number and hash lie next to each other because most lookups end in reading both.

/** The same entries in twice as many slots. */
export function growSlots(old: Int32Array): Int32Array<ArrayBuffer> {
  const slots = new Int32Array(old.length * 2)
  const mask = slots.length - 1
  for (let from = 0; from < old.length; from += 2) {
    if (old[from] === 0) continue
    let slot = ((old[from + 1] as number) << 1) & mask
    while (slots[slot] !== 0) slot = (slot + 2) & mask
    slots[slot] = old[from] as number
    slots[slot + 1] = old[from + 1] as number
  }
  return slots
}
