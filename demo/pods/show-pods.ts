// The demo on pods: nine of redis with an exporter each, one exporter driven to its limit, and who Spikecam says it was.
import { keepIncident, printIncident } from '../report.ts'
import { DemoFailure, say } from '../stage.ts'
import { catchSpike, type Watch } from '../watch.ts'
import type { RedisPods } from './redis-pods.ts'

/** @returns the id of the incident. @throws DemoFailure when another one was named than was driven */
export async function showPods(watch: Watch, redis: RedisPods): Promise<string> {
  const driven = redis.pods[Math.floor(Math.random() * redis.pods.length)]
  if (!driven) throw new DemoFailure('there is no pod to drive')
  say(`\nDriving one exporter of ${redis.pods.length} to its limit for 6 s: that of ${driven.name} …`)
  const { detail, beganMs } = await catchSpike(watch, () => redis.spike(driven.name), {
    isMeant: ({ target }) => target.namespace === driven.namespace,
  })
  printIncident(watch, detail, beganMs)
  const { pod, container } = detail.incident.target
  if (pod !== driven.name || container !== 'redis-exporter') {
    throw new DemoFailure(`the incident names ${pod}/${container}, but ${driven.name}/redis-exporter was driven`)
  }
  say(`It is the pod that was driven, one of ${redis.pods.length} alike, and the right one of its two containers.`)
  await keepIncident(watch, detail, '-pod')
  return detail.incident.id
}
