// The pods of a demo where this machine can run them; where it cannot, the reason is said and the demo goes on without.
import { nodePackages, whyNoNode } from '../../test/node-tool/packages.ts'
import type { Performance } from '../perform.ts'
import { say } from '../stage.ts'
import { type RedisPods, type RedisPodsOptions, redisPackages, startRedisPods } from './redis-pods.ts'

/** The pods, running and idle; undefined, with the reason said, where there can be none. */
export async function tryPods(
  { stage, signal }: Performance,
  options: Omit<RedisPodsOptions, 'signal'> = {},
): Promise<RedisPods | undefined> {
  const reason = whyNoNode([...nodePackages, ...redisPackages])
  if (reason) {
    say(`Plain processes, no pods: ${reason}.`)
    return undefined
  }
  say('With pods: making this machine a node of nine redis pods, with containers of its own, gone afterwards …')
  const starting = startRedisPods({ ...options, signal })
  stage.atEnd(async () => {
    const redis = await starting.catch(() => undefined) // what failed to start has cleaned up, and was told
    await redis?.close()
  })
  try {
    const redis = await starting
    say(`  ${redis.pods.length} pods of two containers are up, each exporter reaches its redis by TLS`)
    return redis
  } catch (error) {
    if (signal.aborted) throw error
    say(`Plain processes, no pods: this machine does not run containers: ${(error as Error).message}`)
    return undefined
  }
}
