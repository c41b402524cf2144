// Names of moments above the chart, on wide and on narrow screens.
import { expect, test } from 'vitest'
import { placeMarks } from './mark-places.ts'

/** As on a phone: onset, noticed, over; 38, 52 and 32 px wide on a canvas of 330 px. Left edges of their names. */
const place = (...at: number[]) =>
  placeMarks(
    [38, 52, 32].map((width, i) => ({ x: at[i]!, width })),
    { rightEdge: 330, gap: 16 },
  )
    .map(({ left, row }) => `${left}${row === 1 ? ' above' : ''}`)
    .join(', ')

test('where there is room each name stands after its line', () => {
  expect(place(60, 150, 250)).toBe('60, 150, 250')
})

test('names that a line tells apart may be near each other', () => {
  expect(place(60, 98, 150)).toBe('60, 98, 150')
})

test('two lines beside each other: their names do not read as one word', () => {
  // Before its own line, and a row higher.
  expect(place(100, 104, 250)).toBe('62, 104 above, 250')
})

test('no name crosses the line of another', () => {
  expect(place(100, 104, 140)).toBe('62, 104 above, 140')
})

test('names stay on the canvas', () => {
  expect(place(20, 200, 320)).toBe('20, 200, 288')
})

test('for three within a few pixels at the edge there is no room, but they stay on the canvas', () => {
  expect(place(2, 4, 6)).toBe('2 above, 4 above, 6')
})
