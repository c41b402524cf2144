// Real Pythons in real pods, as an ordinary user: what they write for perf in their own /tmp under their own PID, and py-spy
// across the border of PID namespaces.
import { expect, test } from 'vitest'
import { type Probe, runProbe } from '../../src/capture/probe.ts'
import { perfMap } from '../../src/capture/python-perf-map.ts'
import { pySpy } from '../../src/capture/python-spy.ts'
import type { CaptureKind, ProbeOptions } from '../../src/model/capture.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { startTicksOf } from '../../src/target/process-identity.ts'
import type { RunningPod } from '../node-tool/node.ts'
import { describeOnNode } from '../node-tool/on-node.ts'
import { burningPython, findPythons, hasPySpy, type Python } from '../python-program.ts'

const pythons = findPythons()
const withMap = pythons.filter(({ minor }) => minor >= 12)
const withDump = pythons.filter(({ minor }) => minor >= 13)
const [anyPython] = pythons
if (withMap.length === 0) process.stderr.write('skipped: what Python tells perf, in a pod: there is no Python 3.12\n')
if (!hasPySpy()) process.stderr.write('skipped: py-spy in a pod: sh scripts/setup.sh test brings it where pip is\n')

function look(probe: Probe, pod: RunningPod, kind: CaptureKind, options: ProbeOptions = {}) {
  const { pid } = pod.containers.app!
  const target = { kind: 'process', node: 'vm1', pid, startTicks: startTicksOf(pid)! } as const
  return runProbe(probe, { target, kind, durationMs: 1500, options, signal: new AbortController().signal }, Date.now)
}

describeOnNode('Python in a pod', (node) => {
  const run = async ({ path, library, minor }: Python, ...options: string[]): Promise<RunningPod> => {
    const pod = await node().runPod({
      name: `python-${minor}-${options.at(-1) ?? 'plain'}`.replace('_', '-'),
      containers: [
        {
          name: 'app',
          image: await node().packImage({ name: `python-${minor}`, programs: [path] }),
          command: [path, ...options, '-c', burningPython],
          mounts: [{ hostPath: library, containerPath: library, readonly: true }],
          uid: 10_001,
        },
      ],
    })
    await pod.untilLog('app', /ready/)
    return pod
  }

  test.each(withMap)('the perf map of Python 3.$minor', async (python) => {
    const pod = await run(python, '-X', 'perf')
    const { result, findings } = await look(perfMap, pod, 'cpu')
    expect(result).toMatchObject({ outcome: 'ok', message: expect.stringMatching(/writes a perf map with \d+ f/) })
    // Its PID in there.
    expect(findings.map(({ name }) => name)).toEqual(['perf-1.map'])
    expect(new TextDecoder().decode(findings[0]!.bytes)).toContain('py::hot_inner')
    await pod.stop()
  })

  test.each(withDump)('the jitdump of Python 3.$minor', async (python) => {
    const pod = await run(python, '-X', 'perf_jit')
    const { result, findings } = await look(perfMap, pod, 'cpu')
    expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('writes a jitdump of') })
    expect(findings.map(({ name }) => name)).toEqual(['jit-1.dump'])
    expect(Buffer.from(findings[0]!.bytes).toString('latin1', 0, 4)).toBe('DTiJ')
    await pod.stop()
  })

  test.runIf(anyPython && hasPySpy())('py-spy: who holds the lock, and no time for who sleeps', async () => {
    const pod = await run(anyPython!)
    const threads = await look(pySpy, pod, 'threads')
    expect(threads.result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('2 threads') })
    expect(new TextDecoder().decode(threads.findings[0]!.bytes)).toContain('hot_inner')
    const cpu = await look(pySpy, pod, 'cpu')
    expect(cpu.result).toMatchObject({
      outcome: 'ok',
      message: expect.stringContaining('that hold the interpreter lock'),
    })
    const { profile } = await readProfile(cpu.findings[0]!.bytes)
    const { functions, total } = topFunctions(profile, {})
    expect(functions[0]?.function).toContain('hot_inner')
    expect(functions[0]!.total / total).toBeGreaterThan(0.9)
    await pod.stop()
  })
})
