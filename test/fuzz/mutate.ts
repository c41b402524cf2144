// Damages good files in the ways that files are damaged: bits, numbers, cuts, repeats, pieces of one in another. And in
// the ways that a reader is attacked: lengths that fit what they measure while the content does not, numbers that point
// to the file's own end, values of another type. The same seed gives the same damage.

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
const edges = [
  ...[0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
]

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
    const value = interesting(bytes, at, random)
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
  function copyNumber(bytes, random) {
    // An id, an offset or a size where another one stood.
    const size = random.pick([1, 2, 4, 8])
    if (bytes.length < 2 * size) return bytes
    const from = random.below(bytes.length - size + 1)
    bytes.copyWithin(random.below(bytes.length - size + 1), from, from + size)
    return bytes
  },
  function resizeMeasured(bytes, random) {
    // Less or more of what a length measures, and the length says so: the parts behind stay where readers look for them.
    const field = findMeasured(bytes, random)
    if (!field) return bytes
    const { at, width, start, size } = field
    const [from, to] = range(bytes.subarray(start, start + size), random)
    const kept = bytes.subarray(start, start + size)
    const content =
      random.below(2) === 0
        ? joined(kept.subarray(0, from), kept.subarray(to))
        : joined(kept.subarray(0, to), kept.subarray(from, to), kept.subarray(to))
    const length = width === 0 ? varint(BigInt(content.length)) : fixed(content.length, width)
    return joined(bytes.subarray(0, at), length, content, bytes.subarray(start + size))
  },
  function setVarint(bytes, random) {
    const at = random.below(bytes.length + 1)
    let end = at
    while (end < bytes.length && bytes[end]! > 127) end++
    return joined(bytes.subarray(0, at), varint(interesting(bytes, at, random)), bytes.subarray(end + 1))
  },
  function setValue(bytes, random) {
    // What stands behind a colon, up to the next comma or bracket: JSON, headers, thread dumps.
    const start = random.below(bytes.length + 1)
    const colon = bytes.indexOf(0x3a, start)
    if (colon < 0) return bytes
    let end = colon + 1
    while (end < bytes.length && ![0x2c, 0x5d, 0x7d, 0x0a].includes(bytes[end]!)) end++
    const value = new TextEncoder().encode(random.pick(values))
    return joined(bytes.subarray(0, colon + 1), value, bytes.subarray(end))
  },
]

/** JSON of every type, and numbers that are none. */
const values = [
  'null',
  'true',
  '{}',
  '[]',
  '[[[[]]]]',
  '""',
  '"\\u0000"',
  '-1',
  '0.5',
  '1e308',
  '1e999',
  '-0',
  ' ',
  '{"a":[{}]}',
]

/** Numbers at the edges of types, or around what a position and a size in this very file are. */
function interesting(bytes: Uint8Array, at: number, random: Random): bigint {
  const own = [bytes.length, bytes.length - at, at].flatMap((number) => [number - 1, number, number + 1])
  return random.below(3) > 0 ? random.pick(edges) : BigInt(Math.max(0, random.pick(own)))
}

/** A number that may be the size of what follows it: `at` where it stands; `width` in bytes, 0 = a varint. */
interface Measured {
  readonly at: number
  readonly width: number
  readonly start: number
  readonly size: number
}

/** Numbers that fit into the file are sizes often enough: of protobuf's fields, of JFR's events, of perf's records. */
function findMeasured(bytes: Uint8Array, random: Random): Measured | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let tries = 0; tries < 32; tries++) {
    const at = random.below(bytes.length)
    const width = random.pick([0, 0, 2, 4])
    if (at + Math.max(width, 2) > bytes.length) continue
    const first = bytes[at]!
    const isLong = width === 0 && first > 127
    const start = at + (width || (isLong ? 2 : 1))
    const size =
      width === 0
        ? isLong
          ? (first & 127) | (bytes[at + 1]! << 7)
          : first
        : width === 2
          ? view.getUint16(at, true)
          : view.getUint32(at, true)
    if (size > 1 && start + size <= bytes.length) return { at, width, start, size }
  }
  return undefined
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128)
  return Uint8Array.of(...bytes, Number(value))
}

function fixed(value: number, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) & 255)
}

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
  function crossOver(bytes, random, others) {
    // The beginning of one and the end of another, at the same place: tables and heads of one, content of the other.
    const other = random.pick(others)
    const at = random.below(Math.min(bytes.length, other.length) + 1)
    return joined(bytes.subarray(0, at), other.subarray(at))
  },
  function moveLines(bytes, random, others) {
    // Some lines of a text, of this or another file, where they do not belong.
    const other = random.pick(others)
    const from = lineStart(other, random.below(other.length + 1))
    const to = lineStart(other, Math.min(other.length, from + random.below(500)))
    const at = lineStart(bytes, random.below(bytes.length + 1))
    return joined(bytes.subarray(0, at), other.subarray(from, Math.max(from, to)), bytes.subarray(at))
  },
  function swapRanges(bytes, random) {
    const [from, to] = range(bytes, random)
    return joined(bytes.subarray(to), bytes.subarray(from, to), bytes.subarray(0, from))
  },
]

/** Where the line begins that `at` is in. */
const lineStart = (bytes: Uint8Array, at: number): number => (at === 0 ? 0 : bytes.lastIndexOf(0x0a, at - 1) + 1)

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
  // One in eight is damaged in many places.
  for (let i = random.below(random.below(8) === 0 ? 32 : 4); i >= 0; i--)
    bytes = random.pick(kinds)(bytes, random, files)
  return bytes
}
