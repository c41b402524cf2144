// The share without a name is one of samples, however many of them a row stands for.
import { expect, test } from 'vitest'
import { drawProfile } from '../../test/drawn-stacks.ts'
import { ProfileBuilder } from './builder.ts'
import { parseFolded } from './folded.ts'
import { symbolQuality } from './symbol-quality.ts'

test('by frames, by samples, and by file', () => {
  const builder = new ProfileBuilder([
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ])
  const bare = (file: string, address: bigint): number =>
    builder.internLocation({ mapping: builder.internMapping({ start: 0n, limit: 0x9000n, file }), address })
  const main = builder.internFrame('main', { module: '/app/cart' })
  // Leaf first: 6 samples end in code without a name, 3 pass through some, 1 has names all the way.
  builder.addSample(builder.internStack([bare('/tmp/perf-7.map', 16n), main]), [6, 60])
  builder.addSample(builder.internStack([main, bare('/tmp/perf-12.map', 32n), bare('', 48n)]), [3, 30])
  builder.addSample(builder.internStack([main, main]), [1, 10])
  expect(symbolQuality(builder.build())).toEqual({
    frames: 23,
    unnamed: 12,
    samples: 10,
    samplesWithUnnamed: 9,
    samplesInUnnamed: 6,
    worst: [
      { module: '/tmp/perf-PID.map', frames: 9 },
      { module: '[unknown]', frames: 3 },
    ],
  })
})

test('text formats write something in place of a name', () => {
  const folded = parseFolded(new TextEncoder().encode('main;[unknown];0x7f24a0 3\nmain;[kernel] 2\n'))
  expect(symbolQuality(folded)).toMatchObject({ frames: 13, unnamed: 6, samplesInUnnamed: 3, samplesWithUnnamed: 3 })
  expect(symbolQuality(drawProfile('main;parse 5'))).toMatchObject({ frames: 10, unnamed: 0, worst: [] })
})
