import { expect, test } from 'vitest'
import { lastRise } from './onset.ts'

/** A character per 200 ms: `.` quiet, `#` a whole core, `-` half of one, a blank nothing measured. */
const cores: Record<string, number | null> = { '.': 0.02, '-': 0.5, '#': 1, ' ': null }
const series = (drawn: string) => ({
  name: 'target',
  startMs: 100_000,
  stepMs: 200,
  cores: [...drawn].map((letter) => cores[letter] as number | null),
})
/** Where a rise stands in the drawing. */
const find = (drawn: string, at = drawn.length) => {
  const rise = lastRise(series(drawn), 100_000 + at * 200)
  const place = (ms: number): number => (ms - 100_000) / 200
  return rise && { onset: place(rise.onsetMs), ...(rise.endedMs ? { ended: place(rise.endedMs) } : {}) }
}
const quiet = '.'.repeat(50)
const busy = '#'.repeat(30)

test('the reading in which it rose, while it lasts and when it is over', () => {
  expect(find(`${quiet}${busy}`)).toEqual({ onset: 50 })
  expect(find(`${quiet}..${busy}..`)).toEqual({ onset: 52 })
  expect(find(`${quiet}${busy}${quiet}`)).toEqual({ onset: 50, ended: 80 })
  // The alert was told of while it lasted, or right after it.
  expect(find(`${quiet}${busy}${quiet}`, 70)).toEqual({ onset: 50, ended: 80 })
  expect(find(`${quiet}${busy}${quiet}`, 85)).toEqual({ onset: 50, ended: 80 })
})

test('a short wait in between is part of it, the spike before is not', () => {
  expect(find(`${quiet}${busy}..........${busy}`)).toEqual({ onset: 50 })
  expect(find(`${quiet}${busy}${quiet}${busy}`)).toEqual({ onset: 130 })
})

test('gaps are not quiet, and what began after the alert is another one', () => {
  expect(find(`${quiet}     ${busy}`)).toEqual({ onset: 55 })
  expect(find(`${quiet}${quiet}${busy}`, 90)).toBeUndefined()
})

test('what was as busy all the time has not risen', () => {
  expect(find(quiet)).toBeUndefined()
  expect(find('#-##-#'.repeat(20))).toBeUndefined()
  expect(find('')).toBeUndefined()
  expect(find('     ')).toBeUndefined()
  // Four fifths of what is known: it may have been like that before.
  expect(find(`..........${'#'.repeat(90)}`)).toBeUndefined()
})
