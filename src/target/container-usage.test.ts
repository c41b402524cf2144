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

/** What the kernel counts for one container, by a reader that shares nothing with ours. */
interface Counts {
  readonly cpuSeconds: number
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledSeconds: number
  readonly waitingSeconds: number
}

function countsOf(cgroup: string): Counts {
  const read = (mount: string | undefined, file: string): string => {
    const path = join(mount ?? '', cgroup, file)
    return mount !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
  const v1 = read(mounts.cpuacct, 'cpuacct.usage')
  const stat = read(mounts.cpu, 'cpu.stat') || read(mounts.unified, 'cpu.stat')
  const number = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
  return {
    cpuSeconds: v1 ? Number(v1) / 1e9 : number(stat, /usage_usec (\d+)/) / 1e6,
    periods: number(stat, /nr_periods (\d+)/),
    throttledPeriods: number(stat, /nr_throttled (\d+)/),
    throttledSeconds: number(stat, /throttled_time (\d+)/) / 1e9 || number(stat, /throttled_usec (\d+)/) / 1e6,
    waitingSeconds: number(read(mounts.unified, 'cpu.pressure'), /some .*total=(\d+)/) / 1e6,
  }
}

/** Of the kernel's own counters, which are of microseconds. */
const precision = 1e-5

/** One look of ours between two of the kernel's counters: containers burn on meanwhile. */
interface Look {
  readonly atMs: number
  readonly before: Readonly<Record<string, Counts>>
  readonly after: Readonly<Record<string, Counts>>
}

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
      const looks: Look[] = []
      const readings: UsageReading[] = []
      const look = (): void => {
        const counts = () => Object.fromEntries(Object.entries(cgroups).map(([id, path]) => [id, countsOf(path)]))
        const before = counts()
        const atMs = performance.now()
        readings.push(...usage.tick(atMs))
        looks.push({ atMs, before, after: counts() })
      }
      const of = (id: string): UsageReading[] => readings.filter(({ key }) => key === `c:${id}`)
      const limited = idOf('limited')
      const hasPressure = existsSync(join(mounts.unified ?? '', cgroups[limited] as string, 'cpu.pressure'))
      /** How much of a core it gets, and so how soon its limit holds it back, is for a full machine to say. */
      const isSeen = (): boolean => {
        const strains = of(limited).flatMap(({ strain }) => strain ?? [])
        const isHeldBack = version === 'cgroup v2' || strains.some(({ throttledShare }) => throttledShare > 0)
        const isWaiting = version === 'cgroup v1' || !hasPressure || strains.some((each) => each.waitingShare)
        return isHeldBack && isWaiting && Object.keys(cgroups).every((id) => of(id).length > 1)
      }
      look()
      look() // a process is placed in its container when it is seen again
      while (!isSeen()) {
        await sleep(200)
        look()
      }
      expect(met, version).toEqual(expect.arrayContaining([...Object.keys(cgroups), pod.id]))
      for (const id of Object.keys(cgroups)) {
        /** Least and most that a counter can have risen between two looks. */
        const risen = (fromMs: number, toMs: number, of: (counts: Counts) => number): [number, number] => {
          const [from, to] = [fromMs, toMs].map((ms) => looks.find(({ atMs }) => atMs === ms) as Look) as [Look, Look]
          const at = (counts: Look['before']): number => of(counts[id] as Counts)
          return [at(to.before) - at(from.after), at(to.after) - at(from.before)]
        }
        const expectBetween = (value: number, [least, most]: readonly [number, number], what: string): void => {
          expect(value, `${version} ${id} ${what}`).toBeGreaterThan(least - precision)
          expect(value, `${version} ${id} ${what}`).toBeLessThan(most + precision)
        }
        let untilMs = of(id)[0]?.fromMs
        for (const { fromMs, toMs, cores, strain } of of(id)) {
          expect(fromMs).toBe(untilMs) // nothing is left out
          untilMs = toMs
          expectBetween(
            (cores * (toMs - fromMs)) / 1000,
            risen(fromMs, toMs, (each) => each.cpuSeconds),
            'CPU',
          )
          if (!strain) continue
          const seconds = (toMs - strain.fromMs) / 1000
          if (version === 'cgroup v1') {
            const throttled = risen(strain.fromMs, toMs, (each) => each.throttledSeconds)
            expectBetween(strain.throttledCores * seconds, throttled, 'throttled')
            const [fewest, most] = risen(strain.fromMs, toMs, (each) => each.periods)
            const [least, mostOfThem] = risen(strain.fromMs, toMs, (each) => each.throttledPeriods)
            const ofAll = (part: number, all: number): number => (all > 0 ? part / all : 0)
            expectBetween(strain.throttledShare, [ofAll(least, most), ofAll(mostOfThem, fewest)], 'share')
          } else if (hasPressure) {
            const [least, most] = risen(strain.fromMs, toMs, (each) => each.waitingSeconds)
            const share = [Math.min(1, least / seconds), most / seconds] as const
            expectBetween(strain.waitingShare as number, share, 'waiting')
            expect(strain.waitingShare).toBeLessThanOrEqual(1)
          }
        }
      }
      expect(usage.limits(`c:${limited}`, 0).limitCores ?? 0.2, version).toBe(0.2)
      expect(usage.limits(`c:${idOf('free')}`, 0), version).toEqual({})
      if (version === 'cgroup v1') {
        expect(usage.limits(`c:${limited}`, 0)).toEqual({ limitCores: 0.2, requestCores: 0.1 })
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
