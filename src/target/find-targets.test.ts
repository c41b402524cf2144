import { expect, test } from 'vitest'
import type { TargetSelector } from '../model/inventory.ts'
import { printTarget } from '../model/target.ts'
import { findTargets, nearNames } from './find-targets.ts'
import type { InventoryProcess, WhoisMatch } from './inventory.ts'
import type { Container, Pod } from './pods.ts'

const uid = '2c48913c-b29f-11e7-9350-020968147796'
const pod = (name: string, workload = 'deploy/cart'): Pod => ({
  id: `sandbox-${name}`,
  name,
  namespace: 'shop',
  uid,
  labels: {},
  annotations: {},
  ips: [],
  hostNetwork: false,
  sharesPids: false,
  workload,
  isReady: true,
  createdMs: 0,
})
const idOf = (letter: string): string => letter.repeat(64)
const container = (name: string, letter: string, of: Pod, more: Partial<Container> = {}): Container => ({
  id: idOf(letter),
  name,
  pod: of,
  image: 'x',
  imageRef: 'x',
  attempt: 0,
  state: 'running',
  cgroup: `/kubepods/burstable/pod${of.name === 'cart-0' ? uid : uid.replace('2c', '3d')}/${idOf(letter)}`,
  ...more,
})
const process = (pid: number, cmdline: string, containerPid = 1): InventoryProcess => ({
  pid,
  startTicks: pid * 10,
  parent: 1,
  containerPid,
  comm: cmdline.split(' ')[0] as string,
  cmdline,
  threads: 1,
  cpuSeconds: 0,
  cgroup: '/',
  runtime: { runtime: 'native', framePointers: 'unknown' },
})
const match = (of: Container, ...processes: InventoryProcess[]): WhoisMatch => ({
  container: of,
  pod: of.pod,
  processes,
})
const cart0 = pod('cart-0')
const cart1 = pod('cart-1')
const everything = [
  match(container('app', 'a', cart0), process(10, 'node server.js'), process(11, 'node worker.js', 17)),
  match(container('sidecar', 'b', cart0), process(12, 'envoy')),
  match(container('app', 'c', cart1), process(20, 'node server.js')),
]
/** Cores are a hundredth of the PID, so that a later process is the busier one. */
const find = (select: TargetSelector, matches: readonly WhoisMatch[] = everything) =>
  findTargets(matches, select, { node: 'vm1', coresOf: ({ pid }) => pid / 100 })
const drawn = (select: TargetSelector, matches?: readonly WhoisMatch[]): string[] =>
  find(select, matches).candidates.map(
    ({ target, cores }) => `${target.kind} ${printTarget(target)} ${Number(cores.toFixed(2))}`,
  )

test('a pod of several containers is one target, of one container that container; the busiest comes first', () => {
  expect(drawn({ name: 'deploy/cart' })).toEqual(['container shop/cart-0 0.33', 'container shop/cart-1/app 0.2'])
  const [whole] = find({ labels: 'app=cart' }).candidates
  expect(whole?.target).toMatchObject({ cgroup: `/kubepods/burstable/pod${uid}`, pid: 12, startTicks: 120 })
  expect(whole?.target.containerId).toBeUndefined()
})

test('a container that is named is the target, by flag, by name or by id', () => {
  expect(drawn({ name: 'deploy/cart', container: 'app' })).toEqual([
    'container shop/cart-0/app 0.21',
    'container shop/cart-1/app 0.2',
  ])
  expect(drawn({ name: 'sidecar' }, [everything[1] as WhoisMatch])).toEqual(['container shop/cart-0/sidecar 0.12'])
  const [byId] = find({ name: `container/${idOf('b').slice(0, 12)}` }, [everything[1] as WhoisMatch]).candidates
  expect(byId?.target).toMatchObject({ containerId: idOf('b'), container: 'sidecar', pid: 12 })
})

test('containers of a pod that lie in different folders are targets of their own', () => {
  const apart = [
    match(container('app', 'a', cart0), process(10, 'a')),
    match(container('sidecar', 'b', cart0, { cgroup: `/other/${idOf('b')}` }), process(12, 'b')),
  ]
  expect(drawn({ name: 'pod/cart-0' }, apart)).toEqual([
    'container shop/cart-0/sidecar 0.12',
    'container shop/cart-0/app 0.1',
  ])
})

test('a process is chosen by its PID on the host, its PID in the container, or its command line', () => {
  const pidOf = (wanted: string): (number | undefined)[] =>
    find({ name: 'pod/cart-0', process: wanted }, everything.slice(0, 2)).candidates.map(({ target }) => target.pid)
  expect(pidOf('11')).toEqual([11])
  expect(pidOf('17')).toEqual([11])
  expect(pidOf('server.js')).toEqual([10])
  expect(pidOf('node')).toEqual([11, 10])
  expect(find({ name: 'pod/cart-0', process: 'java' }).why).toBe(
    'no process java; there is: node server.js (pid 10), node worker.js (pid 11), envoy (pid 12), node server.js (pid 20)',
  )
  const asker = { processes: [process(8, 'node spikecam capture cpu --process server.js')] }
  expect(find({ process: 'server.js' }, [asker, everything[0] as WhoisMatch]).candidates).toHaveLength(1)
  expect(drawn({ name: 'pid/7' }, [{ processes: [process(7, 'sshd')] }])).toEqual(['process sshd (pid 7) 0.07'])
})

test('who listens on an address: a container once, however many workers it has, or a process outside of them', () => {
  const inContainer = (pid: number): InventoryProcess => ({ ...process(pid, 'worker'), containerId: idOf('a') })
  const own = container('app', 'a', cart0)
  const matches = [
    match(own, inContainer(10)),
    match(own, inContainer(30)),
    { processes: [process(20, 'redis_exporter')] },
  ]
  expect(drawn({ name: '10.4.2.17:8080' }, matches)).toEqual([
    'container shop/cart-0/app 0.3',
    'process redis_exporter (pid 20) 0.2',
  ])
})

test('what cannot be captured is explained', () => {
  expect(find({ name: 'pod/nobody' }, [])).toEqual({ candidates: [] })
  expect(find({ name: 'pod/cart-0', container: 'ap' }).why).toBe('no container ap; there is: app, sidecar')
  const ended = container('app', 'a', cart0, { state: 'exited', exitCode: 137, reason: 'OOMKilled' })
  expect(find({ name: 'pod/cart-0' }, [match(ended)]).why).toBe('shop/cart-0/app has ended with code 137 (OOMKilled)')
})

test('names that come near are given as they would have to be written', () => {
  const containers = everything.flatMap((each) => each.container ?? [])
  expect(nearNames(containers, 'pod/cart-2')).toEqual(['pod/cart-0', 'pod/cart-1'])
  expect(nearNames(containers, 'shop/cart-2')).toEqual(['shop/cart-0', 'shop/cart-1'])
  expect(nearNames(containers, 'deploy/crat')).toEqual(['deploy/cart'])
  expect(nearNames(containers, 'sidecra')[0]).toBe('sidecar')
  expect(nearNames(containers, 'pid/4242')).toEqual([])
})
