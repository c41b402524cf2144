// Repeats and late messages: states only go forward, and what was known is not lost.
import { expect, test } from 'vitest'
import { makeCapture, makeIncident, someMs } from '../../test/nouns.ts'
import type { CaptureState } from '../model/capture.ts'
import { incidentState, mergeCapture, mergeIncident } from './merge.ts'

test.each<[CaptureState, CaptureState, CaptureState]>([
  ['recording', 'uploading', 'uploading'],
  ['uploading', 'recording', 'uploading'],
  ['complete', 'recording', 'complete'],
  ['failed', 'uploading', 'failed'],
  ['failed', 'partial', 'partial'],
  ['partial', 'complete', 'complete'],
  ['complete', 'failed', 'complete'],
  ['refused', 'refused', 'refused'],
])('a capture that is %s and is said to be %s is %s', (old, incoming, kept) => {
  expect(mergeCapture(makeCapture({ id: 'c', state: old }), makeCapture({ id: 'c', state: incoming })).state).toBe(kept)
})

test('a late message still brings what was not known, and takes nothing away', () => {
  const probes = [{ probe: 'ring', outcome: 'ok' as const }]
  const stored = makeCapture({ id: 'c', state: 'complete', probes })
  const late = makeCapture({ id: 'c', state: 'recording', boundaryMs: 5 })
  expect(mergeCapture(stored, late)).toEqual({ ...stored, boundaryMs: 5 })
})

test('the reason of a failure goes when the capture turns out to be complete', () => {
  const failed = makeCapture({ id: 'c', state: 'failed', message: 'the agent is away' })
  expect(mergeCapture(failed, makeCapture({ id: 'c', state: 'complete' })).message).toBeUndefined()
  expect(mergeCapture(failed, makeCapture({ id: 'c', state: 'failed' })).message).toBe('the agent is away')
})

test('the end of a spike that outlasts its capture is kept, and so are the functions', () => {
  const top = [{ function: 'evilRegex', selfShare: 1, totalShare: 1 }]
  const stored = makeIncident({ id: 'i', state: 'complete', evidenceMs: someMs + 9, top })
  const late = makeIncident({ id: 'i', state: 'capturing', endedMs: someMs + 60_000 })
  expect(mergeIncident(stored, late)).toEqual({ ...stored, endedMs: someMs + 60_000 })
  expect(mergeIncident(stored, makeIncident({ id: 'i', state: 'complete', endedMs: 7 }))).toEqual({
    ...stored,
    endedMs: 7,
  })
})

test('what people said of an incident is changed by people alone', () => {
  const said = { pin: { atMs: 5, by: 'ada' }, notes: [{ id: 'not-1', atMs: 6, text: 'restarted' }] }
  const stored = makeIncident({ id: 'i', state: 'complete', ...said })
  expect(mergeIncident(stored, makeIncident({ id: 'i', state: 'complete' }))).toMatchObject(said)
  // A copy that was read before the pin and the note were taken back.
  const { pin, notes } = mergeIncident(makeIncident({ id: 'i' }), stored)
  expect([pin, notes]).toEqual([undefined, undefined])
})

test.each<[CaptureState[], string]>([
  [[], 'capturing'],
  [['recording', 'complete'], 'capturing'],
  [['complete', 'complete'], 'complete'],
  [['complete', 'failed'], 'partial'],
  [['partial'], 'partial'],
  [['failed', 'refused'], 'failed'],
])('captures %j make an incident %s', (states, state) => {
  expect(incidentState(states)).toBe(state)
})
