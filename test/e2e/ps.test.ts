// Who runs, who it is, who burns: ps, whois and top against real pods, held against what made the pods.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { perfVersion } from '../../src/capture/perf.ts'
import type { InventoryRow, UsageRow } from '../../src/model/inventory.ts'
import { fixture, spikecam } from '../cli/spikecam.ts'
import { type RunningPod, startTestNode, type TestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'
import { type Program, startUp } from './program.ts'

const why = whyNoNode() ?? ((await perfVersion()) === undefined ? 'perf is not installed' : undefined)
if (why) process.stderr.write(`skipped: ps, whois and top: ${why}\n`)

const busy = 'while :; do :; done'

describe.skipIf(why !== undefined)('who runs on a node', () => {
  let node: TestNode
  let up: Program
  let cart: RunningPod
  let redis: RunningPod

  beforeAll(async () => {
    node = await startTestNode()
    up = await startUp(['--cri-socket', node.socket, '--spike-level', '10000%', '--spike-jump', '10000%'])
    const image = await node.packImage({ name: 'app' })
    cart = await node.runPod({
      name: 'cart-5d8f7c9b6d-x2x7p',
      namespace: 'shop',
      labels: { app: 'cart', 'pod-template-hash': '5d8f7c9b6d' },
      containers: [
        { name: 'app', image, command: ['sh', '-c', busy], cpuLimit: 0.1 },
        { name: 'sidecar', image, command: ['sleep', '601'] },
      ],
    })
    redis = await node.runPod({
      name: 'redis-0',
      namespace: 'data',
      containers: [{ name: 'app', image, command: ['sleep', '602'] }],
    })
    await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
  })
  afterAll(async () => {
    await up?.stop()
    await node?.close()
  })

  const ask = (...args: string[]) => spikecam(args, { env: { SPIKECAM_SERVER: up.url } })
  const rowsOf = async (...args: string[]): Promise<InventoryRow[]> => {
    const { code, stdout, stderr } = await ask(...args, '-o', 'json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout)
  }
  const containersOf = (rows: readonly InventoryRow[]): (string | undefined)[] =>
    rows.map(({ container }) => container?.id).sort()

  test('ps has every process with its PIDs on both sides, its container and its pod', async () => {
    const rows = await rowsOf('ps', '-n', 'shop')
    expect(containersOf(rows)).toEqual(
      Object.values(cart.containers)
        .map(({ id }) => id)
        .sort(),
    )
    const app = rows.find(({ container }) => container?.name === 'app')
    expect(app).toMatchObject({
      pod: { name: cart.name, namespace: 'shop', uid: cart.uid, ips: [cart.ip], workload: 'deploy/cart' },
      container: { id: cart.containers.app!.id, pid: cart.containers.app!.pid, state: 'running', cpuLimitCores: 0.1 },
      processes: [{ pid: cart.containers.app!.pid, containerPid: 1, runtime: 'native', threads: 1 }],
    })
    const table = (await ask('ps', 'shop/cart-5d8f7c9b6d-x2x7p', '-c', 'sidecar')).stdout
    expect(table).toMatch(/^ *PID +CPID +CPU +THREADS +RUNTIME +CONTAINER +POD +COMMAND\n/)
    expect(table.trim().split('\n')).toHaveLength(2)
    expect(table).toMatch(
      new RegExp(`${cart.containers.sidecar!.pid} +1 .* native +sidecar +shop/cart-5d8f7c9b6d-x2x7p +sleep 601\n`),
    )
  })

  test.each([
    [['deploy/cart'], 2],
    [['-l', 'app=cart'], 2],
    [['-l', 'app=cart', '-c', 'app'], 1],
    [['pod/redis-0'], 1],
    [['redis-0', '-n', 'data'], 1],
    [['-n', 'data', '--process', 'sleep 602'], 1],
  ])('ps %j is %i containers', async (args, count) => {
    expect(await rowsOf('ps', ...args)).toHaveLength(count)
  })

  test('ps lists programs outside of containers too, and names as capture takes them', async () => {
    const outside = (await rowsOf('ps')).find(({ container, pod }) => !container && !pod)
    expect(outside?.processes.map(({ pid }) => pid)).toContain(up.child.pid)
    expect((await ask('ps', 'pod/redis-0', '-o', 'name')).stdout).toBe(`pid/${redis.containers.app!.pid}\n`)
  })

  test('whois goes from PID, address, container and workload to the same pod, and back', async () => {
    const { app } = cart.containers
    const whois = async (name: string): Promise<InventoryRow[]> =>
      (await up.client.get('/api/v1/whois', { query: { name } })).rows
    for (const name of [String(app!.pid), `pid/${app!.pid}`, `container/${app!.id.slice(0, 12)}`, app!.id]) {
      expect(containersOf(await whois(name)), name).toEqual([app!.id])
    }
    const both = Object.values(cart.containers)
      .map(({ id }) => id)
      .sort()
    for (const name of [cart.ip, 'pod/cart-5d8f7c9b6d-x2x7p', 'deploy/cart', 'cart', 'shop/cart-5d8f7c9b6d-x2x7p']) {
      expect(containersOf(await whois(name)), name).toEqual(both)
    }
    const [pause] = await whois(String(cart.pid))
    expect(pause).toMatchObject({ pod: { id: cart.id }, processes: [{ pid: cart.pid }] })
    expect(pause?.container).toBeUndefined()
    const text = (await ask('whois', String(app!.pid))).stdout
    expect(text).toContain(`pid          ${app!.pid} on the host, 1 in the container\n`)
    expect(text).toContain('pod          shop/cart-5d8f7c9b6d-x2x7p\n')
  })

  test('a name that nobody has ends with 4 and names that come near', async () => {
    const ran = await ask('whois', 'pod/redis-1')
    expect(ran).toMatchObject({ code: 4, stdout: '' })
    expect(ran.stderr).toContain('nothing on')
    expect(ran.stderr).toContain('did you mean pod/redis-0?')
    expect(await ask('ps', '-l', 'app=(')).toMatchObject({ code: 2, stderr: expect.stringContaining('not a selector') })
  })

  test('top has the busiest first, and of the burning container its limit and what that held back', async () => {
    const burning = async (): Promise<UsageRow | undefined> => {
      const { code, stdout } = await ask('top', '-o', 'json')
      expect(code).toBe(0)
      const rows = JSON.parse(stdout) as UsageRow[]
      expect(rows.map(({ cores }) => cores)).toEqual(rows.map(({ cores }) => cores).toSorted((a, b) => b - a))
      return rows.find(({ target }) => target.containerId === cart.containers.app!.id)
    }
    // How much it gets, and how soon its limit holds it back, is for the kernel to say on a machine full of other tests.
    await expect.poll(async () => (await burning())?.throttledShare ?? 0).toBeGreaterThan(0)
    const row = await burning()
    expect(row).toMatchObject({
      limitCores: 0.1,
      target: { namespace: 'shop', pod: cart.name, container: 'app', workload: 'deploy/cart' },
    })
    expect(row?.cores).toBeGreaterThan(0)
    const table = async (): Promise<string> => (await ask('top')).stdout
    expect(await table()).toMatch(
      /^\S+: \d+\.\d\d of \d+ cores busy\n\n *CPU +LIMIT +THROTTLED +WAITING +CONTAINER +POD/,
    )
    await expect.poll(table).toMatch(/% +0\.1 +[\d.]+ %.* app +shop\/cart-5d8f7c9b6d-x2x7p +sh -c\n/)
    const ofFile = await ask('top', fixture('pprof/go-cpu.pb.gz'))
    expect(ofFile).toMatchObject({ code: 0, stdout: expect.stringContaining('FUNCTION') })
  })
})
