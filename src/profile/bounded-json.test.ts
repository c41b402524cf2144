import { expect, test } from 'vitest'
import { readJson } from './bounded-json.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

test('parses what JSON.parse parses', () => {
  const value = { text: 'a "quoted" [ { \\ ü', list: [1, [2, []]], none: null }
  expect(readJson(utf8(JSON.stringify(value)))).toEqual({ json: value, lostBytes: 0 })
  expect(() => readJson(utf8('{"a":'))).toThrow('Not JSON')
  expect(() => readJson(utf8('{"a" 1}'))).toThrow('Not JSON')
})

test('refuses bombs before they become objects', () => {
  const deep = utf8('['.repeat(20_000) + ']'.repeat(20_000))
  expect(() => readJson(deep)).toThrow('nested deeper than 10000')
  const many = utf8(`[${'[],'.repeat(1_000_001)}0]`)
  expect(() => readJson(many)).toThrow('no profile looks like that')
})

test('brackets inside strings are text', () => {
  const text = '['.repeat(20_000)
  expect(readJson(utf8(JSON.stringify([text, `\\"${text}`]))).json).toEqual([text, `\\"${text}`])
})

test.each([
  ['{"nodes":[{"id":1},{"id":2},{"i', { nodes: [{ id: 1 }, { id: 2 }] }, 4],
  ['{"a":[1,2', { a: [1] }, 2],
  ['{"a":[1,2]', { a: [1, 2] }, 0],
  ['{"a":[1,2],"b', { a: [1, 2] }, 3],
  ['{"a":"x,]","b":"y', { a: 'x,]' }, 7],
  ['[[1],[2', [[1]], 3],
  ['[{"ph":"X"},', [{ ph: 'X' }], 1],
])('cut off: %s', (text, json, lostBytes) => {
  expect(readJson(utf8(text))).toEqual({ json, lostBytes })
})
