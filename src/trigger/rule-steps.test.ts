import { expect, test } from 'vitest'
import type { Vitals } from '../model/inventory.ts'
import { Rule } from './rule.ts'
import { needsVitals, planSteps, printPlan } from './rule-steps.ts'

const vitals = (other: Partial<Vitals> = {}): Vitals => ({
  cores: 1,
  runtimes: ['jvm'],
  memoryBytes: 3e9,
  node: { cpus: 4, cores: 3.9, memoryAvailableShare: 0.08 },
  ...other,
})
const rule = (steps: string[], guards: object = {}) => Rule.parse({ name: 'a', do: steps, guards })

test('who serves pprof where its pod says so has what is read there, whatever it is written in', () => {
  const some = rule(['heap', 'mutex', 'goroutines', 'threads'])
  const why = (kind: string, of: string) => `without ${kind}: it is of ${of}, and this is native`
  expect(printPlan(planSteps(some, vitals({ runtimes: ['native'], hasPprof: true }), 'alert'))).toBe(
    ['heap, mutex', why('goroutines', 'go'), why('threads', 'jvm, python')].join('; '),
  )
  expect(planSteps(some, vitals({ runtimes: ['native'] }), 'alert').steps).toEqual([])
})

test('what the language does not have is left out, as far as it is known', () => {
  const some = rule(['context', 'threads', 'goroutines', 'cpu 20s'])
  expect(printPlan(planSteps(some, vitals(), 'alert'))).toBe(
    'context, threads, cpu; without goroutines: it is of go, and this is jvm',
  )
  expect(planSteps(some, vitals({ runtimes: ['native', 'go'] }), 'alert').left).toMatchObject([{ kind: 'threads' }])
  expect(planSteps(some, undefined, 'alert').left).toEqual([])
})

test('of a spike what the agent has by itself is left out', () => {
  const some = rule(['context', 'threads', 'cpu 20s'])
  expect(planSteps(some, vitals(), 'spike').steps.map(({ kind }) => kind)).toEqual(['cpu'])
  expect(planSteps(some, vitals({ runtimes: ['python'] }), 'spike').steps.map(({ kind }) => kind)).toEqual([
    'threads',
    'cpu',
  ])
})

test.each([
  [{ nodeMemoryFree: '10%' }, 'nodeMemoryFree', "10 % of the node's memory has to be free: 8 % is available"],
  [{ nodeCpuBelow: '95%' }, 'nodeCpuBelow', 'the node has to be less than 95 % busy: it is 97.5 % busy'],
  [{ heapUpTo: '2GB' }, 'heapUpTo', 'only up to 2.0 GB of memory: it has 3.0 GB'],
])('the guard %j forbids a heap dump, and never the context', (guards, guard, why) => {
  const { steps, left } = planSteps(rule(['context', 'heap'], guards), vitals(), 'alert')
  expect(steps.map(({ kind }) => kind)).toEqual(['context'])
  expect(left).toEqual([{ kind: 'heap', guard, why }])
})

test('a guard that holds forbids nothing; one that cannot be judged forbids', () => {
  const guards = { nodeMemoryFree: '5%', nodeCpuBelow: '99%', heapUpTo: '4GB' }
  expect(planSteps(rule(['heap', 'cpu'], guards), vitals(), 'alert').left).toEqual([])
  expect(planSteps(rule(['heap', 'cpu'], guards), undefined, 'alert').steps).toEqual([])
})

test('who asks for nothing special need not be told how the target is', () => {
  expect(needsVitals(rule(['context', 'cpu']))).toBe(false)
  expect(needsVitals(rule(['threads']))).toBe(true)
  expect(needsVitals(rule(['cpu'], { nodeCpuBelow: '90%' }))).toBe(true)
})
