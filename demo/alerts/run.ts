// `make demo-alert`: from a metric to an incident, over a real Prometheus and Alertmanager. Where this machine can run
// containers it is one exporter of nine redis pods that burns, elsewhere a Node service.
import { installPackages, whyNoNode } from '../../test/node-tool/packages.ts'
import { perform } from '../perform.ts'
import { tryPods } from '../pods/try-pods.ts'
import { DemoFailure, say } from '../stage.ts'
import { startWatch } from '../watch.ts'
import { burningPod, burningService } from './burners.ts'
import { monitoringPackages, whyNoMonitoring } from './monitoring.ts'
import { alertsAlone, rulesOfDemo, showAlert } from './show-alert.ts'

await perform(async (performance) => {
  if (whyNoMonitoring() && !whyNoNode(monitoringPackages)) installPackages(monitoringPackages)
  const reason = whyNoMonitoring()
  if (reason) throw new DemoFailure(reason)
  const redis = await tryPods(performance, { isScraped: false })
  say('Starting spikecam up, with its own spike watcher off …')
  const socket = redis ? ['--cri-socket', redis.criSocket] : []
  const watch = await startWatch(performance.stage, [...alertsAlone, ...rulesOfDemo, ...socket])
  const scene = redis ? burningPod(redis) : await burningService(performance.stage)
  const id = await showAlert(performance.stage, watch, scene)
  return [`${watch.url}/incidents/${id}`]
})
