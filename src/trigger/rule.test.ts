import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Failure } from '../model/errors.ts'
import { defaultRules, readRules } from './rule.ts'

/** Problems that reading the YAML finds. */
function problems(yaml: string): unknown {
  try {
    readRules(parse(yaml), 'rules.yaml')
  } catch (error) {
    if (error instanceof Failure && error.code === 'BAD_CONFIG') return error.details.problems
    throw error
  }
  return []
}

test('a rule as people write it', () => {
  const { rules } = readRules(
    parse(`
rules:
  - name: shop-cpu
    match: { alertname: ['*Cpu*', '!Watchdog'], labels: { severity: page }, namespaces: shop }
    when: { above: 80% }
    do: [context, threads, cpu 30s]
    limits: { cooldown: 5m, perWorkload: 1/10m, fleet: 12/h }
`),
  )
  expect(rules[0]).toMatchObject({
    name: 'shop-cpu',
    match: { alertname: ['*Cpu*', '!Watchdog'], labels: { severity: ['page'] }, namespaces: ['shop'] },
    when: { above: 0.8 },
    do: [
      { kind: 'context', forMs: 20_000 },
      { kind: 'threads', forMs: 20_000 },
      { kind: 'cpu', forMs: 30_000 },
    ],
    limits: { cooldown: 300_000, perWorkload: { count: 1, perMs: 600_000 }, fleet: { count: 12, perMs: 3_600_000 } },
  })
})

test('without a file everything that fires is looked at, with limits', () => {
  expect(defaultRules.rules).toMatchObject([
    { name: 'default', match: { source: ['alert'] }, when: 'firing', limits: { cooldown: 600_000, perNode: 2 } },
    { name: 'spikes', match: { source: ['spike'] }, do: [{ kind: 'threads' }] },
  ])
  expect(readRules(null)).toEqual(defaultRules)
})

test.each([
  { yaml: 'rulez: []', says: 'there is no "rulez"; did you mean "rules"?' },
  {
    yaml: 'rules: [{ name: a, limits: { cooldwon: 5m } }]',
    says: 'rules[0].limits: there is no "cooldwon"; did you mean "cooldown"?',
  },
  { yaml: 'rules: [{ name: a, limits: { cooldown: soon } }]', says: 'rules[0].limits.cooldown: "soon" is no duration' },
  { yaml: 'rules: [{ name: a, limits: { perWorkload: many } }]', says: '"many" is no rate: expected for example 3/h' },
  { yaml: 'rules: [{ name: a, when: { above: 0.8 } }]', says: 'rules[0].when.above' },
  { yaml: 'rules: [{ name: a, when: {} }]', says: 'rules[0].when: expected "firing", or above or risesBy' },
  { yaml: 'rules: [{ name: a, when: { above: 0% } }]', says: 'rules[0].when.above: "0%" is no share above zero' },
  {
    yaml: 'rules: [{ name: a, when: { above: 90%, orAbove: 80% } }]',
    says: 'rules[0].when.orAbove: 80 % is not more than above (90 %), so it can never matter',
  },
  {
    yaml: 'rules: [{ name: a, when: { above: 90%, riseBy: 80% } }]',
    says: 'rules[0].when: there is no "riseBy"; did you mean "risesBy"?',
  },
  { yaml: 'rules: [{ name: a, guards: { heapUpTo: much } }]', says: 'rules[0].guards.heapUpTo: "much" is no size' },
  {
    yaml: 'rules: [{ name: a, guards: { nodeMemory: 5% } }]',
    says: 'rules[0].guards: there is no "nodeMemory"; did you mean',
  },
  {
    yaml: 'rules: [{ name: a, do: [cpuu 20s] }]',
    says: 'rules[0].do[0]: there is no capture of "cpuu"; did you mean "cpu"?',
  },
  { yaml: 'rules: [{ name: a, do: [cpu often] }]', says: 'expected a kind and how long, for example "cpu 20s"' },
  { yaml: 'rules: [{ name: a, do: [cpu 2h] }]', says: 'rules[0].do[0]: "cpu 2h": a capture takes at most 10m' },
  { yaml: 'rules: [{ name: a, match: { source: [] } }]', says: 'rules[0].match.source' },
  // These would have been no limit at all: one of none, and those of longer than anybody remembers.
  {
    yaml: 'rules: [{ name: a, limits: { fleet: 0/h } }]',
    says: 'rules[0].limits.fleet: "0/h" is no rate',
  },
  { yaml: 'rules: [{ name: a, limits: { cooldown: 2d } }]', says: 'rules[0].limits.cooldown: what was captured is' },
  { yaml: 'rules: [{ name: a, limits: { perWorkload: 1/7d } }]', says: 'limits.perWorkload: what was captured is' },
  { yaml: 'rules: [{ name: A_b }]', says: 'rules[0].name: has to be of small letters' },
  { yaml: 'rules: [{ name: a }, { name: a }]', says: 'rules[1].name: "a" is there twice' },
  { yaml: 'rules: [{ name: a, limits: { perNode: 50 } }]', says: 'rules[0].limits.perNode' },
])('$yaml is refused', ({ yaml, says }) => {
  expect(problems(yaml)).toEqual([expect.stringContaining(says)])
})

test('all that is wrong is told at once', () => {
  expect(problems('rules: [{ name: a, do: [x], limits: { cooldown: y } }]')).toHaveLength(2)
})
