import { expect, test } from 'vitest'
import { displayName } from './display-name.ts'

test('names of V8 lose tier and path, and keep what tells two functions apart', () => {
  for (const tier of ['~', '^', '+', "+'", '*', "*'"]) {
    expect(displayName(`JS:${tier}isWellFormed file:///srv/shop/coupon.ts:12:35`)).toBe('isWellFormed coupon.ts:12')
  }
  expect(displayName('JS:~ file:///srv/shop/coupon.ts:29:29')).toBe('(anonymous) coupon.ts:29')
  expect(displayName('JS:~parserOnIncoming node:_http_server:1167:26')).toBe('parserOnIncoming node:_http_server:1167')
  expect(displayName('LazyCompile:*get value /app/a b.js:3')).toMatch(/b\.js:3$/)
  expect(displayName('Function:~step /app/lib/run.js:7:1')).toBe('step run.js:7')
  expect(displayName('JS:*burn [eval]:2:31')).toBe('burn [eval]:2')
})

test('regular expressions read as they are written', () => {
  expect(displayName("RegExp.> src: '^([a-z0-9]+)+-OFF$' flags: 'i'")).toBe('RegExp /^([a-z0-9]+)+-OFF$/i')
  expect(displayName('RegExp:a:b c')).toBe('RegExp /a:b c/')
})

test('Java and Python trampolines', () => {
  expect(displayName('Lcom/acme/Cart$Item;::total')).toBe('com.acme.Cart$Item.total')
  expect(displayName('py::<module>:/app/web.py')).toBe('<module> web.py')
})

test('all other names stay as they are', () => {
  for (const name of [
    'main',
    'net/http.(*conn).serve',
    'std::vector<int>::push_back',
    'JSON::parse',
    'Builtins_JSEntry',
    '[unknown]',
    '',
  ]) {
    expect(displayName(name)).toBe(name)
  }
})
