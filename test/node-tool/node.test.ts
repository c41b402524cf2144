// The tool that makes this machine a node: pods as a kubelet runs them, and nothing left however it ends.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { cgroupMounts, processesIn } from './cgroups.ts'
import { startTestNode } from './node.ts'
import { whyNoNode } from './packages.ts'

const reason = whyNoNode()
if (reason) process.stderr.write(`skipped: test node: ${reason}\n`)

const ipForward = (): string => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')

/** What a node could leave behind. */
function traces(dir: string, cgroup: string): string[] {
  return [
    ...(existsSync(dir) ? [dir] : []),
    ...cgroupMounts()
      .map((mount) => join(mount, cgroup))
      .filter((folder) => existsSync(folder)),
    ...processesIn(cgroup).map((pid) => `process ${pid}`),
    ...(existsSync(`/sys/class/net/spk${cgroup.slice(-6)}`) ? ['bridge'] : []),
    ...readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(dir)),
  ]
}

describe.skipIf(reason !== undefined)('test node', () => {
  test('runs a pod as a kubelet does, lets it survive its runtime, and leaves nothing', async () => {
    const forwardBefore = ipForward()
    const node = await startTestNode()
    try {
      const image = await node.packImage({ name: 'app' })
      const command = ['sh', '-c', 'echo started as $(id -u) $(hostname); exec sleep 600']
      const pod = await node.runPod({
        name: 'app-0',
        namespace: 'shop',
        containers: [{ name: 'app', image, command, uid: 65534, cpuLimit: 0.5, cpuRequest: 0.1 }],
      })
      const first = pod.containers.app
      await pod.untilLog('app', /^started as 65534 app-0\n$/)
      expect(pod.ip.split('.').slice(0, 3)).toEqual(node.ip.split('.').slice(0, 3))
      expect(readFileSync(`/proc/${first?.pid}/cgroup`, 'utf8')).toContain(
        `${node.cgroup}/kubepods/burstable/pod${pod.uid}/${first?.id}\n`,
      )
      await node.stopRuntime()
      await node.startRuntime()
      expect(await pod.exec('app', ['cat', '/proc/1/comm'])).toEqual({ stdout: 'sleep\n', exitCode: 0 })
      const second = await pod.restart('app')
      expect(second.id).not.toBe(first?.id)
      expect(existsSync(`/proc/${first?.pid}`)).toBe(false)
    } finally {
      await node.close()
    }
    expect(traces(node.dir, node.cgroup)).toEqual([])
    expect(ipForward()).toBe(forwardBefore)
  })

  test('cleans up behind a starter that was killed with a pod running', async () => {
    const program = `
      import { startTestNode } from ${JSON.stringify(join(import.meta.dirname, 'node.ts'))}
      const node = await startTestNode()
      const image = await node.packImage({ name: 'app' })
      await node.runPod({ name: 'app-0', containers: [{ name: 'app', image, command: ['sleep', '600'] }] })
      console.log(JSON.stringify({ dir: node.dir, cgroup: node.cgroup }))
      setInterval(() => undefined, 1000)`
    const starter = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const line = (await createInterface({ input: starter.stdout })[Symbol.asyncIterator]().next()).value as string
    const { dir, cgroup } = JSON.parse(line) as { dir: string; cgroup: string }
    expect(traces(dir, cgroup)).not.toEqual([])
    expect(processesIn(cgroup).length, basename(dir)).toBeGreaterThan(3)
    starter.kill('SIGKILL')
    await expect.poll(() => traces(dir, cgroup), { interval: 50 }).toEqual([])
  })
})
