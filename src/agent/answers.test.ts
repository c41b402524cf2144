// Answers from an inventory of made-up pods: what becomes of names, numbers and too much of both.
import { expect, test } from 'vitest'
import type { Container, Pod } from '../target/pods.ts'
import { type AnswerSources, answerQuestion } from './answers.ts'

const pod = (name: string, annotations: Record<string, string> = {}): Pod => ({
  id: name,
  name,
  namespace: 'shop',
  uid: '2c48',
  labels: {},
  annotations,
  ips: ['10.4.2.17'],
  hostNetwork: false,
  sharesPids: false,
  workload: 'sts/cart',
  isReady: true,
  createdMs: 0,
})
const container = (of: Pod): Container => ({
  id: `${of.name}-id`,
  name: 'app',
  pod: of,
  image: 'x',
  imageRef: 'x',
  attempt: 0,
  state: 'running',
  cgroup: '/kubepods/x',
  cpuRequestCores: 0.1,
})
const process = (pid: number) => ({
  pid,
  startTicks: 7,
  parent: 1,
  containerPid: 1,
  comm: 'node',
  cmdline: 'node server.js',
  threads: 11,
  cpuSeconds: 1,
  cgroup: '/kubepods/x',
  runtime: { runtime: 'node', version: '24.1.0', libc: 'musl', framePointers: 'likely' } as const,
})
const sources = (containers: readonly Container[]): AnswerSources => ({
  node: 'vm1',
  monotonicMs: () => 1000,
  vitals: () => ({ cores: 0.5, runtimes: ['go'], node: { cpus: 2, cores: 1, memoryAvailableShare: 0.5 } }),
  inventory: {
    runtime: 'containerd 1.7',
    containers: () => containers,
    describe: (target) =>
      target.containerId === 'cart-0-id' ? { ...target, pod: 'cart-0', container: 'app' } : target,
    whois: async (name) =>
      name === 'nobody' ? [] : containers.map((each) => ({ container: each, pod: each.pod, processes: [process(10)] })),
  },
  usage: {
    machineCores: 1.5,
    now: () => [
      { key: 'p:30:1', cores: 0.001 },
      { key: 'p:31:1', cores: 0.3 },
      { key: 'c:cart-0-id', cores: 0.9, strain: { fromMs: 0, throttledShare: 0.4, throttledCores: 0.2 } },
    ],
    coresOf: () => 0.9,
    containerNow: () => ({ key: 'c:cart-0-id', cores: 0.9 }),
    limits: (key) => (key.startsWith('c:') ? { limitCores: 1 } : {}),
    target: (key) =>
      key.startsWith('c:')
        ? { kind: 'container', node: 'vm1', containerId: key.slice(2) }
        : { kind: 'process', node: 'vm1', pid: Number(key.split(':')[1]) },
  },
})
const one = sources([container(pod('cart-0'))])

test('who runs: containers with what they use, their pods and processes', async () => {
  const answer = await answerQuestion({ about: 'inventory', select: { name: 'pod/cart-0' } }, one)
  expect(answer).toMatchObject({
    about: 'inventory',
    runtime: 'containerd 1.7',
    rows: [
      {
        node: 'vm1',
        pod: { name: 'cart-0', ips: ['10.4.2.17'] },
        container: { name: 'app', cpuRequestCores: 0.1 },
        usage: { cores: 0.9, limitCores: 1 },
        processes: [{ pid: 10, cores: 0.9, runtime: 'node', version: '24.1.0', libc: 'musl', framePointers: 'likely' }],
      },
    ],
  })
  const others = { about: 'inventory', select: { container: 'sidecar' } } as const
  expect(await answerQuestion(others, one)).toMatchObject({ rows: [] })
})

test('who burns: busiest first, idle programs outside of containers left out', async () => {
  expect(await answerQuestion({ about: 'usage' }, one)).toMatchObject({
    cores: 1.5,
    rows: [
      { cores: 0.9, limitCores: 1, throttledShare: 0.4, target: { pod: 'cart-0', container: 'app' } },
      { cores: 0.3, target: { kind: 'process', pid: 31 } },
    ],
  })
})

test('whom a name means, and what comes near to one that means nobody', async () => {
  expect(await answerQuestion({ about: 'targets', select: { name: 'pod/cart-0' } }, one)).toMatchObject({
    candidates: [{ target: { kind: 'container', containerId: 'cart-0-id', pid: 10, runtime: 'node' }, cores: 0.9 }],
    near: [],
  })
  const nobody = { about: 'targets', select: { name: 'nobody' } } as const
  expect(await answerQuestion(nobody, one)).toEqual({ about: 'targets', candidates: [], near: [] })
})

test('an answer that the server would not take is refused with what to ask instead', async () => {
  const many = Array.from({ length: 50 }, (_, i) => container(pod(`cart-${i}`, { note: 'x'.repeat(100_000) })))
  await expect(answerQuestion({ about: 'inventory', select: {} }, sources(many))).rejects.toMatchObject({
    code: 'TOO_LARGE',
    message: expect.stringContaining('ask for one pod, namespace (-n) or label (-l)'),
  })
})
