import { expect, test } from 'vitest'
import { Rule } from './rule.ts'
import { isMatch, type Occasion, whyNoMatch } from './rule-match.ts'

const occasion: Occasion = {
  source: 'alert',
  name: 'ProcessCpuHigh',
  labels: { severity: 'page' },
  namespace: 'shop',
  node: 'n1',
  workload: 'deployment/cart',
}
const why = (match: object, of: Partial<Occasion> = {}) =>
  whyNoMatch(Rule.parse({ name: 'a', match }), { ...occasion, ...of })

test.each([
  { match: {}, says: undefined },
  { match: { alertname: '*Cpu*' }, says: undefined },
  { match: { alertname: ['Memory*', '*High'] }, says: undefined },
  { match: { alertname: '!Watchdog' }, says: undefined },
  { match: { alertname: ['*', '!Process*'] }, says: 'alertname "ProcessCpuHigh" does not match *, !Process*' },
  { match: { alertname: 'cpu' }, says: 'alertname "ProcessCpuHigh" does not match cpu' },
  { match: { labels: { severity: ['page', 'critical'] } }, says: undefined },
  { match: { labels: { team: 'a' } }, says: 'label team "" does not match a' },
  { match: { labels: { team: '!a' } }, says: undefined },
  { match: { namespaces: '!kube-system' }, says: undefined },
  { match: { namespaces: 'kube-*' }, says: 'namespace "shop" does not match kube-*' },
  { match: { workloads: 'deployment' }, says: undefined },
  { match: { workloads: 'cart' }, says: undefined },
  { match: { workloads: 'deployment/*' }, says: undefined },
  { match: { workloads: '!cart' }, says: 'workload "deployment/cart" does not match !cart' },
  { match: { source: ['spike'] }, says: 'it is for spikes only' },
])('$match', ({ match, says }) => {
  expect(why(match)).toBe(says)
})

test('a paused rule matches nothing', () => {
  expect(whyNoMatch(Rule.parse({ name: 'a', paused: true }), occasion)).toBe('the rule is paused')
})

test.each([
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['a*', 'a', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*ab*ab', 'abab', true],
  ['*ab*ab', 'ab', false],
  ['a*b*b', 'ab', false],
  ['a*b*b', 'abxb', true],
  ['**', 'x', true],
])('%j is like %j: %s', (pattern, value, is) => {
  expect(isMatch([pattern], [value])).toBe(is)
})

test('a label that is made to be slow to match is not', () => {
  // With `.*` for each star this is 4096 to the power of six.
  expect(isMatch(['*a*a*a*a*a*b'], ['a'.repeat(4096)])).toBe(false)
})

test('special characters in a pattern stand for themselves', () => {
  expect(isMatch(['a.c'], ['abc'])).toBe(false)
  expect(isMatch(['a.c(1)*'], ['a.c(1) and more\nlines'])).toBe(true)
})
