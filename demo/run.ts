// `make demo`: the product's whole story on this machine in a minute or two. Real programs spike, Spikecam notices by
// itself, and what it kept is shown: first a Node service, and where this machine can run containers, one pod of nine.
import { showCoupons } from './coupons.ts'
import { perform } from './perform.ts'
import { showPods } from './pods/show-pods.ts'
import { tryPods } from './pods/try-pods.ts'
import { say } from './stage.ts'
import { startWatch } from './watch.ts'

await perform(async (performance) => {
  const redis = await tryPods(performance)
  say('Starting spikecam up …')
  const watch = await startWatch(performance.stage, redis ? ['--cri-socket', redis.criSocket] : [])
  const incidents = [await showCoupons(performance.stage, watch)]
  if (redis) incidents.push(await showPods(watch, redis))
  return incidents.map((id) => `${watch.url}/incidents/${id}`)
})
