import { expect, test } from 'vitest'
import { classHistogramProfile, parseClassHistogram } from './class-histogram.ts'
import { topFunctions } from './top.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
// The head of a real one of JDK 17, and a line as JDK 8 prints it, which knows no modules.
const text = ` num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:          1417        3645328  [I (java.base@17.0.15)
   2:         22968        1613616  [B (java.base@17.0.15)
   3:         22238         711616  java.util.ArrayList$Itr (java.base@17.0.15)
   4:          9064         527472  [[Ljava.lang.Object; (java.base@17.0.15)
   5:             7            112  shop.Cart
Total         55694        6498144
`

test('classes as people write them', () => {
  const histogram = parseClassHistogram(encode(text))
  expect(histogram.classes.map(({ name }) => name)).toEqual([
    'int[]',
    'byte[]',
    'java.util.ArrayList$Itr',
    'java.lang.Object[][]',
    'shop.Cart',
  ])
  expect(histogram.classes[0]).toEqual({
    name: 'int[]',
    module: 'java.base@17.0.15',
    instances: 1417,
    sizeBytes: 3645328,
  })
  expect(histogram).toMatchObject({ instances: 55694, sizeBytes: 6498144 })
  expect(() => parseClassHistogram(encode('java.lang.OutOfMemoryError\n'))).toThrow('no line')
})

test('as a profile: bytes are shown first', () => {
  const profile = classHistogramProfile(parseClassHistogram(encode(text)))
  const top = topFunctions(profile)
  expect(top).toMatchObject({ unit: 'bytes', total: 6498144 })
  expect(top.functions[0]).toMatchObject({ function: 'int[]', self: 3645328 })
  expect(topFunctions(profile, { sampleType: 0 }).functions[0]).toMatchObject({ function: 'byte[]', self: 22968 })
})
