import { expect, test } from 'vitest'
import { type CpuNow, printCondition, whyNotBusy } from './rule-condition.ts'

test('a share is of the limit, else of the request, else of one core', () => {
  const when = { above: 0.8 }
  expect(whyNotBusy(when, { cores: 0.45, limitCores: 0.5 })).toBeUndefined()
  expect(whyNotBusy(when, { cores: 0.45, requestCores: 0.5 })).toBeUndefined()
  expect(whyNotBusy(when, { cores: 0.45 })).toBe('it uses 45 % of its one core, above is 80 %')
  expect(whyNotBusy(when, { cores: 0.45, limitCores: 2 })).toBe('it uses 22.5 % of its limit, above is 80 %')
})

const when = { above: 0.8, risesBy: 0.4, orAbove: 0.95 }
test.each<[CpuNow, string | undefined]>([
  [{ cores: 0.85, baselineCores: 0.2 }, undefined],
  [
    { cores: 0.85, baselineCores: 0.7 },
    'it uses 85 % of its one core, and 70 % is usual for it; risesBy is 40 %, orAbove 95 %',
  ],
  [{ cores: 0.96, baselineCores: 0.96 }, undefined],
  [{ cores: 0.5, baselineCores: 0 }, 'it uses 50 % of its one core, above is 80 %, orAbove 95 %'],
  [{ cores: 0.85 }, 'it uses 85 % of its one core, and what is usual for it is not known yet (risesBy), orAbove 95 %'],
  [{ cores: 1.7, baselineCores: 0.4, limitCores: 2 }, undefined],
])('above, risesBy and orAbove: %j', (now, why) => {
  expect(whyNotBusy(when, now)).toBe(why)
})

test('of a program that neighbours starve the wait counts as what it wants to use', () => {
  expect(whyNotBusy({ above: 0.8 }, { cores: 0.35, waitingCores: 0.6 })).toBeUndefined()
  expect(whyNotBusy({ risesBy: 0.5 }, { cores: 0.35, waitingCores: 0.6, baselineCores: 0.1 })).toBeUndefined()
  expect(whyNotBusy({ above: 0.8 }, { cores: 0.35, waitingCores: 0.3 })).toBe(
    'it uses 35 % of its one core and waits for 30 %, above is 80 %',
  )
})

test('a rise alone', () => {
  expect(whyNotBusy({ risesBy: 0.2 }, { cores: 0.3, baselineCores: 0.05 })).toBeUndefined()
  expect(whyNotBusy({ risesBy: 0.2 }, { cores: 0.3, baselineCores: 0.15 })).toContain('15 % is usual')
  expect(printCondition({ risesBy: 0.2, orAbove: 1.5 })).toBe('risesBy 20 %, orAbove 150 %')
})
