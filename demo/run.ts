// `make demo`: the product's whole story on this machine in a minute or two. Real programs spike, Spikecam notices by
// itself, and what it kept is shown: first a Node service, and where this machine can run containers, one pod of nine.
import { join } from 'node:path'
import { Failure } from '../src/model/errors.ts'
import { nodePackages, whyNoNode } from '../test/node-tool/packages.ts'
import { showCoupons } from './coupons.ts'
import { type RedisPods, redisPackages, startRedisPods } from './pods/redis-pods.ts'
import { showPods } from './pods/show-pods.ts'
import { root } from './report.ts'
import { DemoFailure, Stage, say } from './stage.ts'
import { startWatch } from './watch.ts'

const stage = new Stage()
const stop = new AbortController()

/** @returns addresses of the incidents that were caught */
async function main(): Promise<string[]> {
  const redis = await tryPods()
  say('Starting spikecam up …')
  const socket = redis ? ['--cri-socket', redis.criSocket] : []
  const watch = await startWatch(stage, join(root, 'spikecam'), socket)
  const incidents = [await showCoupons(stage, watch)]
  if (redis) incidents.push(await showPods(watch, redis))
  return incidents.map((id) => `${watch.url}/incidents/${id}`)
}

/** The pods, running and idle; undefined, with the reason said, where there can be none. */
async function tryPods(): Promise<RedisPods | undefined> {
  const reason = whyNoNode([...nodePackages, ...redisPackages])
  if (reason) {
    say(`Plain processes, no pods: ${reason}.`)
    return undefined
  }
  say('With pods: making this machine a node of nine redis pods, with containers of its own, gone afterwards …')
  const starting = startRedisPods({ signal: stop.signal })
  stage.atEnd(async () => {
    const redis = await starting.catch(() => undefined) // what failed to start has cleaned up, and was told
    await redis?.close()
  })
  try {
    const redis = await starting
    say(`  ${redis.pods.length} pods of two containers are up, and scraped`)
    return redis
  } catch (error) {
    if (stop.signal.aborted) throw error
    say(`Plain processes, no pods: this machine does not run containers: ${(error as Error).message}`)
    return undefined
  }
}

const interrupted = new Promise<never>((_, reject) => {
  stop.signal.addEventListener('abort', () => reject(stop.signal.reason))
})
// Not `once`: while things are taken down a second Ctrl-C must not leave half of them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stop.abort(new DemoFailure(`ended by ${signal}`)))
}

let exitCode = 0
try {
  const urls = await Promise.race([main(), interrupted])
  if (process.stdin.isTTY && process.stdout.isTTY) {
    say(`\nServing until Ctrl-C: ${urls.join(' ')}`)
    await interrupted.catch(() => undefined) // it is what was waited for
  }
} catch (error) {
  exitCode = stop.signal.aborted ? 130 : 1
  const isTold = error instanceof DemoFailure || error instanceof Failure
  const text = isTold ? error.message : (error as Error).stack
  process.stderr.write(exitCode === 1 ? `\nThe demo failed: ${text}\n` : `\nThe demo was ${text}; cleaning up\n`)
}
try {
  await stage.clear()
} catch (error) {
  exitCode ||= 1
  process.stderr.write(`\nThe demo could not clean up: ${(error as Error).message}\n`)
}
process.exit(exitCode)
