// Spikes inside real pods: the incident names pod, container, workload and threads, judges by the container's own
// limit, and its evidence holds that container only; also when pods share what they may share, or die meanwhile.
import { execFileSync } from 'node:child_process'
import { mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ServerEvent } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import type { Incident } from '../../src/model/incident.ts'
import { CpuUsage } from '../../src/target/cpu-usage.ts'
import { startInventory } from '../../src/target/inventory.ts'
import { spikecam } from '../cli/spikecam.ts'
import { buildBurner, burnName } from '../node-tool/burner.ts'
import { type RunningPod, startTestNode, type TestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'
import type { ContainerSpec, PodSpec } from '../node-tool/pod-config.ts'
import { hasTool } from '../symbol-programs.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type Program, startUp } from './program.ts'

const why =
  whyNoNode() ??
  ((await perfVersion()) === undefined ? 'perf is not installed' : undefined) ??
  (hasTool('gcc') ? undefined : 'gcc is not installed')
if (why) process.stderr.write(`skipped: spikes in pods: ${why}\n`)

/** A neighbour that is busy all the time, in the same pod and in another one. */
const steady = 'while :; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; sleep 0.05; done'

describe.skipIf(why !== undefined)('spikes in pods', () => {
  const folder = temporaryFolder()
  const control = join(folder, 'control')
  const pods: RunningPod[] = []
  let node: TestNode
  let up: Program
  let burner: string
  let image: string
  let orders: number

  beforeAll(async () => {
    burner = buildBurner(folder, 'burner', { functions: 10 })
    mkdirSync(control)
    execFileSync('mkfifo', [join(control, 'orders')])
    // Both ends, so that an order is kept until a container is there to take it.
    orders = openSync(join(control, 'orders'), 'r+')
    node = await startTestNode()
    // Neighbours and what else runs here must not take the places of these captures.
    const rule = ['--spike-cooldown', '0s', '--spike-level', '50%', '--spike-hold', '400ms', '--spike-jump', '1000%']
    up = await startUp(['--cri-socket', node.socket, '--capture-for', '2s', ...rule])
    image = await node.packImage({ name: 'app', programs: [burner] })
    await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
  })
  afterEach(async () => {
    for (const pod of pods.splice(0)) await pod.stop().catch(() => undefined) // some tests have ended theirs
  })
  afterAll(async () => {
    await node?.close()
    await up?.stop()
  })

  const run = async (spec: PodSpec): Promise<RunningPod> => {
    const pod = await node.runPod(spec)
    pods.push(pod)
    return pod
  }
  /** Burns when told to, in a child for each order. */
  const server = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name,
    image,
    command: [burner, 'serves', '/control/orders'],
    mounts: [{ hostPath: control, containerPath: '/control' }],
    ...more,
  })
  const shell = (name: string, script: string): ContainerSpec => ({ name, image, command: ['sh', '-c', script] })
  const order = (index: number, ms: number, thread = ''): void => void writeSync(orders, `${index} ${ms} ${thread}\n`)
  const incidentOf = async (containerId: string, isMeant: (incident: Incident) => boolean): Promise<Incident> => {
    const event = await up.event(
      (event) =>
        event.type === 'incident' && event.incident.target.containerId === containerId && isMeant(event.incident),
    )
    return (event as Extract<ServerEvent, { type: 'incident' }>).incident
  }
  const isDone = ({ state, top }: Incident): boolean => (state === 'complete' || state === 'partial') && top.length > 0
  const threadsOf = async ({ id }: Incident) =>
    (await up.client.get('/api/v1/incidents/{id}/threads', { params: { id }, query: { phase: 'all' } })).rows

  test('the pod, container and workload are named, and no sample of a neighbour leaks in', async () => {
    const pod = await run({
      name: 'cart-5d8f7c9b6d-x2x7p',
      namespace: 'shop',
      labels: { app: 'cart', 'pod-template-hash': '5d8f7c9b6d' },
      containers: [server('app'), shell('sidecar', steady)],
    })
    await run({ name: 'other-0', namespace: 'shop', containers: [shell('app', steady)] })
    const appId = pod.containers.app!.id
    const caught = incidentOf(appId, isDone)
    // Long enough to be seen between its neighbours, however the cores are shared.
    order(1, 5000)
    const incident = await caught
    expect(incident.target).toMatchObject({
      kind: 'container',
      namespace: 'shop',
      pod: 'cart-5d8f7c9b6d-x2x7p',
      container: 'app',
      workload: 'deploy/cart',
    })
    expect(incident.trigger.reason).toContain('shop/cart-5d8f7c9b6d-x2x7p/app')
    expect(incident.top[0]?.function).toBe(burnName(1))

    const rows = await threadsOf(incident)
    const cgroups = (isTarget: boolean): string[] => [
      ...new Set(rows.filter((row) => row.isTarget === isTarget).map((row) => row.cgroup ?? '')),
    ]
    expect(cgroups(true)).toHaveLength(1)
    expect(cgroups(true)[0]).toContain(appId)
    expect(cgroups(false).some((path) => path.includes(pod.containers.sidecar!.id))).toBe(true)
  })

  test('host network, shared PIDs, several processes: judged by the limit of the container, threads by name', async () => {
    const pod = await run({
      name: 'shared-0',
      hostNetwork: true,
      shareProcessNamespace: true,
      containers: [server('app', { cpuLimit: 0.3 }), shell('sidecar', 'sleep 600')],
    })
    const caught = incidentOf(pod.containers.app!.id, isDone)
    order(2, 400, 'hot-thread-1')
    order(3, 400, 'hot-thread-2')
    const incident = await caught
    expect(incident.target).toMatchObject({ pod: 'shared-0', container: 'app', workload: 'pod/shared-0' })
    // Half of the 0.3 cores that it may use.
    expect(incident.trigger.spike).toMatchObject({ cause: 'level' })
    expect(incident.trigger.spike?.thresholdCores).toBeCloseTo(0.15)

    const hot = (await threadsOf(incident)).filter((row) => row.thread.startsWith('hot-thread-'))
    expect(hot.map((row) => row.thread).sort()).toEqual(['hot-thread-1', 'hot-thread-2'])
    expect(hot.every((row) => row.isTarget && row.cgroup?.includes(pod.containers.app!.id))).toBe(true)
    expect(new Set(hot.map((row) => row.pid)).size).toBe(2)
    // The incident itself says it too, for whoever reads no more than that.
    const named = incident.threads ?? []
    expect(
      named
        .slice(0, 2)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['hot-thread-1', 'hot-thread-2'])
    expect(hot.map(({ tid }) => tid)).toContain(named[0]?.tid)
    expect(named[0]?.share).toBeGreaterThan(0.3)
    const get = await spikecam(['get', incident.id], { env: { SPIKECAM_SERVER: up.url } })
    expect(get.stdout).toMatch(/^threads {4}hot-thread-[12] [\d.]+ % \(thread \d+ of process \d+\), hot-thread-[12] /m)
    expect(
      incident.top
        .slice(0, 2)
        .map((row) => row.function)
        .sort(),
    ).toEqual([burnName(2), burnName(3)])
  })

  test('a pod that is removed while it is captured keeps its name and what was recorded of it', async () => {
    const pod = await run({ name: 'doomed-0', namespace: 'shop', containers: [server('app')] })
    const { id } = pod.containers.app!
    // A runtime that forgets its containers at once, as this one, must have been asked for the name before.
    await up.client.get('/api/v1/targets', { query: { namespace: 'shop', name: 'doomed-0' } })
    const noticed = incidentOf(id, ({ state }) => state === 'capturing')
    const caught = incidentOf(id, isDone)
    order(4, 60_000)
    await noticed
    // At once, as the kernel does where memory runs out, and with it all of its PID namespace: what has no name by now
    // never gets one.
    process.kill(pod.containers.app!.pid, 'SIGKILL')
    await pod.stop()
    const incident = await caught
    expect(incident.target).toMatchObject({ namespace: 'shop', pod: 'doomed-0', container: 'app' })
    expect(incident.top[0]?.function).toBe(burnName(4))
    const params = { id: incident.id }
    const latest = async () => (await up.client.get('/api/v1/incidents/{id}', { params })).incident
    await expect.poll(async () => (await latest()).endedMs).toBeGreaterThan(incident.onsetMs)
  })

  test('pods come and go while they are listed and measured', async () => {
    const quiet = { info: () => undefined, warn: () => undefined }
    const inventory = startInventory({ criSocket: node.socket, log: quiet })
    const usage = new CpuUsage({ node: 'n', onContainer: inventory.notice })
    const seen = new Set<string>()
    let isOver = false
    const look = async (): Promise<void> => {
      while (!isOver) {
        for (const { key } of usage.tick(performance.now())) inventory.describe(usage.target(key) ?? nobody)
        for (const { container } of await inventory.whois('')) if (container) seen.add(container.pod.name)
      }
    }
    try {
      await inventory.ready
      const looking = look()
      for (let i = 0; i < 5; i++) {
        const pod = await run({ name: `fleeting-${i}`, containers: [shell('app', steady)] })
        await expect.poll(() => [...seen], { interval: 5 }).toContain(pod.name)
        await pod.stop()
      }
      isOver = true
      await looking
      expect((await inventory.whois('')).filter(({ pod }) => pod?.name.startsWith('fleeting-'))).toEqual([])
    } finally {
      isOver = true
      usage.close()
      inventory.close()
    }
  })
})

const nobody = { kind: 'node', node: 'n' } as const
