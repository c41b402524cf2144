import { expect, test } from 'vitest'
import { Failure } from '../model/errors.ts'
import { type Probe, type ProbeYield, runProbe, Skipped } from './probe.ts'

const request = {
  target: { kind: 'process' as const, node: 'vm1', pid: 1, startTicks: 1 },
  kind: 'threads' as const,
  durationMs: 0,
  options: {},
  signal: new AbortController().signal,
}
const probe = (run: () => Promise<ProbeYield>): Probe => ({ name: 'made', run })
const outcome = (run: () => Promise<ProbeYield>) => runProbe(probe(run), request, () => 7)

test('what a probe gives is its result and its findings', async () => {
  const finding = { name: 'threads.txt', mediaType: 'text/plain', bytes: new Uint8Array([1]) }
  expect(await outcome(async () => ({ outcome: 'ok', findings: [finding] }))).toEqual({
    result: { probe: 'made', outcome: 'ok', startedMs: 7, endedMs: 7 },
    findings: [finding],
  })
})

test('a probe that throws failed with its code, or was skipped with its reason', async () => {
  const failed = async (): Promise<ProbeYield> => {
    throw new Failure('TIMEOUT', 'no answer', { details: { stderrTail: 'the end' } })
  }
  expect((await outcome(failed)).result).toMatchObject({ outcome: 'failed', code: 'TIMEOUT', stderrTail: 'the end' })
  const skipped = async (): Promise<ProbeYield> => {
    throw new Skipped('not a JVM')
  }
  expect((await outcome(skipped)).result).toMatchObject({ outcome: 'skipped', message: 'not a JVM' })
  const broken = async (): Promise<ProbeYield> => {
    throw new TypeError('x is undefined')
  }
  expect((await outcome(broken)).result).toMatchObject({ outcome: 'failed', code: 'INTERNAL' })
})

test('what a program says is kept to a length that can be read', async () => {
  const text = 'x'.repeat(10_000_000)
  const lengthOf = async (run: () => Promise<ProbeYield>) => (await outcome(run)).result.message?.length
  const fail = (error: Error) => async (): Promise<ProbeYield> => {
    throw error
  }
  expect(await lengthOf(async () => ({ outcome: 'empty', message: text, findings: [] }))).toBe(4001)
  expect(await lengthOf(fail(new Failure('TOOL_FAILED', text)))).toBe(4001)
  expect(await lengthOf(fail(new Skipped(text)))).toBe(4001)
})
