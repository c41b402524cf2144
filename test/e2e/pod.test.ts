// A spike inside a real pod: the incident names pod, container and workload, and its evidence holds that container only.
import { expect, test } from 'vitest'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import { startTestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'
import { startUp } from './program.ts'

const why = whyNoNode() ?? ((await perfVersion()) === undefined ? 'perf is not installed' : undefined)
if (why) process.stderr.write(`skipped: spikes in pods: ${why}\n`)

/** Idles, and burns for some seconds whenever its trigger file appears; the shell alone does all of it. */
const waitAndBurn =
  'while :; do if [ -e /tmp/go ]; then i=0; while [ $i -lt 3000000 ]; do i=$((i+1)); done; exec sleep 600; fi; sleep 0.1; done'
/** A neighbour that is busy all the time, in the same pod and in another one. */
const steady = 'while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05; done'

test.skipIf(why !== undefined)(
  'a spike in a container names its pod, and no sample of a neighbour leaks into it',
  async () => {
    const node = await startTestNode()
    const rule = ['--spike-cooldown', '0s', '--spike-level', '20%', '--spike-hold', '400ms', '--spike-jump', '1000%']
    const up = await startUp(['--cri-socket', node.socket, '--capture-for', '3s', ...rule])
    try {
      const image = await node.packImage({ name: 'app' })
      const labels = { app: 'cart', 'pod-template-hash': '5d8f7c9b6d' }
      const command = (script: string): string[] => ['sh', '-c', script]
      const pod = await node.runPod({
        name: 'cart-5d8f7c9b6d-x2x7p',
        namespace: 'shop',
        labels,
        containers: [
          { name: 'app', image, command: command(waitAndBurn) },
          { name: 'sidecar', image, command: command(steady) },
        ],
      })
      await node.runPod({
        name: 'other-0',
        namespace: 'shop',
        containers: [{ name: 'app', image, command: command(steady) }],
      })
      await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)

      const appId = pod.containers.app!.id
      const isMine = (event: ServerEvent, state: string): boolean =>
        event.type === 'incident' && event.incident.target.containerId === appId && event.incident.state === state
      const complete = up.event(
        (event) => isMine(event, 'complete') && event.type === 'incident' && event.incident.top.length > 0,
      )
      await pod.exec('app', ['sh', '-c', ': > /tmp/go'])
      const { incident } = (await complete) as Extract<ServerEvent, { type: 'incident' }>
      expect(incident.target).toMatchObject({
        kind: 'container',
        namespace: 'shop',
        pod: 'cart-5d8f7c9b6d-x2x7p',
        container: 'app',
        containerId: appId,
      })
      expect(incident.target.workload).toContain('cart')
      expect(incident.trigger.reason).toContain('shop/cart-5d8f7c9b6d-x2x7p/app')

      const { id } = incident
      const mine = await up.client.get('/api/v1/incidents/{id}/threads', { params: { id }, query: { phase: 'all' } })
      const cgroups = (isTarget: boolean): string[] => [
        ...new Set(mine.rows.filter((row) => row.isTarget === isTarget).map((row) => row.cgroup ?? '')),
      ]
      expect(cgroups(true)).toHaveLength(1)
      expect(cgroups(true)[0]).toContain(appId)
      expect(cgroups(false).some((path) => path.includes(pod.containers.sidecar!.id))).toBe(true)
    } finally {
      await up.stop()
      await node.close()
    }
  },
)
