// Plans for real processes of this machine, with probes that only have names.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { type CaptureKind, captureKinds, runtimesOfKind } from '../model/capture.ts'
import type { Target } from '../model/target.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { chooseBusiest, makePlan, type PlanRequest, type ProbeName, type ProbeSet, runtimesWith } from './plan.ts'
import type { Probe } from './probe.ts'

const named = (name: string): Probe => ({ name, run: async () => ({ outcome: 'ok', findings: [] }) })
const probes = new Proxy({} as ProbeSet, { get: (_, name: ProbeName) => named(name) })
const options = { context: named('context'), dwarf: named('dwarf'), probes, cgroups: openCgroupView() }

let sleeper: ChildProcess
let node: ChildProcess
beforeAll(async () => {
  sleeper = spawn('sleep', ['600'])
  node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await Promise.all([once(sleeper, 'spawn'), once(node, 'spawn')])
})
afterAll(() => {
  sleeper.kill('SIGKILL')
  node.kill('SIGKILL')
})

const targetOf = ({ pid = 0 }: ChildProcess): Target => {
  const startTicks = startTicksOf(pid)
  return { kind: 'process', node: 'vm1', pid, ...(startTicks === undefined ? {} : { startTicks }) }
}
const plan = (kind: CaptureKind, target: Target, more: Partial<PlanRequest> = {}) =>
  makePlan({ kind, target, isAutomatic: false, onlyContext: false, forMs: 5000, ...more }, options)
const stepsOf = async (kind: CaptureKind, target: Target, more: Partial<PlanRequest> = {}) =>
  (await plan(kind, target, more)).steps.map((step) => `${step.probe.name} ${step.kind} ${step.durationMs}`)

test('what the process is decides, and the context comes first', async () => {
  const target = targetOf(node)
  expect(await stepsOf('heap', target)).toEqual(['context context 1000', 'nodeHeap heap 5000'])
  expect(await stepsOf('cpu', target)).toEqual(['context context 1000', 'nodeCpu cpu 5000'])
  expect(await stepsOf('bundle', target)).toEqual(['context context 1000', 'nodeCpu cpu 5000'])
  expect(await stepsOf('context', target)).toEqual(['context context 1000'])
  expect((await plan('heap', target)).steps[1]?.target).toMatchObject({ pid: node.pid, runtime: 'node' })
})

test('stacks by debug information are of a target, in place of what the program has itself, and never of a node', async () => {
  const dwarf = { options: { stacks: 'dwarf' } } as const
  expect(await stepsOf('cpu', targetOf(node), dwarf)).toEqual(['context context 1000', 'dwarf cpu 5000'])
  const { steps, settled } = await plan('cpu', { kind: 'node', node: 'vm1' }, dwarf)
  expect(steps.map((step) => step.probe.name)).toEqual(['context'])
  expect(settled).toMatchObject([{ probe: 'dwarf', outcome: 'skipped' }])
})

test('a spike gets by itself what costs next to nothing, and the context alone when the node has its share', async () => {
  expect(await stepsOf('cpu', targetOf(node), { isAutomatic: true })).toEqual(['context context 1000'])
  expect(await stepsOf('bundle', targetOf(node), { onlyContext: true })).toEqual(['context context 1000'])
})

test('what a process has not is said, with what it has', async () => {
  const { steps, settled, hasRing } = await plan('heap', targetOf(sleeper))
  expect({ steps: steps.length, hasRing }).toEqual({ steps: 1, hasRing: false })
  expect(settled).toEqual([
    {
      probe: 'heap',
      outcome: 'skipped',
      message: expect.stringMatching(
        /^sleep \(pid \d+\) is a native program, which has no heap .*; it is taken of Go, .*Node; of this one there is: cpu, context\. If it serves pprof all the same, name its port/,
      ),
    },
  ])
  // What comes nearest is named, and not taken in its place.
  const threads = await plan('threads', targetOf(sleeper))
  expect(threads.steps).toHaveLength(1)
  expect(threads.settled[0]?.message).toMatch(
    / is a native program.*\. Which of its threads used CPU is in the context/,
  )
  // Stacks are there of everything, so nothing is missed.
  expect((await plan('cpu', targetOf(sleeper))).settled).toEqual([])
  expect((await plan('goroutines', { kind: 'node', node: 'vm1' })).settled[0]?.message).toContain('a whole node')
})

test('a program that is said to serve pprof is asked for what Go has; what that has not is its own', async () => {
  const options = { pprofPort: 6060 }
  expect(await stepsOf('cpu', targetOf(node), { options })).toEqual([
    'context context 1000',
    'goPprof cpu 5000',
    'nodeCpu cpu 5000',
  ])
  expect(await stepsOf('bundle', targetOf(sleeper), { options })).toContain('goPprof heap 5000')
  expect(await stepsOf('heap', targetOf(sleeper), { options: { pprofPort: 6060 } })).toEqual([
    'context context 1000',
    'goPprof heap 5000',
  ])
})

test('a process that is another one by now is nobody', async () => {
  const target = { ...targetOf(node), startTicks: 1 }
  await expect(plan('heap', target)).rejects.toMatchObject({ code: 'TARGET_GONE' })
})

test('the rules know of each kind the same languages as the plan; cpu is of everything', () => {
  for (const kind of captureKinds.filter((each) => each !== 'cpu')) {
    expect([kind, runtimesWith(kind)]).toEqual([kind, runtimesOfKind[kind] ?? []])
  }
})

test('of a container with too many processes the busiest are looked at', async () => {
  const proc = temporaryFolder()
  const pids = Array.from({ length: 300 }, (_, i) => i + 1)
  for (const pid of pids) {
    mkdirSync(`${proc}/${pid}`)
    writeFileSync(`${proc}/${pid}/stat`, `${pid} (w) S ${'1 '.repeat(10)}${pid} 0 0 0 20 0 1 0 7 0 0\n`)
  }
  const chosen = await chooseBusiest(pids, proc)
  expect(chosen.left).toBe(100)
  expect([...chosen.pids].sort((a, b) => a - b)).toEqual(pids.slice(100))
  expect(await chooseBusiest([1, 2], proc)).toEqual({ pids: [1, 2], left: 0 })
})
