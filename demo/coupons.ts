// The demo on plain processes: a Node service with a regular expression that one request sends into backtracking,
// beside a native program that does a little all the time.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { printDurationMs } from '../src/lib/units.ts'
import { keepIncident, printIncident, root } from './report.ts'
import { type Stage, say } from './stage.ts'
import { catchSpike, type Watch } from './watch.ts'

/** Long enough for a baseline that the jump can be compared with. */
const idleMs = Number(process.env.DEMO_IDLE_SECONDS ?? 15) * 1000

/** The service, listening; it has a Prometheus metric of its CPU too. */
export async function startCouponService(stage: Stage): Promise<{ pid: number; url: string }> {
  const service = stage.start('the coupon service', process.execPath, [
    '--perf-basic-prof',
    '--interpreted-frames-native-stack',
    join(root, 'demo', 'coupon-service.ts'),
  ])
  return { pid: service.pid, url: `http://127.0.0.1:${await service.says(/^(\d+)\n/)}` }
}

/** @returns the id of the incident */
export async function showCoupons(stage: Stage, watch: Watch): Promise<string> {
  say('\nStarting a coupon service (Node) and a checksum loop (native) …')
  const { pid, url: service } = await startCouponService(stage)
  const url = `${service}/check`
  stage.start('the checksum loop', '/bin/sh', [
    '-c',
    'while :; do head -c 20000000 /dev/zero | sha256sum >/dev/null; sleep 1; done',
  ])

  say(`Letting them idle for ${printDurationMs(idleMs)} …`)
  const untilMs = performance.now() + idleMs
  while (performance.now() < untilMs) {
    await fetch(`${url}?code=SAVE10`)
    await sleep(250)
  }

  say('Sending the request that spikes: one coupon list that sends a regular expression into backtracking …')
  const { detail, beganMs } = await catchSpike(watch, async () => (await fetch(`${url}?code=attack`)).text(), {
    isMeant: ({ target }) => target.pid === pid,
  })
  printIncident(watch, detail, beganMs)
  await keepIncident(watch, detail)
  return detail.incident.id
}
