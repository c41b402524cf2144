// Names, values and changes as people read them.
import { expect, test } from 'vitest'
import { isSignificant } from './change.ts'
import { fitName, shorterNames } from './label.ts'
import { printCores, printRatio, printValue } from './value.ts'

test.each([
  ['net/http.(*conn).serve', ['net/http.(*conn).serve', 'http.(*conn).serve', '(*conn).serve', 'serve']],
  [
    'std::vector<int, std::allocator<int>>::push_back(int const&)',
    [
      'std::vector<int, std::allocator<int>>::push_back(int const&)',
      'vector<int, std::allocator<int>>::push_back(int const&)',
      'push_back(int const&)',
    ],
  ],
  ['libc.so.6', ['libc.so.6', 'so.6']],
  ['evilRegex', ['evilRegex']],
  ['RegExp /^a.b$/i', ['RegExp /^a.b$/i']],
  ['', ['[unknown]']],
  ['check coupon.ts:12', ['check coupon.ts:12', 'check']],
  ['JS:^check file:///srv/app/coupon.ts:12:35', ['check coupon.ts:12', 'check']],
  ['LazyCompile:*get accept node:internal/http:9:2', ['get accept http:9', 'get accept']],
  ['JS:~ /srv/x.js:1:1', ['(anonymous) x.js:1', '(anonymous)']],
  ['...', ['...']],
  ["RegExp.> src: '^a.b'", ["RegExp.> src: '^a.b'"]],
])('%s is shortened from the left', (name, forms) => {
  expect(shorterNames(name)).toEqual(forms)
})

test('the longest form that fits is shown, then a cut one, then nothing', () => {
  const forms = shorterNames('java.util.HashMap.getNode')
  expect([40, 19, 17, 9, 7, 3, 2].map((room) => fitName(forms, room))).toEqual([
    'java.util.HashMap.getNode',
    'HashMap.getNode',
    'HashMap.getNode',
    'getNode',
    'getNode',
    'ge…',
    '',
  ])
})

test.each([
  [6_123_000_000, 'nanoseconds', '6.12 s'],
  [38_400_000, 'nanoseconds', '38.4 ms'],
  [900, 'nanoseconds', '900 ns'],
  [45_600, 'nanoseconds', '46 µs'],
  [1_234_567_000_000, 'nanoseconds', '1\u202f235 s'],
  [0, 'nanoseconds', '0 s'],
  [12_345, 'count', '12\u202f345'],
  [4_100_000, 'bytes', '4.1 MB'],
  [3, 'objects', '3 objects'],
])('%d %s is %s', (value, unit, text) => {
  expect(printValue(value, unit)).toBe(text)
})

test('cores and ratios', () => {
  expect([1, 1.024, 0.12, 0.0312, 12.34, 0.0007, 0].map(printCores)).toEqual([
    '1.00 core',
    '1.02 cores',
    '0.12 cores',
    '0.03 cores',
    '12.3 cores',
    '<0.01 cores',
    '0 cores',
  ])
  expect([printRatio(40, 1), printRatio(12, 5), printRatio(1, 3)]).toEqual(['40×', '2.4×', '0.33×'])
  expect([printRatio(1, 0), printRatio(0, 1), printRatio(0, 0), printRatio(1e6, 1)]).toEqual([
    'new',
    'gone',
    '–',
    '>100×',
  ])
})

test('three samples are never news, a hundred are; a short baseline makes it harder', () => {
  const scale = { perSample: 10, baseFactor: 1 }
  expect(isSignificant(30, 0, scale)).toBe(false)
  expect(isSignificant(1000, 0, scale)).toBe(true)
  expect(isSignificant(1000, 900, scale)).toBe(false)
  expect(isSignificant(0, 1000, scale)).toBe(true)
  // One sample in a baseline a hundred times shorter is scaled to a hundred, and still only one sample.
  expect(isSignificant(0, 1000, { perSample: 10, baseFactor: 100 })).toBe(false)
})
