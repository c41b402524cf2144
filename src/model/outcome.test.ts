import { expect, test } from 'vitest'
import type { ProbeResult } from './capture.ts'
import { exitOf, stateOf } from './outcome.ts'

const result = (probe: string, outcome: ProbeResult['outcome'], rest: Partial<ProbeResult> = {}): ProbeResult => ({
  probe,
  outcome,
  ...(outcome === 'ok' ? {} : { message: `${probe} is ${outcome}` }),
  ...rest,
})
const judge = (kind: string, ...probes: ProbeResult[]): [state: string, exit: number, message?: string] => {
  const { state, message } = stateOf(kind, probes)
  return [state, exitOf({ kind, state, probes }), ...(message === undefined ? [] : [message])] as never
}

test('what was asked for decides; the context is only added', () => {
  const context = result('context', 'ok')
  expect(judge('heap', context, result('go-pprof', 'ok'))).toEqual(['complete', 0])
  expect(judge('heap', context, result('go-pprof', 'empty'))).toEqual(['failed', 6, 'go-pprof is empty'])
  expect(judge('heap', context, result('node-heap', 'skipped'))).toEqual(['failed', 6, 'node-heap is skipped'])
  expect(judge('heap', result('context', 'failed'), result('go-pprof', 'ok'))).toEqual(['complete', 0])
  expect(judge('context', context)).toEqual(['complete', 0])
})

test('stacks of the ring are what cpu means; a bundle is everything that fits', () => {
  const ring = result('ring', 'ok')
  const failed = result('jvm-threads', 'failed', { code: 'TIMEOUT' })
  expect(judge('cpu', ring, failed)).toEqual(['complete', 0])
  expect(judge('bundle', ring, failed)).toEqual(['partial', 5, 'jvm-threads is failed'])
  expect(judge('bundle', ring, result('go-pprof', 'skipped'), result('go-pprof', 'empty'))).toEqual(['complete', 0])
  expect(judge('cpu', result('ring', 'empty'), result('context', 'ok'))).toEqual(['failed', 6, 'ring is empty'])
})

test('a failure gives its own exit code', () => {
  expect(judge('threads', result('jvm-threads', 'failed', { code: 'TARGET_GONE' }))[1]).toBe(4)
  expect(judge('threads', result('jvm-threads', 'failed', { code: 'NOT_PERMITTED' }))[1]).toBe(7)
  expect(judge('threads', result('jvm-threads', 'failed', { code: 'TIMEOUT' }))[1]).toBe(8)
  expect(judge('threads', result('a', 'partial'), result('b', 'failed', { code: 'TIMEOUT' }))).toEqual([
    'partial',
    5,
    'b is failed',
  ])
  expect(judge('threads')).toEqual(['failed', 5])
  expect(exitOf({ kind: 'heap', state: 'refused', probes: [] })).toBe(3)
})
