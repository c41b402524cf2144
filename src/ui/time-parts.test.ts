// The list of times never calls something the spike that is not.
import { expect, test } from 'vitest'
import { spikeDocuments, spikeEndMs, spikeOnsetMs } from '../../test/machine-profile.ts'
import { someMs } from '../../test/nouns.ts'
import { rangesOf } from './ranges.ts'
import { timeParts } from './time-parts.ts'

const { incident, capture } = spikeDocuments(new Uint8Array())
const second = 1000
/** Names of the parts, for a capture from and to so many seconds after the onset; the spike lasts 6 s. */
const names = (from: number, to: number, change: Partial<typeof incident> = {}): string[] => {
  const own = { ...incident, ...change }
  const covers = { ...capture, fromMs: spikeOnsetMs + from * second, toMs: spikeOnsetMs + to * second }
  return timeParts(own, rangesOf(own, covers)).map(({ name }) => name)
}

test('a capture with the whole spike', () => {
  expect(names(-10, 10)).toEqual([
    'the spike (6 s)',
    'its first second',
    'after it (4 s)',
    'all that was recorded (20 s)',
  ])
  expect(names(-10, 6)).toEqual(['the spike (6 s)', 'its first second', 'all that was recorded (16 s)'])
})

test('with a part of it', () => {
  expect(names(2, 10)).toEqual([
    'recorded of the spike (4 s of 6 s)',
    'the first recorded second of it',
    'after it (4 s)',
    'all that was recorded (8 s)',
  ])
  expect(names(-10, 5)[0]).toBe('recorded of the spike (5 s of 6 s)')
  const { endedMs: _, ...open } = incident
  const ranges = rangesOf(open, { ...capture, toMs: someMs + 14_000 })
  expect(timeParts(open, ranges)[0]!.name).toBe('the spike, as far as recorded (4 s)')
})

test('with nothing of it there is one part only, and how far away that is', () => {
  expect(names(66, 76)).toEqual(['10 s, from 1 min after the spike'])
  expect(names(-60, -30)).toEqual(['30 s, until 30 s before the spike'])
  expect(rangesOf(incident, { ...capture, fromMs: spikeEndMs, toMs: spikeEndMs + 9 }).covered).toBe('nothing')
})

test('what somebody asked for is a capture, and no spike', () => {
  expect(names(0, 6, { asked: 'cpu' })[0]).toBe('the capture (6 s)')
  expect(names(60, 70, { asked: 'cpu' })).toEqual(['the capture (10 s)'])
})
