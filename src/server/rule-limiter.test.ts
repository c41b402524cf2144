// The memory of what rules did: of the last day, with what was decided a moment ago.
import { expect, test } from 'vitest'
import { makeCapture, someMs, someTrigger } from '../../test/nouns.ts'
import type { Capture } from '../model/capture.ts'
import type { Page } from '../store/catalog.ts'
import { Rule } from '../trigger/rule.ts'
import { createRuleLimiter } from './rule-limiter.ts'

const minuteMs = 60_000
const rule = Rule.parse({ name: 'r', limits: { perNode: 1 } })
const wish = (workload: string) => ({ rule: 'r', workload, node: 'node-1', kind: 'threads' as const })

function world(captures: Capture[] = []) {
  let now = someMs
  const pages: number[] = []
  const listCaptures = async ({ limit, after }: Page) => {
    const older = captures.filter(({ requestedMs }) => !after || requestedMs < after.atMs)
    const page = older.toSorted((a, b) => b.requestedMs - a.requestedMs).slice(0, limit)
    pages.push(page.length)
    return page
  }
  const limiter = createRuleLimiter({ catalog: { listCaptures }, nowMs: () => now })
  return { limiter, pages, pass: (ms: number) => (now += ms) }
}

test('a place is taken as soon as it is decided, and free when it came to nothing', () => {
  const { limiter } = world()
  expect(limiter.take(rule, wish('a'), { captureId: 'cap-1', incidentId: 'inc-1' })).toBeUndefined()
  expect(limiter.take(rule, wish('b'), { captureId: 'cap-2', incidentId: 'inc-2' })).toMatchObject({
    guard: 'per-node',
  })
  limiter.release('cap-1')
  expect(limiter.take(rule, wish('b'), { captureId: 'cap-2', incidentId: 'inc-2' })).toBeUndefined()
})

test('what was decided and never began does not hold its place for ever', () => {
  const { limiter, pass } = world()
  limiter.take(rule, wish('a'), { captureId: 'cap-1', incidentId: 'inc-1' })
  pass(11 * minuteMs)
  expect(limiter.firings).toEqual([])
  expect(limiter.take(rule, wish('a'), { captureId: 'cap-2', incidentId: 'inc-1' })).toBeUndefined()
})

test("the agent's own capture of a spike stands in the way of others, not of what a rule adds to it", () => {
  const { limiter } = world()
  limiter.note(makeCapture({ id: 'cap-own', incidentId: 'inc-1', trigger: someTrigger, requestedMs: someMs }))
  expect(limiter.take(rule, wish('a'), { captureId: 'cap-2', incidentId: 'inc-2' })).toMatchObject({
    guard: 'per-node',
  })
  expect(limiter.take(rule, wish('a'), { captureId: 'cap-1', incidentId: 'inc-1' })).toBeUndefined()
})

test('of the past a day is read, page by page', async () => {
  const captures = Array.from({ length: 5000 }, (_, i) =>
    makeCapture({ id: `cap-${i}`, requestedMs: someMs - i * minuteMs, state: 'complete' }),
  )
  const { limiter, pages } = world(captures)
  await limiter.resume()
  expect(limiter.firings).toHaveLength(1440)
  expect(pages).toEqual([1000, 1000])
})

test('a capture of a node whose clock is ahead cools down from when it was heard of', () => {
  const { limiter, pass } = world()
  const ahead = {
    id: 'cap-1',
    node: 'node-2',
    requestedMs: someMs + 86_400_000,
    trigger: { ...someTrigger, rule: 'r' },
  }
  limiter.note(makeCapture(ahead))
  pass(minuteMs)
  limiter.note(makeCapture({ ...ahead, state: 'complete' }))
  expect(limiter.firings).toMatchObject([{ atMs: someMs, outcome: 'done' }])
})
