// Where an address is in a sorted table: tables of addresses are searched by halving.

/** Index of the first of ascending numbers that is above a value; `length` when none is. */
export function firstAbove(ascending: ArrayLike<number>, value: number, length = ascending.length): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) <= value) low = middle + 1
    else high = middle
  }
  return low
}
