// Damages good files in the ways that files are damaged: bits, numbers, cuts, repeats, pieces of one in another. The
// same seed gives the same damage.

/** xorshift32: fast, and good enough to spread damage. */
export class Random {
  private state: number

  constructor(seed: number) {
    // 0 is the one state that xorshift never leaves.
    this.state = Math.imul(seed + 1, 0x9e3779b1) || 1
  }

  /** An integer from 0 up to but without `limit`. */
  below(limit: number): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return Math.floor(((this.state >>> 0) / 2 ** 32) * limit)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}

/** Mutants grow no larger than this, so that thousands are tried in a second. */
export const maxMutantBytes = 262_144
/** Numbers at the edges of types; as bytes of either order, and as text. */
const edges = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0xffffffffn, 2n ** 63n - 1n, 2n ** 64n - 1n]

type Damage = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

/** Leaves everything in its place, so that most of the file is still read. */
const gentle: readonly Damage[] = [
  function flipBit(bytes, random) {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
    return bytes
  },
  function setByte(bytes, random) {
    if (bytes.length > 0)
      bytes[random.below(bytes.length)] = random.pick([0, 0x0a, 0x20, 0x3b, 0x7f, 0x80, 0xff, random.below(256)])
    return bytes
  },
  function setNumber(bytes, random) {
    const size = random.pick([2, 4, 8])
    if (bytes.length < size) return bytes
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const at = random.below(bytes.length - size + 1)
    const value = random.pick(edges)
    const isLittle = random.below(2) === 0
    if (size === 2) view.setUint16(at, Number(value & 0xffffn), isLittle)
    else if (size === 4) view.setUint32(at, Number(value & 0xffffffffn), isLittle)
    else view.setBigUint64(at, value, isLittle)
    return bytes
  },
  function changeNumber(bytes, random) {
    const start = random.below(bytes.length + 1)
    const from = bytes.findIndex((byte, i) => i >= start && isDigit(byte))
    if (from < 0) return bytes
    let to = from
    while (isDigit(bytes[to])) to++
    const sign = isDigit(bytes[from - 1]) || random.below(4) > 0 ? 1n : -1n
    const edge = new TextEncoder().encode(String(random.pick(edges) * sign))
    return joined(bytes.subarray(0, from), edge, bytes.subarray(to))
  },
]

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** Moves what follows, so that formats with lengths lose their way. */
const rough: readonly Damage[] = [
  function cutEnd(bytes, random) {
    return new Uint8Array(bytes.subarray(0, random.below(bytes.length + 1)))
  },
  function cutStart(bytes, random) {
    return new Uint8Array(bytes.subarray(random.below(Math.min(bytes.length, 64) + 1)))
  },
  function removeRange(bytes, random) {
    const [from, to] = range(bytes, random)
    return joined(bytes.subarray(0, from), bytes.subarray(to))
  },
  function repeatRange(bytes, random) {
    const [from, to] = range(bytes, random)
    const times = random.pick([1, 2, 10, 1000])
    const pieces = Array.from({ length: times }, () => bytes.subarray(from, to))
    return joined(bytes.subarray(0, to), ...pieces, bytes.subarray(to))
  },
  function insertNoise(bytes, random) {
    const at = random.below(bytes.length + 1)
    const noise = Uint8Array.from({ length: 1 + random.below(32) }, () => random.below(256))
    return joined(bytes.subarray(0, at), noise, bytes.subarray(at))
  },
  function spliceOther(bytes, random, others) {
    const other = random.pick(others)
    const [from, to] = range(other, random)
    const at = random.below(bytes.length + 1)
    return joined(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at))
  },
  function swapRanges(bytes, random) {
    const [from, to] = range(bytes, random)
    return joined(bytes.subarray(to), bytes.subarray(from, to), bytes.subarray(0, from))
  },
]

/** A range that is short more often than long. */
function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.below(bytes.length + 1)
  const length = random.below(2) === 0 ? random.below(64) : random.below(bytes.length + 1)
  return [from, Math.min(bytes.length, from + length)]
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    Math.min(
      maxMutantBytes,
      parts.reduce((sum, part) => sum + part.length, 0),
    ),
  )
  let at = 0
  for (const part of parts) {
    whole.set(part.subarray(0, whole.length - at), at)
    at = Math.min(whole.length, at + part.length)
  }
  return whole
}

/** A copy of one of the files with some damage: in half of them little, so that parsers get to their later parts. */
export function mutate(files: readonly Uint8Array[], random: Random): Uint8Array {
  // Not slice(): that of a Buffer shares its memory, and the good file would be damaged for good.
  let bytes: Uint8Array = new Uint8Array(random.pick(files))
  const kinds = random.below(2) === 0 ? gentle : [...gentle, ...rough]
  for (let i = random.below(4); i >= 0; i--) bytes = random.pick(kinds)(bytes, random, files)
  return bytes
}
