// Usage of real containers, compared with what the kernel counts for them; the same through cgroup v1 and v2.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { describeOnNode } from '../../test/node-tool/on-node.ts'
import { openCgroupView } from './cgroup-view.ts'
import { CpuUsage, type UsageReading } from './cpu-usage.ts'
import { readProcess } from './process-identity.ts'

const { mounts } = openCgroupView()
const views = {
  'cgroup v1': { cpuacct: mounts.cpuacct, cpu: mounts.cpu },
  'cgroup v2': { unified: mounts.unified },
} as const

/** CPU of a container by a reader that shares nothing with ours. */
function kernelSeconds(cgroup: string): number {
  const v1 = join(mounts.cpuacct ?? '', cgroup, 'cpuacct.usage')
  if (existsSync(v1)) return Number(readFileSync(v1, 'utf8')) / 1e9
  return (
    Number(/usage_usec (\d+)/.exec(readFileSync(join(mounts.unified ?? '', cgroup, 'cpu.stat'), 'utf8'))?.[1]) / 1e6
  )
}

/** What uses little is read once a second: a look that comes after as long as this reads everybody. */
const passMs = 1100

describeOnNode('usage of containers', (node) => {
  test('each container has its own CPU, its limit holds it back, and the limit is told', async () => {
    const image = await node().packImage({ name: 'app' })
    const loop = ['sh', '-c', 'while :; do :; done']
    const pod = await node().runPod({
      name: 'busy-0',
      containers: [
        { name: 'limited', image, command: loop, cpuLimit: 0.2, cpuRequest: 0.1 },
        { name: 'free', image, command: loop },
        { name: 'idle', image, command: ['sleep', '600'] },
      ],
    })
    const idOf = (name: string): string => pod.containers[name]?.id as string
    const cgroups = Object.fromEntries(
      Object.values(pod.containers).map((each) => [each.id, readProcess(each.pid)?.cgroup as string]),
    )
    for (const [version, some] of Object.entries(views)) {
      const view = Object.fromEntries(Object.entries(some).filter(([, mount]) => mount !== undefined))
      if (Object.keys(view).length === 0) continue
      const met: string[] = []
      const usage = new CpuUsage({
        node: 'n',
        cgroups: { mounts: view, absolute: (path) => path },
        onContainer: (id) => met.push(id),
      })
      const readings: UsageReading[] = []
      usage.tick(performance.now())
      usage.tick(performance.now()) // a process is placed in its container when it is seen again
      await sleep(passMs)
      const kernel = () => Object.fromEntries(Object.entries(cgroups).map(([id, path]) => [id, kernelSeconds(path)]))
      // The kernel is read on both sides of the first and of the last look: containers burn on between two readings.
      const first = [kernel(), usage.tick(performance.now()), kernel()] as const
      for (let i = 0; i < 5; i++) {
        await sleep(200)
        readings.push(...usage.tick(performance.now()))
      }
      await sleep(passMs)
      const last = [kernel(), usage.tick(performance.now()), kernel()] as const
      readings.push(...last[1])
      expect(met, version).toEqual(expect.arrayContaining([...Object.keys(cgroups), pod.id]))
      for (const id of Object.keys(cgroups)) {
        const mine = readings.filter((reading) => reading.key === `c:${id}`)
        const seconds = mine.reduce((sum, each) => sum + (each.cores * (each.toMs - each.fromMs)) / 1000, 0)
        const least = (last[0][id] as number) - (first[2][id] as number)
        const most = (last[2][id] as number) - (first[0][id] as number)
        expect(seconds, `${version} ${id}`).toBeGreaterThan(least * 0.95 - 0.05)
        expect(seconds, `${version} ${id}`).toBeLessThan(most * 1.05 + 0.05)
      }
      expect(usage.limits(`c:${idOf('limited')}`, 0).limitCores ?? 0.2, version).toBe(0.2)
      expect(usage.limits(`c:${idOf('free')}`, 0), version).toEqual({})
      if (version === 'cgroup v1') {
        expect(usage.limits(`c:${idOf('limited')}`, 0)).toEqual({ limitCores: 0.2, requestCores: 0.1 })
        const strained = readings.find((each) => each.key === `c:${idOf('limited')}` && each.strain)?.strain
        expect(strained?.throttledShare).toBeGreaterThan(0.2)
        expect(strained?.throttledCores).toBeGreaterThan(0.1)
      } else {
        const strained = readings.find((each) => each.key === `c:${idOf('limited')}` && each.strain)?.strain
        if (existsSync(join(mounts.unified as string, 'cpu.pressure'))) {
          expect(strained?.waitingShare).toBeGreaterThan(0.3)
          expect(strained?.waitingShare).toBeLessThanOrEqual(1)
        }
      }
      expect(usage.target(`c:${idOf('free')}`)).toMatchObject({
        kind: 'container',
        containerId: idOf('free'),
        pid: pod.containers.free?.pid,
        comm: 'sh',
        cgroup: cgroups[idOf('free')],
      })
      usage.close()
    }

    // A container that goes is dropped, and its neighbours are read on.
    const usage = new CpuUsage({ node: 'n' })
    for (let i = 0; i < 3; i++) usage.tick(i * 2000)
    expect(usage.follows(`c:${idOf('idle')}`)).toBe(true)
    const gone = idOf('idle')
    await pod.remove('idle')
    usage.tick(8000)
    expect(usage.follows(`c:${gone}`)).toBe(false)
    expect(usage.follows(`c:${idOf('free')}`)).toBe(true)
    usage.close()
    await pod.stop()
  })
})
