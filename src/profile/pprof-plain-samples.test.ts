// The WebAssembly that reads plain samples: it reads what was written, and stops in front of everything else.
import { describe, expect, test } from 'vitest'
import { leastPlainBytes, type PlainColumns, plainSampleReader } from './pprof-plain-samples.ts'

interface Sample {
  readonly ids: readonly number[]
  readonly values: readonly bigint[]
}

function varint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

const field = (tag: number, content: readonly number[]): number[] => [
  tag,
  ...varint(BigInt(content.length)),
  ...content,
]
const packed = (numbers: readonly bigint[]): number[] => numbers.flatMap(varint)

function bytesOf({ ids, values }: Sample, more: readonly number[] = []): number[] {
  return field(0x12, [...field(0x0a, packed(ids.map(BigInt))), ...field(0x12, packed(values)), ...more])
}

/** Reads samples; behind the file stands what must not be read. */
function read(file: readonly number[], { known = 2 ** 21, columns = 2 } = {}) {
  const bytes = Uint8Array.from([...file, ...new Array<number>(64).fill(0xff)])
  const to: PlainColumns & { locations: Uint32Array } = {
    columns: Array.from({ length: columns }, () => new BigInt64Array(file.length)),
    stackOffsets: new Uint32Array(file.length + 1),
    locations: new Uint32Array(0),
    sampleCount: 0,
    locationCount: 0,
    reserve(more) {
      const larger = new Uint32Array(this.locationCount + more)
      larger.set(this.locations)
      this.locations = larger
    },
  }
  const next = plainSampleReader(columns)!.read(bytes, { start: 0, end: file.length, known }, to)
  const samples = Array.from({ length: to.sampleCount }, (_, row) => ({
    ids: Array.from(to.locations.subarray(to.stackOffsets[row], to.stackOffsets[row + 1]), (location) => location + 1),
    values: to.columns.map((column) => column[row]!),
  }))
  return { next, samples }
}

/** The same ones each time; the lengths of ids are mixed. */
function drawSamples(count: number, columns: number, mostIds: number): Sample[] {
  let state = 1
  const below = (limit: number): number => {
    state = Math.imul(state, 1664525) + 1013904223
    return Math.floor(((state >>> 0) / 2 ** 32) * limit)
  }
  const widths = [128, 16_384, 2 ** 21]
  const edges = [0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]
  return Array.from({ length: count }, () => ({
    ids: Array.from({ length: below(mostIds) }, () => 1 + below(widths[below(3)]! - 1)),
    values: Array.from({ length: columns }, () => edges[below(edges.length)]!),
  }))
}

test('is there in Node, for up to four values', () => {
  expect(plainSampleReader(4)).toBeDefined()
  expect(plainSampleReader(5)).toBeUndefined()
})

describe('reads what was written', () => {
  test.each([1, 2, 3, 4])('%i values, stacks of all lengths, several pieces of the file', (columns) => {
    const samples = [...drawSamples(4000, columns, 60), ...drawSamples(60, columns, 5000)]
    const file = samples.flatMap((sample) => bytesOf(sample))
    expect(file.length).toBeGreaterThan(leastPlainBytes)
    const { next, samples: again } = read(file, { columns })
    expect(next).toBe(file.length)
    expect(again).toEqual(samples)
  })

  test('every mix of lengths of six ids, and of how many bytes are left behind four of them', () => {
    const samples = Array.from({ length: 3 ** 6 }, (_, mix) => ({
      ids: Array.from({ length: 6 }, (_, i) => [5, 300, 70_000][Math.floor(mix / 3 ** i) % 3]!),
      values: [1n, 10n],
    })).flatMap((sample) => [0, 1, 2, 3, 4, 5, 6].map((length) => ({ ...sample, ids: sample.ids.slice(0, length) })))
    const { samples: again } = read(samples.flatMap((sample) => bytesOf(sample)))
    expect(again).toEqual(samples)
  })

  test('numbers with more bytes than they need', () => {
    expect(read(field(0x12, [0x0a, 5, 0x81, 0x00, 0x82, 0x80, 0x00, 0x12, 3, 0x81, 0x00, 7])).samples).toEqual([
      { ids: [1, 2], values: [1n, 7n] },
    ])
  })
})

describe('stops in front of', () => {
  const plain = bytesOf({ ids: [3, 200, 20_000, 1, 9], values: [1n, 10_000_000n] })
  const good = { ids: [1, 2], values: [1n, 1n] }
  const many = Array.from({ length: 14 }, (_, i) => i + 1)
  const odd: Record<string, number[]> = {
    'a label': bytesOf(good, field(0x1a, [8, 1, 16, 2])),
    'an id of four bytes': bytesOf({ ...good, ids: [1, 2 ** 21] }),
    'an id of four bytes, early': bytesOf({ ...good, ids: [2 ** 21, ...many] }),
    'too few values': bytesOf({ ...good, values: [1n] }),
    'too many values': bytesOf({ ...good, values: [1n, 2n, 3n] }),
    'values before ids': field(0x12, [...field(0x12, [1, 1]), ...field(0x0a, [1, 2])]),
    'ids one by one': field(0x12, [8, 1, 8, 2, ...field(0x12, [1, 1])]),
    'ids that end within a number': field(0x12, [...field(0x0a, [1, 0x82]), ...field(0x12, [1, 1])]),
    'many ids that end within a number': field(0x12, [...field(0x0a, [...many, 0x82]), ...field(0x12, [1, 1])]),
    'ids that reach beyond the sample': field(0x12, [0x0a, 9, 1, 2, 0x12, 2, 1, 1]),
    'a value of eleven bytes': field(0x12, [0x0a, 1, 1, ...field(0x12, [1, ...new Array<number>(10).fill(0x80), 0])]),
    'a value that is cut off': field(0x12, [0x0a, 1, 1, 0x12, 2, 1, 0x80]),
    'nothing but a tag': [0x12, 0],
    'a sample that reaches beyond the file': bytesOf(good).slice(0, -1),
  }
  test.each(Object.entries(odd))('%s', (_, bytes) => {
    const { next, samples } = read([...plain, ...plain, ...bytes])
    expect(next).toBe(2 * plain.length)
    expect(samples).toHaveLength(2)
  })

  test.each([
    ['id 0', [0]],
    ['id 0 among many', [...many, 0]],
    ['an id behind the last', [1001]],
    ['the same among many', [...many.slice(0, 3), 1001, ...many]],
  ])('a piece with %s: JavaScript says where', (_, ids) => {
    const file = [...bytesOf(good), ...bytesOf({ ...good, ids })]
    expect(read(file, { known: 1000 })).toEqual({ next: 0, samples: [] })
    expect(read(bytesOf({ ...good, ids: [1000, ...many] }), { known: 1000 }).samples).toHaveLength(1)
  })
})
