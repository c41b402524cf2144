// Moments as people type them for `spikecam list`.
import { expect, test } from 'vitest'
import { readMoment } from './list.ts'

test('a moment goes to the server as it is, a duration is so long ago, anything else names the flag', () => {
  const nowMs = Date.parse('2026-11-21T03:00:00Z')
  expect(readMoment('since', undefined, nowMs)).toBeUndefined()
  expect(readMoment('since', '2026-11-21T02:15Z', nowMs)).toBe('2026-11-21T02:15Z')
  expect(readMoment('since', '1795230000000', nowMs)).toBe('1795230000000')
  expect(readMoment('since', '2h', nowMs)).toBe('2026-11-21T01:00:00.000Z')
  expect(readMoment('since', '1h30m', nowMs)).toBe('2026-11-21T01:30:00.000Z')
  expect(() => readMoment('before', 'yesterday', nowMs)).toThrow('--before: "yesterday" is no moment')
})
