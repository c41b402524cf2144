// The inventory on a real node: containerd runs the pods, /proc and the cgroup tree are the kernel's own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { RunningPod } from '../../test/node-tool/node.ts'
import { describeOnNode } from '../../test/node-tool/on-node.ts'
import { startWithPid } from '../../test/recycled-pid.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { Target } from '../model/target.ts'
import { type Inventory, startInventory, type WhoisMatch } from './inventory.ts'
import { nodeAddresses } from './node-addresses.ts'
import { readProcess, startTicksOf } from './process-identity.ts'

const folder = temporaryFolder()
const lines: string[] = []
const log = {
  info: (details: object, message: string) => void lines.push(`info ${message} ${JSON.stringify(details)}`),
  warn: (details: object, message: string) => void lines.push(`warn ${message} ${JSON.stringify(details)}`),
}
/** `shop/cart-0/app:1/9` per process: pod, container, PID inside. */
const printMatch = (match: WhoisMatch): string[] =>
  match.processes.map(
    (process) =>
      `${match.pod?.namespace}/${match.pod?.name}/${match.container?.name}:${process.comm}:${process.containerPid}`,
  )
const only = (matches: readonly WhoisMatch[]): WhoisMatch => {
  expect(matches).toHaveLength(1)
  return matches[0] as WhoisMatch
}

