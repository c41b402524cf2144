import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { Target } from '../model/target.ts'
import type { Container, Pod } from '../target/pods.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { identify, watchTarget } from './identify.ts'

const asIs = { describe: (target: Target) => target }
const nobody = { usage: { follows: () => false }, inventory: { containers: () => [] } }

test('a bare PID becomes the process that has it now, one with a start time stays that one', () => {
  const found = identify({ kind: 'process', node: 'n', pid: process.pid }, asIs)
  expect(found).toMatchObject({ startTicks: startTicksOf(process.pid), cmdline: expect.stringContaining('node') })
  const earlier = { kind: 'process', node: 'n', pid: process.pid, startTicks: 1 } as const
  expect(identify(earlier, asIs)).toEqual(earlier)
})

test('the end of a process is seen, and that of one that was gone before is nobody’s news', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const target = identify({ kind: 'process', node: 'n', pid: child.pid as number }, asIs)
  const whyGone = watchTarget(target, nobody)
  expect(whyGone?.()).toBeUndefined()
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(whyGone?.()).toMatch(/^the process ended after \d+\.\d s of the capture$/)
  expect(watchTarget(target, nobody)).toBeUndefined()
})

test('a container ends with its cgroup; a target that cannot be watched is recorded to the end', () => {
  let isThere = true
  const here = { ...nobody, usage: { follows: (key: string) => isThere && key === 'c:abc' } }
  const whyGone = watchTarget({ kind: 'container', node: 'n', containerId: 'abc' }, here)
  expect(whyGone?.()).toBeUndefined()
  isThere = false
  expect(whyGone?.()).toMatch(/^the container ended/)
  expect(watchTarget({ kind: 'node', node: 'n' }, here)).toBeUndefined()
})

test('a container that the watcher does not follow yet is there while the runtime runs it', () => {
  const pod = { name: 'cart-1', namespace: 'shop' } as Pod
  let state = 'running' as Container['state']
  let isFollowed = false
  const young = {
    usage: { follows: () => isFollowed },
    inventory: { containers: () => [{ id: 'abc', state, pod } as Container] },
  }
  const targets = [
    { kind: 'container', node: 'n', containerId: 'abc' },
    { kind: 'container', node: 'n', pod: 'cart-1', namespace: 'shop' },
  ] as const
  const watched = targets.map((target) => watchTarget(target, young))
  expect(watched.map((whyGone) => whyGone?.())).toEqual([undefined, undefined])
  state = 'exited'
  expect(watched.map((whyGone) => whyGone?.())).toEqual([
    expect.stringMatching(/^the container ended/),
    expect.stringMatching(/^the pod ended/),
  ])
  isFollowed = true
  expect(watched.map((whyGone) => whyGone?.())).toEqual([undefined, undefined])
  // The runtime may be late: once followed, it is the cgroup that counts.
  state = 'running'
  isFollowed = false
  expect(watched.map((whyGone) => whyGone?.() !== undefined)).toEqual([true, true])
})
