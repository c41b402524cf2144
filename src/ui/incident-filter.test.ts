// The filter of the list in the address bar: what is set comes back, nonsense is left out.
import { expect, test } from 'vitest'
import { someMs } from '../../test/nouns.ts'
import {
  backFrom,
  changedFilter,
  isFiltered,
  noFilter,
  parseFilter,
  parseLocal,
  printFilter,
  printLocal,
} from './incident-filter.ts'

test('everything that is set comes back, in words of the API', () => {
  const filter = { text: 'shop/cart-0 Régex<%>', state: 'failed', fromMs: someMs, toMs: someMs + 60_000 } as const
  expect(printFilter(filter)).toBe(
    'text=shop%2Fcart-0+R%C3%A9gex%3C%25%3E&state=failed&from=2026-01-02T03:04:05.000Z&to=2026-01-02T03:05:05.000Z',
  )
  expect(parseFilter(printFilter(filter))).toEqual(filter)
})

test('nothing chosen is the plain address; what cannot be read is not there', () => {
  expect(printFilter(noFilter)).toBe('')
  expect(printFilter({ text: '  ' })).toBe('')
  expect(parseFilter('state=done&from=yesterday&to=&x=y')).toEqual(noFilter)
  expect(parseFilter('from=2026-01-02T03:04:05Z')).toEqual({ text: '', fromMs: someMs })
  expect([isFiltered(noFilter), isFiltered({ text: ' ' }), isFiltered({ text: '', toMs: 0 })]).toEqual([
    false,
    false,
    true,
  ])
})

test('a change sets, and undefined takes away', () => {
  const filter = changedFilter(noFilter, { text: 'a', state: 'partial', fromMs: 1 })
  expect(filter).toEqual({ text: 'a', state: 'partial', fromMs: 1 })
  expect(changedFilter(filter, { state: undefined, fromMs: undefined })).toEqual({ text: 'a' })
})

test('moments are shown by the clock on the wall and come back to the minute', () => {
  expect(parseLocal(printLocal(someMs))).toBe(Math.floor(someMs / 60_000) * 60_000)
  expect([printLocal(undefined), parseLocal('')]).toEqual(['', undefined])
  expect(backFrom(someMs, 3_600_000)).toBe(Date.UTC(2026, 0, 2, 2, 4))
})
