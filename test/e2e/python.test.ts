// Real Python interpreters: what they tell perf by themselves, py-spy where it is installed, and refusals.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import { type Probe, runProbe } from '../../src/capture/probe.ts'
import { perfMap } from '../../src/capture/python-perf-map.ts'
import { pySpy } from '../../src/capture/python-spy.ts'
import type { CaptureKind, ProbeOptions } from '../../src/model/capture.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { startTicksOf } from '../../src/target/process-identity.ts'
import { burningPython, findPythons, hasPySpy } from '../python-program.ts'

const pythons = findPythons()
const withPerf = pythons.find(({ minor }) => minor >= 12)
const withoutPerf = pythons.find(({ minor }) => minor < 12)
const anyPython = pythons[0]
const withDump = pythons.find(({ minor }) => minor >= 13)
const isPySpyHere = hasPySpy()
for (const [what, has] of Object.entries({
  'Python 3.12': withPerf,
  'Python below 3.12': withoutPerf,
  'Python 3.13': withDump,
  'py-spy': isPySpyHere,
})) {
  if (!has) process.stderr.write(`skipped: tests with ${what}: it is not installed\n`)
}

const started: ChildProcess[] = []
afterEach(async () => {
  for (const child of started.splice(0)) {
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    for (const file of [`perf-${child.pid}.map`, `jit-${child.pid}.dump`]) rmSync(`/tmp/${file}`, { force: true })
  }
})

async function start(command: string, ...args: string[]): Promise<{ pid: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  started.push(child)
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  return { pid: child.pid as number }
}

function look(probe: Probe, { pid }: { pid: number }, kind: CaptureKind, options: ProbeOptions = {}) {
  const startTicks = startTicksOf(pid) as number
  const target = { kind: 'process', node: 'vm1', pid, startTicks } as const
  return runProbe(probe, { target, kind, durationMs: 1000, options, signal: new AbortController().signal }, Date.now)
}

test.runIf(withPerf)('the map that an interpreter writes for perf is found and counted', async () => {
  const python = await start(withPerf!.path, '-X', 'perf', '-c', burningPython)
  const { result, findings } = await look(perfMap, python, 'cpu')
  expect(result).toMatchObject({
    outcome: 'ok',
    message: expect.stringMatching(/^Python 3\.\d+.* writes a perf map with \d+ f/),
  })
  expect(findings.map(({ name }) => name)).toEqual([`perf-${python.pid}.map`])
  expect(new TextDecoder().decode(findings[0]!.bytes)).toContain('py::hot_inner')
})

test.runIf(withDump)('the jitdump of 3.13 is found, and says what it is', async () => {
  const python = await start(withDump!.path, '-X', 'perf_jit', '-c', burningPython)
  const { result, findings } = await look(perfMap, python, 'cpu')
  expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('writes a jitdump of') })
  expect(findings.map(({ name }) => name)).toEqual([`jit-${python.pid}.dump`])
})

test.runIf(withPerf)('one that was not told to is told how', async () => {
  const { result } = await look(perfMap, await start(withPerf!.path, '-c', burningPython), 'cpu')
  expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('-X perf') })
})

test.runIf(withoutPerf)('one that knows nothing of perf is said to', async () => {
  const { result } = await look(perfMap, await start(withoutPerf!.path, '-c', burningPython), 'cpu')
  expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('3.12 and later have') })
})

describe.runIf(isPySpyHere && anyPython)('py-spy', () => {
  test('threads with their Python stacks, and who holds the lock', async () => {
    const { result, findings } = await look(pySpy, await start(anyPython!.path, '-c', burningPython), 'threads')
    expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('2 threads') })
    expect(new TextDecoder().decode(findings[0]!.bytes)).toMatch(
      /"MainThread"\n +hot_inner|"MainThread"\n +handle_parse/,
    )
  })

  test('stacks over time, as folded text, with and without stopping it', async () => {
    const python = await start(anyPython!.path, '-c', burningPython)
    for (const options of [{}, { gil: true, blocking: true }]) {
      const { result, findings } = await look(pySpy, python, 'cpu', options)
      expect(result).toMatchObject({ outcome: 'ok', message: expect.stringMatching(/100 Hz.*: \d+ samples/) })
      const { profile } = await readProfile(findings[0]!.bytes)
      expect(topFunctions(profile, {}).functions[0]?.function).toContain('hot_inner')
    }
  })
})

test.runIf(!isPySpyHere && anyPython)('without py-spy the way to get it is said', async () => {
  const { result } = await look(pySpy, await start(anyPython!.path, '-c', burningPython), 'threads')
  expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('pip install py-spy') })
})

test('what is no Python is left alone', async () => {
  const sleeper = await start('sh', '-c', 'echo ready; exec sleep 600')
  for (const probe of [pySpy, perfMap]) {
    const { result } = await look(probe, sleeper, 'threads')
    expect(result).toMatchObject({ outcome: 'skipped', message: expect.stringContaining('is not Python') })
  }
})
