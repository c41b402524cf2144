// A container that only sleeps: every probe refuses it with its reason, nothing in there is touched, and it sleeps on.
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createProbeSet } from '../../src/capture/plan-probes.ts'
import { runProbe } from '../../src/capture/probe.ts'
import type { CaptureKind } from '../../src/model/capture.ts'
import { readProcess } from '../../src/target/process-identity.ts'
import { describeOnNode } from '../node-tool/on-node.ts'

/** Each probe with a kind that it is asked for. */
const kinds: Record<keyof ReturnType<typeof createProbeSet>, CaptureKind> = {
  goPprof: 'heap',
  jvmHeap: 'heap',
  jvmJfr: 'allocs',
  jvmPerfmap: 'cpu',
  jvmThreads: 'threads',
  nodeCpu: 'cpu',
  nodeHeap: 'heap',
  perfMap: 'cpu',
  pySpy: 'threads',
}

describeOnNode('a sleep', (node) => {
  test('is refused by every probe and left as it was', async () => {
    const image = await node().packImage({ name: 'sleep' })
    const command = ['sleep', '600']
    const pod = await node().runPod({ name: 'sleep-0', containers: [{ name: 'app', image, command, uid: 10_001 }] })
    const { pid } = pod.containers.app!
    const { startTicks } = readProcess(pid)!
    const target = { kind: 'process', node: 'vm1', pid, startTicks } as const
    const files = (): string[] => readdirSync(`/proc/${pid}/root/tmp`)
    const before = files()
    const probes = createProbeSet({})
    for (const name of Object.keys(kinds) as (keyof typeof kinds)[]) {
      const kind = kinds[name]
      const request = { target, kind, durationMs: 300, options: {}, signal: new AbortController().signal }
      const { result, findings } = await runProbe(probes[name], request, Date.now)
      expect({ name, outcome: result.outcome, findings }).toEqual({ name, outcome: 'skipped', findings: [] })
      expect(result.message).toMatch(/not a Go program|no Java virtual machine|is not Node|is not Python/)
    }
    expect(Object.keys(probes).sort()).toEqual(Object.keys(kinds).sort())
    expect(files()).toEqual(before)
    expect(readProcess(pid)?.startTicks).toBe(startTicks)
    expect(pod.log('app')).toBe('')
    await pod.stop()
  })
})
