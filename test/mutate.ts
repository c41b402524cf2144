// Damages good files in the ways that files are damaged, and watches what a parser does with them: it may refuse with
// a Failure or count losses, but never crash otherwise, hang, or take memory out of proportion.
// The same seed gives the same damage: FUZZ_SEED=7 repeats a run, FUZZ_SECONDS=60 lengthens all of them.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '../src/model/errors.ts'

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
const maxMutantBytes = 262_144
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

export interface FuzzOptions {
  /** Good files to damage; at least one. */
  readonly files: readonly Uint8Array[]
  /** Reads one; may throw a Failure and nothing else. */
  readonly parse: (bytes: Uint8Array) => unknown
  readonly seconds: number
  readonly seed?: number
}

export interface FuzzReport {
  readonly inputs: number
  readonly refused: number
}

/** Issue 3: a parser hangs when it takes more than two seconds, whatever the input. */
const hangMs = 2000
/** Issue 3: and it takes too much memory above four times the input and this. */
const extraBytes = 64 * 1024 * 1024

/**
 * @throws Error with the file of the input, when the parser crashes, hangs or takes too much memory
 */
export async function fuzz({
  files,
  parse,
  seconds,
  seed = Number(process.env.FUZZ_SEED ?? 1),
}: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(seed)
  const endMs = performance.now() + Number(process.env.FUZZ_SECONDS ?? seconds) * 1000
  let inputs = 0
  let refused = 0
  for (; performance.now() < endMs; inputs++) {
    const input = mutate(files, random)
    const startMs = performance.now()
    const startBytes = allocatedBytes()
    try {
      await parse(input)
    } catch (error) {
      if (!(error instanceof Failure)) throw new Error(`${keep(input)}: ${(error as Error).stack ?? error}`)
      refused++
    }
    const tookMs = performance.now() - startMs
    // On a busy machine wall time may be several times the CPU time: a second look tells.
    if (tookMs > hangMs && (await secondTimeMs(parse, input)) > hangMs) {
      throw new Error(`${keep(input)}: took ${Math.round(tookMs)} ms`)
    }
    const grown = allocatedBytes() - startBytes
    if (grown > 4 * input.length + extraBytes) {
      throw new Error(`${keep(input)}: took ${Math.round(grown / 1e6)} MB for ${input.length} bytes`)
    }
  }
  return { inputs, refused }
}

/** What is allocated and not collected yet, which is at most what was in use at once. */
function allocatedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function secondTimeMs(parse: FuzzOptions['parse'], input: Uint8Array): Promise<number> {
  const start = process.cpuUsage()
  // How it ends is known from the first time.
  await Promise.resolve()
    .then(() => parse(input))
    .catch(() => undefined)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

function keep(input: Uint8Array): string {
  const file = join(tmpdir(), `spikecam-fuzz-${Date.now()}-${process.pid}`)
  writeFileSync(file, input)
  return file
}
