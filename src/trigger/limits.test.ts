import { expect, test } from 'vitest'
import type { Target } from '../model/target.ts'
import { refusalOf, requireWithinLimits } from './limits.ts'

const process = (pid: number, startTicks = 1): Target => ({ kind: 'process', node: 'vm1', pid, startTicks })
const container = (containerId: string, cgroup = `/pods/p/${containerId}`): Target => ({
  kind: 'container',
  node: 'vm1',
  containerId,
  cgroup,
})
const pod = (cgroup: string): Target => ({ kind: 'container', node: 'vm1', cgroup, pod: 'cart-0' })
const running = (...targets: Target[]) => targets.map((target, i) => ({ id: `cap-${i}`, node: target.node, target }))
const guard = (target: Target, ...targets: Target[]): string | undefined =>
  refusalOf(target, running(...targets))?.guard

test('one capture for a target, two on a node', () => {
  expect(guard(process(7))).toBeUndefined()
  expect(guard(process(7), process(7))).toBe('per-process')
  expect(guard(process(7, 2), process(7))).toBeUndefined()
  expect(guard(container('b'), container('a'))).toBeUndefined()
  expect(guard(container('a'), container('a', '/other/a'))).toBe('per-process')
  expect(guard(pod('/pods/p'), pod('/pods/p'))).toBe('per-process')
  expect(guard(pod('/pods/p'), container('a'))).toBeUndefined()
  expect(guard(process(7), process(8), container('a'))).toBe('per-node')
  expect(guard(process(7), { ...process(7), node: 'vm2' })).toBeUndefined()
})

test('a refusal names what holds the place and how to free it', () => {
  expect(() => requireWithinLimits(process(7), running(process(7)))).toThrow(
    'per-process limit of 1: process (pid 7) is being captured by cap-0; wait for it, or end it with `spikecam stop cap-0`',
  )
  expect(() => requireWithinLimits(process(7), running(process(7)), { perProcess: 2, perNode: 9 })).not.toThrow()
})