describeOnNode('inventory', (node) => {
  let inventory: Inventory
  let image: string
  const pods: RunningPod[] = []
  const children: ChildProcess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const pod of pods.splice(0)) await pod.stop()
    inventory?.close()
    lines.length = 0
  })
  beforeAll(async () => {
    image = await node().packImage({ name: 'app' })
  })
  const open = async (): Promise<void> => {
    inventory = startInventory({ criSocket: `unix://${node().socket}`, log, pollMs: 200, patienceMs: 60_000 })
    await inventory.ready
  }
  const run = async (spec: Parameters<ReturnType<typeof node>['runPod']>[0]): Promise<RunningPod> => {
    const pod = await node().runPod(spec)
    pods.push(pod)
    return pod
  }
  const sleeper = { name: 'app', command: ['sleep', '600'] }

  test('pods with labels, annotations, addresses, images, limits; every way to ask for them', async () => {
    const labels = { app: 'cart', 'pod-template-hash': '6d4b75cb6d' }
    const pod = await run({
      name: 'cart-6d4b75cb6d-hshzp',
      namespace: 'shop',
      labels,
      annotations: { 'profiles.grafana.com/cpu.scrape': 'true' },
      containers: [
        { ...sleeper, image, cpuLimit: 0.5, cpuRequest: 0.1, memoryLimitBytes: 64 * 1024 * 1024 },
        { name: 'sidecar', image, command: ['sh', '-c', 'sleep 601 & echo child $!; exec sleep 602'] },
      ],
    })
    await open()
    expect(inventory.runtime).toMatch(/^containerd \d+\.\d+\.\d+$/)
    const app = inventory.containers().find((each) => each.name === 'app')
    expect(app).toMatchObject({
      id: pod.containers.app?.id,
      image: 'spikecam.test/app:1',
      attempt: 0,
      state: 'running',
      pid: pod.containers.app?.pid,
      cpuLimitCores: 0.5,
      cpuRequestCores: 0.1,
      memoryLimitBytes: 64 * 1024 * 1024,
      pod: {
        id: pod.id,
        name: 'cart-6d4b75cb6d-hshzp',
        namespace: 'shop',
        uid: pod.uid,
        labels: { ...labels, 'io.kubernetes.pod.namespace': 'shop' },
        annotations: { 'profiles.grafana.com/cpu.scrape': 'true' },
        ips: [pod.ip],
        hostNetwork: false,
        sharesPids: false,
        workload: 'deploy/cart',
        isReady: true,
      },
    })
    expect(Math.abs((app?.startedMs ?? 0) - Date.now())).toBeLessThan(60_000)

    const child = (await pod.untilLog('sidecar', /child (\d+)/))[1]
    const everything = ['shop/cart-6d4b75cb6d-hshzp/app:sleep:1', 'sidecar:sleep:1', `sidecar:sleep:${child}`]
    const names = async (query: string): Promise<string[]> =>
      (await inventory.whois(query))
        .flatMap(printMatch)
        .map((line) => line.replace('shop/cart-6d4b75cb6d-hshzp/sidecar', 'sidecar'))
        .sort()
    await expect.poll(() => names(pod.ip)).toEqual(everything) // the shell has become a sleep
    for (const query of ['deploy/cart', 'pod/cart-6d4b75cb6d-hshzp', 'shop/cart-6d4b75cb6d-hshzp', pod.id]) {
      expect(await names(query), query).toEqual(everything)
    }
    expect(await inventory.whois('', { selector: 'app=cart' })).toHaveLength(2)
    expect(await inventory.whois('', { selector: 'app!=cart' })).toEqual([])
    expect(await inventory.whois('deploy/cart', { namespace: 'other' })).toEqual([])
    const byId = only(await inventory.whois(pod.containers.app?.id.slice(0, 12) as string))
    expect(byId.container?.name).toBe('app')
    expect(await inventory.whois('pod/nobody')).toEqual([])
    const all = await inventory.whois('')
    expect(all.slice(0, -1).map((match) => match.container?.name)).toEqual(expect.arrayContaining(['app', 'sidecar']))
    const outsiders = all.at(-1)?.processes.map((each) => each.pid)
    expect(outsiders).toContain(process.pid)
    expect(outsiders).not.toContain(pod.containers.app?.pid)

    // the way back: each process on the host names its container
    for (const process of (await inventory.whois('pod/cart-6d4b75cb6d-hshzp')).flatMap((match) => match.processes)) {
      const back = only(await inventory.whois(String(process.pid)))
      expect(back.container?.id).toBe(process.containerId)
      expect(back.processes[0]).toMatchObject({ pid: process.pid, runtime: { runtime: 'native', libc: 'static' } })
      expect(inventory.containerOf({ pid: process.pid })?.id).toBe(process.containerId)
    }
    const pause = only(await inventory.whois(String(pod.pid)))
    expect(pause.pod?.name).toBe('cart-6d4b75cb6d-hshzp')
    expect(pause.container).toBeUndefined()
    const outside = only(await inventory.whois(String(process.pid)))
    expect(outside.pod).toBeUndefined()
    expect(outside.processes[0]).toMatchObject({ containerPid: process.pid, runtime: { runtime: 'node' } })
  })

  test('a target is described by its container, and by its process as long as that is the same one', async () => {
    const pod = await run({
      name: 'redis-2',
      namespace: 'redis',
      labels: { 'statefulset.kubernetes.io/pod-name': 'redis-2' },
      containers: [{ ...sleeper, image }],
    })
    await open()
    const { id, pid } = pod.containers.app as { id: string; pid: number }
    const named = { pod: 'redis-2', namespace: 'redis', container: 'app', containerId: id, workload: 'sts/redis' }
    const startTicks = startTicksOf(pid) as number
    const byContainer: Target = { kind: 'container', node: 'n', containerId: id, pid, startTicks }
    expect(inventory.describe(byContainer)).toEqual({ ...byContainer, ...named, runtime: 'native' })
    expect(inventory.describe({ kind: 'process', node: 'n', pid, startTicks })).toMatchObject(named)
    const cgroup = readProcess(pid)?.cgroup as string
    expect(inventory.describe({ kind: 'process', node: 'n', cgroup: `${cgroup}/nested` })).toMatchObject(named)
    expect(inventory.describe({ kind: 'node', node: 'n' })).toEqual({ kind: 'node', node: 'n' })
    const reused: Target = { kind: 'process', node: 'n', pid, startTicks: startTicks - 1 }
    expect(inventory.describe(reused)).toEqual(reused)
  })

  test('a shared PID namespace, the host network and host PIDs', async () => {
    const shared = await run({
      name: 'shared',
      shareProcessNamespace: true,
      containers: [
        { ...sleeper, image },
        { name: 'other', image, command: ['sleep', '601'] },
      ],
    })
    const host = await run({
      name: 'host-net',
      hostNetwork: true,
      hostPid: true,
      containers: [{ ...sleeper, image }],
    })
    await open()
    const found = await inventory.whois('pod/shared')
    expect(found.map((match) => match.pod?.sharesPids)).toEqual([true, true])
    for (const match of found) {
      // PID 1 of the namespace is the pause process, so both have other numbers inside than 1 and than on the host.
      const [process] = match.processes
      expect(match.processes).toHaveLength(1)
      expect(process?.pid).toBe(shared.containers[match.container?.name as string]?.pid)
      expect(process?.containerPid).toBeGreaterThan(1)
      expect(process?.containerPid).not.toBe(process?.pid)
    }
    const inside = (await shared.exec('other', ['ps'])).stdout
    expect(inside).toMatch(new RegExp(`^\\s*${found[0]?.processes[0]?.containerPid} .*sleep 60[01]$`, 'm'))

    const { pod, processes } = only(await inventory.whois('pod/host-net'))
    expect(pod).toMatchObject({ hostNetwork: true, ips: nodeAddresses() })
    expect(processes[0]?.containerPid).toBe(processes[0]?.pid)
    expect((await inventory.whois(nodeAddresses()[0] as string)).map((match) => match.pod?.name)).toContain('host-net')
    expect(host.ip).toBe('')
  })

  test('a container that is restarted, and a pod that goes while it is looked at', async () => {
    const pod = await run({ name: 'shaky', containers: [{ ...sleeper, image }] })
    await open()
    const first = pod.containers.app?.id as string
    const target: Target = { kind: 'container', node: 'n', containerId: first }
    const second = await pod.restart('app')
    // Younger than the last list: asking for it makes the list anew.
    expect(only(await inventory.whois(second.id)).container).toMatchObject({ attempt: 1, pid: second.pid })
    expect(inventory.describe(target)).toMatchObject({ pod: 'shaky', container: 'app' })
    expect(inventory.containers().map((each) => each.id)).toEqual([second.id])

    await pods.pop()?.stop()
    await expect.poll(() => inventory.containers()).toEqual([])
    expect(inventory.describe({ ...target, containerId: second.id })).toMatchObject({ pod: 'shaky', container: 'app' })
    expect(await inventory.whois(String(second.pid))).toEqual([])
    expect(await inventory.whois('pod/shaky')).toEqual([])
  })

  test('a PID that comes back as another process', async () => {
    const pod = await run({ name: 'recycled', containers: [{ ...sleeper, image }] })
    await open()
    let { id, pid } = pod.containers.app as { id: string; pid: number }
    let was: Target
    let heir: ChildProcess | undefined
    for (;;) {
      was = { kind: 'process', node: 'n', pid, startTicks: startTicksOf(pid) as number }
      await inventory.whois(id) // one that is younger than the last list has no name before
      expect(inventory.describe(was)).toMatchObject({ pod: 'recycled' })
      await pod.remove('app')
      heir = startWithPid(pid, () => spawn('sleep', ['600'], { stdio: 'ignore' }))
      if (heir) break
      ;({ id, pid } = await pod.restart('app'))
    }
    children.push(heir)
    expect(inventory.describe(was)).toEqual(was)
    expect(inventory.describe({ ...was, containerId: id })).toEqual({
      ...was,
      containerId: id,
      container: 'app',
      pod: 'recycled',
      namespace: 'default',
      workload: 'pod/recycled',
    })
    const now = only(await inventory.whois(String(pid)))
    expect(now.pod).toBeUndefined()
    expect(now.processes[0]?.startTicks).toBeGreaterThan(was.startTicks as number)
  })

  test('the runtime restarts: said once, what is known stays, what is new is found', async () => {
    const pod = await run({ name: 'steady', containers: [{ ...sleeper, image }] })
    await open()
    expect(lines).toEqual([expect.stringMatching(/^info following the pods of the container runtime .*containerd/)])
    await node().stopRuntime()
    await expect.poll(() => lines.length).toBe(2)
    expect(lines[1]).toMatch(
      /^warn .*containerd.sock does not answer.*; keeping what is known of pods .*CRI_UNREACHABLE/,
    )
    expect(inventory.runtime).toBeUndefined()
    const target: Target = { kind: 'container', node: 'n', containerId: pod.containers.app?.id as string }
    expect(inventory.describe(target)).toMatchObject({ pod: 'steady' })
    expect(only(await inventory.whois(String(pod.containers.app?.pid))).pod?.name).toBe('steady')
    await node().startRuntime()
    const late = await run({ name: 'late', containers: [{ ...sleeper, image }] })
    await expect.poll(() => inventory.containers().length).toBe(2)
    expect(only(await inventory.whois(late.ip)).pod?.name).toBe('late')
    expect(lines[2]).toMatch(/^info the container runtime answers again .*"awayMs"/)
    expect(lines).toHaveLength(3)
  })
})

