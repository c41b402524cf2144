// Programs that serve pprof and are not Go, or do not look like it: a C++ program with gperftools, asked because its port is
// named; a Go program whose build information was taken out, found by itself.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, expect, test } from 'vitest'
import { hasGo } from '../../test/go-pprof.ts'
import { pprofServerProgram } from '../../test/pprof-server.ts'
import { hasTool } from '../../test/symbol-programs.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { CaptureKind, ProbeOptions } from '../model/capture.ts'
import type { Target } from '../model/target.ts'
import { readProfile } from '../profile/formats.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { goPprofProbe } from './go-pprof.ts'
import { makePlan, type ProbeName, type ProbeSet } from './plan.ts'
import { type Probe, runProbe } from './probe.ts'

const folder = temporaryFolder()
const source = resolve(import.meta.dirname, '../../test/fixtures/gperftools/server.cpp')
const program = join(folder, 'gperftools-server')
const build = ['-O1', '-o', program, source, '-ltcmalloc', '-lprofiler', '-lpthread']
const hasGperftools = spawnSync('g++', build, { stdio: 'ignore' }).status === 0
if (!hasGperftools) process.stderr.write('skipped: pprof of gperftools: needs g++ and libgoogle-perftools-dev\n')

const started: ChildProcess[] = []
const stopAll = async (): Promise<void> => {
  for (const child of started.splice(0)) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
afterEach(stopAll)
afterAll(stopAll)

async function start(command: string, args: readonly string[] = []): Promise<{ target: Target; port: number }> {
  const env = { ...process.env, TCMALLOC_SAMPLE_PARAMETER: '65536' }
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  started.push(child)
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const pid = child.pid as number
  const startTicks = startTicksOf(pid) as number
  return { target: { kind: 'process', node: 'vm1', pid, startTicks }, port: Number.parseInt(value as string, 10) }
}

async function ask(target: Target, kind: CaptureKind, options: ProbeOptions, annotations = {}) {
  const probe = goPprofProbe({ annotationsOf: () => annotations })
  const request = { target, kind, durationMs: 1000, options, signal: new AbortController().signal }
  return runProbe(probe, request, () => 0)
}

const named = (name: string): Probe => ({ name, run: async () => ({ outcome: 'ok', findings: [] }) })
const probes = new Proxy({} as ProbeSet, { get: (_, name: ProbeName) => named(name) })
async function plannedFor(target: Target, kind: CaptureKind, options: ProbeOptions, annotations = {}) {
  const order = { kind, target, isAutomatic: false, onlyContext: false, forMs: 1000, options }
  const cgroups = openCgroupView()
  const plan = { context: named('context'), dwarf: named('dwarf'), probes, cgroups, annotationsOf: () => annotations }
  return (await makePlan(order, plan)).steps.slice(1).map((step) => `${step.probe.name} ${step.kind}`)
}

test.skipIf(!hasGperftools)('gperftools, by option and by annotation', async () => {
  const { target, port } = await start(program)
  const place = { pprofPort: port, pprofPath: '/pprof' }
  const annotations = { 'spikecam.dev/pprof-port': String(port), 'spikecam.dev/pprof-path': '/pprof' }
  expect(await plannedFor(target, 'heap', {})).toEqual([])
  expect(await plannedFor(target, 'heap', place)).toEqual(['goPprof heap'])
  expect(await plannedFor(target, 'cpu', place)).toEqual(['goPprof cpu'])
  expect(await plannedFor(target, 'heap', {}, annotations)).toEqual(['goPprof heap'])
  // Somebody else's port is no reason to ask this one.
  expect(await plannedFor(target, 'heap', {}, { 'spikecam.dev/pprof-port': '1' })).toEqual([])

  const [heap, annotated, cpu] = await Promise.all([
    ask(target, 'heap', place),
    ask(target, 'heap', {}, annotations),
    ask(target, 'cpu', place),
  ])
  expect(heap.result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('(found as named)') })
  expect(annotated.result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('by annotation') })
  expect(heap.findings.map(({ name }) => name)).toEqual(['heap.prof'])
  const { profile } = await readProfile(heap.findings[0]!.bytes)
  const space = profile.sampleTypes.findIndex(({ type }) => type.endsWith('space'))
  // Sampled, and scaled up by the reader: 1000 pieces of 64 KiB.
  expect(profile.samples.values[space]!.reduce((sum, value) => sum + Number(value), 0) / (1000 * 65_536)).toBeCloseTo(
    1,
    0,
  )

  expect(cpu.findings.map(({ name }) => name)).toEqual(['cpu.prof'])
  if (!hasTool('google-pprof', ['--version'])) return
  const file = join(folder, 'cpu.prof')
  writeFileSync(file, cpu.findings[0]!.bytes)
  expect(execFileSync('google-pprof', ['--text', program, file], { encoding: 'utf8', stdio: 'pipe' })).toContain(
    'burn_in_named_function',
  )
})

test.skipIf(!hasGperftools)('what it has not is said, and a wrong path too', async () => {
  const { target, port } = await start(program)
  const mutex = await ask(target, 'mutex', { pprofPort: port, pprofPath: '/pprof' })
  expect(mutex.result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('serves no mutex (404') })
  const wrong = await ask(target, 'heap', { pprofPort: port })
  expect(wrong.result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('serves no heap (404') })
})

test.skipIf(!hasGo() || !hasTool('objcopy', ['--version']))('a Go program without build information', async () => {
  const bare = join(folder, 'bare-go')
  execFileSync('objcopy', ['--strip-all', '--remove-section', '.go.buildinfo', pprofServerProgram(), bare])
  const { target } = await start(bare, ['serve=pprof'])
  expect(detectRuntime(target.pid as number)).toMatchObject({ runtime: 'go' })
  expect(detectRuntime(target.pid as number).version).toBeUndefined()
  const heap = await ask(target, 'heap', {})
  expect(heap.result).toMatchObject({ outcome: 'ok' })
})
