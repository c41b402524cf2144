import { expect, test } from 'vitest'
import type { ByteSource } from './byte-source.ts'
import { memorySource } from './byte-source.ts'
import { PerfMap } from './perf-map.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function mapOf(text: string): PerfMap {
  const map = new PerfMap(memorySource(bytes(text)))
  map.refresh(bytes(text).length)
  return map
}
const nameAt = (map: PerfMap, address: number): string | undefined => {
  const line = map.find(address)
  return line < 0 ? undefined : map.readName(line)
}

test('bare and 0x hex, and names of any characters', () => {
  const map = mapOf(
    '7feff5ff6500 120 LazyCompile:*sortWork /app/server.js:12\n0x00007F2a10e40020 0x300 java.lang.String::hashCode\n7fe000000000 10 RegExp:^(a +)+é$\n',
  )
  expect(nameAt(map, 0x7feff5ff6500)).toBe('LazyCompile:*sortWork /app/server.js:12')
  expect(nameAt(map, 0x7feff5ff661f)).toBe('LazyCompile:*sortWork /app/server.js:12')
  expect(nameAt(map, 0x7feff5ff6620)).toBeUndefined()
  expect(nameAt(map, 0x7f2a10e40100)).toBe('java.lang.String::hashCode')
  expect(nameAt(map, 0x7fe00000000f)).toBe('RegExp:^(a +)+é$')
})

test('memory that is used again has its newest name; what the new code does not cover keeps the old one', () => {
  const map = mapOf('1000 100 first\n1040 20 second\n1000 8 third\n')
  expect([0x1000, 0x1007, 0x1008, 0x1040, 0x105f, 0x1060, 0x10ff].map((at) => nameAt(map, at))).toEqual([
    'third',
    'third',
    'first',
    'second',
    'second',
    'first',
    'first',
  ])
})

test('a range over many pages, older and newer than a small one in it', () => {
  const map = mapOf('100000 10 small-old\n0 40000000 large\n200000 10 small-new\n')
  expect(nameAt(map, 0x100000)).toBe('large')
  expect(nameAt(map, 0x200005)).toBe('small-new')
  expect(nameAt(map, 0x3ffffff0)).toBe('large')
})

test('a growing file: a line that is being written is read when it is whole', () => {
  let text = '1000 10 one\n2000 1'
  const source: ByteSource = {
    get size() {
      return text.length
    },
    readInto: (target, offset) => memorySource(bytes(text)).readInto(target, offset),
  }
  const map = new PerfMap(source)
  map.refresh(text.length)
  expect(nameAt(map, 0x2000)).toBeUndefined()
  text += '0 two\n'
  map.refresh(text.length)
  expect(nameAt(map, 0x1000)).toBe('one')
  expect(nameAt(map, 0x200f)).toBe('two')
  expect(map.dropped).toBe(0)
})

test('lines that are none are counted', () => {
  const map = mapOf('nonsense\n1000 10 good\n1000 zz bad\n1000 0 empty\n\nffffffffffffffffffff 1 too-long\n')
  expect(nameAt(map, 0x1000)).toBe('good')
  expect(map.dropped).toBe(4)
})
