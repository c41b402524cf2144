import { expect, test } from 'vitest'
import { boundedJson } from './bounded-json.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

test('parses what JSON.parse parses', () => {
  const value = { text: 'a "quoted" [ { \\ ü', list: [1, [2, []]], none: null }
  expect(boundedJson(utf8(JSON.stringify(value)))).toEqual(value)
  expect(() => boundedJson(utf8('{"a":'))).toThrow('Not JSON')
})

test('refuses bombs before they become objects', () => {
  const deep = utf8('['.repeat(20_000) + ']'.repeat(20_000))
  expect(() => boundedJson(deep)).toThrow('nested 20000 deep')
  const many = utf8(`[${'[],'.repeat(1_000_001)}0]`)
  expect(() => boundedJson(many)).toThrow('no profile looks like that')
})

test('brackets inside strings are text', () => {
  const text = '['.repeat(20_000)
  expect(boundedJson(utf8(JSON.stringify([text, `\\"${text}`])))).toEqual([text, `\\"${text}`])
})
