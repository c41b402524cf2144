// Who is scraped and burns in the demo of alerts: one exporter of nine redis pods, or a Node service.
import { hostname } from 'node:os'
import { printTarget } from '../../src/model/target.ts'
import { startCouponService } from '../coupons.ts'
import type { RedisPods } from '../pods/redis-pods.ts'
import { DemoFailure, type Stage } from '../stage.ts'
import type { ScrapeJob, ScrapeTarget } from './monitoring.ts'
import type { Burner } from './show-alert.ts'

interface Scene {
  readonly jobs: Readonly<Record<string, ScrapeJob>>
  readonly burner: Burner
}

const container = 'redis-exporter'

/** Labels as Prometheus' service discovery gives them to the targets of a cluster. */
export const podTargets = (redis: RedisPods): ScrapeTarget[] =>
  redis.pods.map((pod) => ({
    address: redis.exporterAddress(pod),
    labels: { namespace: pod.namespace, pod: pod.name, container, node: hostname() },
  }))

export function burningPod(redis: RedisPods): Scene {
  const driven = redis.pods[Math.floor(Math.random() * redis.pods.length)]
  if (!driven) throw new DemoFailure('there is no pod to drive')
  return {
    jobs: { redis: { targets: podTargets(redis) } },
    burner: {
      name: `the exporter of ${driven.name}`,
      burn: () => redis.spike(driven.name),
      whyNotIt: (target) =>
        target.pod === driven.name && target.container === container
          ? undefined
          : `${printTarget(target)}, but ${driven.name}/${container} was driven`,
    },
  }
}

/** On one machine without Kubernetes the label `instance` is all that an alert says of its target. */
export async function burningService(stage: Stage): Promise<Scene> {
  const { pid, url } = await startCouponService(stage)
  return {
    jobs: { coupons: { targets: [{ address: new URL(url).host }] } },
    burner: {
      name: `the coupon service, process ${pid}`,
      burn: async () => (await fetch(`${url}/check?code=attack`)).text(),
      whyNotIt: (target) => (target.pid === pid ? undefined : `${printTarget(target)}, but process ${pid} was driven`),
    },
  }
}
