// Reads through the cache give what reads past it give, wherever they begin and end.
import { expect, test } from 'vitest'
import { Random } from '../../test/fuzz/mutate.ts'
import { memorySource } from './byte-source.ts'
import { PageCache } from './page-cache.ts'

test('the same bytes, across pages, at the end and behind it, of several files', () => {
  const random = new Random(1)
  const cache = new PageCache()
  const files = [10_000, 4096, 3_000_000].map((length) => {
    const plain = memorySource(Uint8Array.from({ length }, () => random.below(256)))
    return { plain, cached: cache.over(plain) }
  })
  for (let i = 0; i < 20_000; i++) {
    const { plain, cached } = random.pick(files)
    const offset = random.below(plain.size + 100) - 10
    const [one, other] = [new Uint8Array(random.below(6000)), new Uint8Array(6000)]
    const count = cached.readInto(one, offset)
    expect(count).toBe(plain.readInto(other.subarray(0, one.length), offset))
    expect(Buffer.compare(one.subarray(0, count), other.subarray(0, count))).toBe(0)
  }
})
