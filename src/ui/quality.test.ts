// What is said about the evidence: every loss, with what it means, and nothing alarming without need.
import { expect, test } from 'vitest'
import { makeCapture } from '../../test/nouns.ts'
import { qualityFacts } from './quality.ts'

const quality = {
  samples: 2808,
  lostSamples: 0,
  truncatedStacks: 12,
  unsymbolizedShare: 0.031,
  event: 'cpu-clock',
  eventFallback: true,
  gaps: [],
  notes: [],
}
const texts = (change: Partial<typeof quality> & { gaps?: object[] }, losses: { what: string; count: number }[] = []) =>
  qualityFacts(makeCapture({ id: 'cap-1', quality: { ...quality, ...change } as typeof quality }), losses).map(
    ({ text, isBad }) => (isBad ? `! ${text}` : text),
  )

test('good evidence alarms nobody', () => {
  expect(texts({})).toEqual([
    '2\u202f808 samples',
    '0 lost',
    '3.1 % without symbols',
    '12 truncated stacks',
    'cpu-clock (fall-back)',
  ])
})

test('losses, gaps, few samples and missing names stand out', () => {
  expect(
    texts(
      {
        samples: 40,
        lostSamples: 7,
        unsymbolizedShare: 0.4,
        truncatedStacks: 30,
        eventFallback: false,
        gaps: [
          { fromMs: 0, toMs: 1500, reason: 'perf was killed' },
          { fromMs: 3000, toMs: 3500, reason: 'perf was killed' },
        ] as never,
      },
      [{ what: 'truncated messages', count: 2 }],
    ),
  ).toEqual([
    '! 40 samples',
    '! 7 lost',
    '! 40 % without symbols',
    '! 30 truncated stacks',
    'cpu-clock',
    '! 2 s not recorded',
    '! 2 truncated messages',
  ])
})

test('a share that is almost nothing is not printed as nothing', () => {
  expect(texts({ unsymbolizedShare: 0.0004 })).toContain('<0.1 % without symbols')
})

test('a capture that has no quality yet says nothing', () => {
  expect(qualityFacts(makeCapture({ id: 'cap-1' }))).toEqual([])
})

test('what the capture counts and the profile says too is said once', () => {
  const cut = { what: 'samples whose stack was cut at the depth limit', count: 12 }
  expect(texts({}, [cut])).toEqual(texts({}))
  expect(texts({}, [{ ...cut, count: 13 }])).toContain(`! 13 ${cut.what}`)
})
