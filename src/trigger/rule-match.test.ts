import { expect, test } from 'vitest'
import { Rule } from './rule.ts'
import { isMatch, type Occasion, whyNoMatch, whyNotBusy } from './rule-match.ts'

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

test('special characters in a pattern stand for themselves', () => {
  expect(isMatch(['a.c'], ['abc'])).toBe(false)
  expect(isMatch(['a.c(1)*'], ['a.c(1) and more\nlines'])).toBe(true)
})

test('a share is of the limit, else of the request, else of one core', () => {
  const when = { above: 0.8 }
  expect(whyNotBusy(when, { cores: 0.45, limitCores: 0.5 })).toBeUndefined()
  expect(whyNotBusy(when, { cores: 0.45, requestCores: 0.5 })).toBeUndefined()
  expect(whyNotBusy(when, { cores: 0.45 })).toBe('it uses 45 % of its one core, above is 80 %')
  expect(whyNotBusy(when, { cores: 0.45, limitCores: 2 })).toBe('it uses 22.5 % of its limit, above is 80 %')
})
