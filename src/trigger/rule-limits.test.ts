import { expect, test } from 'vitest'
import { Rule } from './rule.ts'
import { type Firing, refusalOfRule, type Wish } from './rule-limits.ts'

const minute = 60_000
const nowMs = 100 * minute
const rule = Rule.parse({
  name: 'a',
  limits: { cooldown: '10m', perWorkload: '3/h', fleet: '5/h', perNode: 2, perNamespace: 1 },
})
const wish: Wish = { rule: 'a', workload: 'deployment/cart', namespace: 'shop', node: 'n1', kind: 'cpu' }
const done = (minutesAgo: number, other: Partial<Firing> = {}): Firing => ({
  ...wish,
  atMs: nowMs - minutesAgo * minute,
  outcome: 'done',
  ...other,
})
const guard = (history: Firing[], other: Partial<Wish> = {}) =>
  refusalOfRule(rule, { ...wish, ...other }, history, nowMs)?.guard

test('the first one fires', () => {
  expect(guard([])).toBeUndefined()
})

test('cooldown is of one rule, workload and kind', () => {
  expect(refusalOfRule(rule, wish, [done(4)], nowMs)).toEqual({
    guard: 'cooldown',
    message: 'captured 4 min ago (cooldown 10 min); again in 6 min',
    untilMs: nowMs + 6 * minute,
  })
  expect(guard([done(10)])).toBeUndefined()
  expect(guard([done(4)], { kind: 'threads' })).toBeUndefined()
  expect(guard([done(4, { workload: 'deployment/pay' })])).toBeUndefined()
  expect(guard([done(4, { rule: 'b' })])).toBeUndefined()
})

test('within the cooldown only what is clearly worse', () => {
  const before = [done(4, { severity: 1 })]
  expect(guard(before, { severity: 1.1 })).toBe('cooldown')
  expect(guard(before, { severity: 1.3 })).toBeUndefined()
  const never = Rule.parse({ name: 'a', limits: { onlyIfWorse: false } })
  expect(refusalOfRule(never, { ...wish, severity: 9 }, before, nowMs)?.guard).toBe('cooldown')
})

test('rates: of the workload, and of the rule over all workloads', () => {
  const mine = [done(50), done(40), done(30)]
  const refusal = refusalOfRule(rule, wish, mine, nowMs)
  expect(refusal).toMatchObject({ guard: 'per-workload', untilMs: nowMs + 10 * minute })
  expect(guard(mine, { kind: 'threads' })).toBeUndefined()
  expect(guard([done(61), done(40), done(30)])).toBeUndefined()
  const others = [1, 2, 3, 4, 5].map((i) => done(20 + i, { workload: `deployment/${i}` }))
  expect(guard(others)).toBe('fleet')
})

test('what runs now counts for the node and the namespace, whoever asked for it', () => {
  const running = (other: Partial<Firing>): Firing =>
    done(1, { outcome: 'running', rule: 'manual', workload: 'x', ...other })
  expect(guard([running({ namespace: 'pay' }), running({ namespace: 'pay' })])).toBe('per-node')
  expect(guard([running({ node: 'n2' })])).toBe('per-namespace')
  expect(guard([running({ node: 'n2', namespace: 'pay' })])).toBeUndefined()
})

test('failures use up nothing, but are waited out ever longer', () => {
  const failed = (minutesAgo: number): Firing => done(minutesAgo, { outcome: 'failed' })
  expect(guard([failed(0.1)])).toBe('back-off')
  expect(guard([failed(0.2)])).toBeUndefined()
  expect(guard([failed(0.2), failed(1), failed(2)])).toBe('back-off')
  expect(guard([failed(0.7), failed(1), failed(2)])).toBeUndefined()
  expect(guard([failed(50), failed(40), failed(30), failed(20)])).toBeUndefined()
})

test('the same question has the same answer', () => {
  const history = [done(0.05, { outcome: 'failed' })]
  const answers = Array.from({ length: 20 }, () => refusalOfRule(rule, wish, history, nowMs)?.untilMs)
  expect(new Set(answers).size).toBe(1)
})
