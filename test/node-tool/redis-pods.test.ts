// The demo's pods: nine of two containers each, and the one that is driven is the one that is found.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { redisPackages, startRedisPods } from '../../demo/pods/redis-pods.ts'
import { CpuUsage } from '../../src/target/cpu-usage.ts'
import { startInventory } from '../../src/target/inventory.ts'
import { nodePackages, whyNoNode } from './packages.ts'

const reason = whyNoNode([...nodePackages, ...redisPackages])
if (reason) process.stderr.write(`skipped: redis pods: ${reason}\n`)
const quiet = { info: () => undefined, warn: () => undefined }

describe.skipIf(reason !== undefined)('redis pods', () => {
  test('one exporter of nine is driven, and named with its pod, workload and runtime', async () => {
    const redis = await startRedisPods()
    const inventory = startInventory({ criSocket: redis.criSocket, log: quiet })
    const usage = new CpuUsage({ node: 'n', onContainer: inventory.notice })
    try {
      await inventory.ready
      expect(redis.pods).toHaveLength(9)
      expect(inventory.containers().filter((each) => each.pod.workload === 'deploy/redis')).toHaveLength(18)

      const victim = redis.pods[4]
      // Many times what is scraped of each of the others meanwhile, however long a busy machine takes for that.
      const drive = async (): Promise<void> => {
        for (let scrapes = 0; scrapes < 50; ) scrapes += await redis.spike(victim?.name as string, 2000)
      }
      const spike = drive()
      let isOver = false
      void spike.finally(() => (isOver = true))
      const seconds = new Map<string, number>()
      while (!isOver) {
        for (const { key, cores, fromMs, toMs } of usage.tick(performance.now())) {
          if (key.startsWith('c:')) seconds.set(key, (seconds.get(key) ?? 0) + cores * (toMs - fromMs))
        }
        await sleep(200)
      }
      await spike
      const byUse = [...seconds].sort((a, b) => b[1] - a[1])
      // Other tests may run containers of their own at the same time; the inventory does not know those.
      const [first, second] = byUse.flatMap(([key]) => {
        const target = inventory.describe(usage.target(key) ?? { kind: 'node', node: '' })
        return target.namespace === 'redis' ? [{ key, target }] : []
      })
      expect(first?.target).toMatchObject({
        kind: 'container',
        pod: victim?.name,
        container: 'redis-exporter',
        workload: 'deploy/redis',
        runtime: 'go',
        comm: 'prometheus-redi',
      })
      // what comes next is the redis that it asks, in the same pod
      expect(second?.target.pod).toBe(victim?.name)
      expect(usage.limits(first?.key as string, 0).limitCores ?? 1).toBe(1)

      const [match] = await inventory.whois(`redis/${victim?.name}/redis-exporter`)
      expect(match?.processes).toHaveLength(1)
      expect(match?.processes[0]).toMatchObject({
        containerPid: 1,
        runtime: { runtime: 'go', framePointers: 'likely', go: { path: 'github.com/oliver006/redis_exporter' } },
      })
      expect(match?.processes[0]?.cmdline).not.toContain('demo')
    } finally {
      usage.close()
      inventory.close()
      await redis.close()
    }
  }, 240_000)
})