test('without a runtime: said once, with what to do; processes are still told', async () => {
  const inventory = startInventory({ criSocket: '/nonexistent/cri.sock', log })
  await inventory.ready
  expect(inventory.containers()).toEqual([])
  const self = only(await inventory.whois(`pid/${process.pid}`))
  expect(self.processes[0]).toMatchObject({ pid: process.pid, startTicks: startTicksOf(process.pid) })
  inventory.close()
  expect(lines).toEqual([
    expect.stringMatching(/^warn .*\/nonexistent\/cri.sock does not answer \(ENOENT\).*CRI_UNREACHABLE.*--cri-socket/),
  ])
  lines.length = 0
})

test('a runtime that takes calls and answers none keeps nobody from what is known', async () => {
  const criSocket = join(folder, 'cri.sock')
  const sockets: Socket[] = []
  const hung = createServer((socket) => void sockets.push(socket)).listen(criSocket)
  await once(hung, 'listening')
  const inventory = startInventory({ criSocket, log, patienceMs: 20 })
  const self = only(await inventory.whois(`pid/${process.pid}`))
  expect(self.processes[0]).toMatchObject({ pid: process.pid })
  expect(lines).toEqual([]) // it was not waited for until it had been given up
  inventory.close()
  for (const socket of sockets) socket.destroy()
  hung.close()
})
