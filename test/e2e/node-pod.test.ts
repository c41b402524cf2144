// A pegged Node in a pod with a CPU limit: its inspector is reached inside the pod's network, its context is its
// container's.
import { expect, test } from 'vitest'
import { createContextProbe } from '../../src/capture/context.ts'
import { nodeCpuProbe } from '../../src/capture/node-profile.ts'
import { type Probe, runProbe } from '../../src/capture/probe.ts'
import { TargetContext } from '../../src/model/context.ts'
import type { Target } from '../../src/model/target.ts'
import { readProfile } from '../../src/profile/formats.ts'
import { topFunctions } from '../../src/profile/top.ts'
import { openCgroupView } from '../../src/target/cgroup-view.ts'
import { readProcess } from '../../src/target/process-identity.ts'
import { favouredWeight } from '../favour.ts'
import { giveWeight } from '../node-tool/cgroups.ts'
import { startTestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'

const why = whyNoNode()
if (why) process.stderr.write(`skipped: probes in pods: ${why}\n`)

const source = 'console.log("ready"); function hotInner() { for (let x = 0; ; ) x += Math.sqrt(x + 1) }; hotInner()'

test.skipIf(why !== undefined)('a pegged Node in a pod, throttled by its limit', async () => {
  const node = await startTestNode()
  try {
    const program = process.execPath
    const image = await node.packImage({ name: 'pegged', programs: [program] })
    const pod = await node.runPod({
      name: 'cart-0',
      namespace: 'shop',
      containers: [
        {
          name: 'app',
          image,
          command: [program, '-e', source],
          cpuLimit: 0.5,
          memoryLimitBytes: 256 * 1024 * 1024,
          uid: 10001,
        },
      ],
    })
    await pod.untilLog('app', /ready/)
    const { pid } = pod.containers.app!
    const { startTicks, cgroup } = readProcess(pid)!
    // It is to reach its limit, however full this machine is.
    giveWeight(cgroup.split('/').slice(0, 2).join('/'), favouredWeight)
    const target: Target = { kind: 'process', node: 'vm1', pid, startTicks, cgroup }
    const look = (probe: Probe, durationMs: number) =>
      runProbe(probe, { target, kind: 'cpu', durationMs, options: {}, signal: new AbortController().signal }, Date.now)

    const seen = await look(createContextProbe({ cgroups: openCgroupView(), nowMs: Date.now }), 1000)
    expect(seen.result.outcome).toBe('ok')
    const context = TargetContext.parse(JSON.parse(new TextDecoder().decode(seen.findings[0]!.bytes)))
    expect(context).toMatchObject({
      scope: 'container',
      cgroup: { cpu: { limitCores: 0.5 }, memory: { limitBytes: 256 * 1024 * 1024 } },
    })
    expect(context.processes).toMatchObject([{ pid, containerPid: 1, runtime: 'node' }])
    expect(context.cgroup!.cpu!.throttledPeriods).toBeGreaterThan(0)
    expect(context.cgroup!.cpu!.cores).toBeLessThan(0.75)

    const { result, findings } = await look(nodeCpuProbe(), 2000)
    expect(result).toMatchObject({ outcome: 'ok', message: expect.stringContaining('closed again') })
    const { profile } = await readProfile(findings[0]!.bytes)
    expect(topFunctions(profile, {}).functions[0]?.function).toContain('hotInner')
    expect(pod.log('app')).toContain('Debugger attached')
  } finally {
    await node.close()
  }
})
