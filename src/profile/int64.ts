// Fast access to 64-bit columns. Reading a BigInt64Array element makes a BigInt on the heap (about 50 ns);
// the same 8 bytes seen as two 32-bit words are a double in 1 ns. Every platform that runs JavaScript engines
// of today is little-endian, so word 2i is the low half and word 2i+1 the high one.

/** 2^32: weight of the high word. */
export const highWord = 4294967296

/** The words of a 64-bit column, low word first; shares its memory. */
export function wordsOf(column: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(column.buffer, column.byteOffset, column.length * 2)
}

/** Element `index` of a signed column as a double: exact up to 2^53, the nearest double above. */
export function int64At(words: Int32Array, index: number): number {
  return (words[2 * index + 1] as number) * highWord + ((words[2 * index] as number) >>> 0)
}

/** A reader of a signed column, for loops: `const read = int64Reader(column); sum += read(i)`. */
export function int64Reader(column: BigInt64Array): (index: number) => number {
  const words = wordsOf(column)
  return (index) => (words[2 * index + 1] as number) * highWord + ((words[2 * index] as number) >>> 0)
}

/** The whole signed column as doubles. */
export function toNumbers(column: BigInt64Array): Float64Array {
  const words = wordsOf(column)
  const numbers = new Float64Array(column.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = int64At(words, i)
  return numbers
}

/** Stores an integer of magnitude up to 2^53 as a 64-bit element, without making a BigInt. */
export function setInt64(words: Int32Array, index: number, value: number): void {
  words[2 * index] = value | 0 // ToInt32 takes the value modulo 2^32: the low word, also of negatives
  words[2 * index + 1] = Math.floor(value / highWord)
}
