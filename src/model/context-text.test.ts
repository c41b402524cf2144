import { expect, test } from 'vitest'
import type { TargetContext } from './context.ts'
import { contextFacts } from './context-text.ts'

const context: TargetContext = {
  version: 1,
  atMs: 0,
  windowMs: 1000,
  scope: 'container',
  processes: [],
  processCount: 2,
  threads: [],
  threadCount: 31,
  limits: {},
  cgroup: {
    version: 'v2',
    path: '/kubepods/pod1/c1',
    cpu: { cores: 0.5, limitCores: 0.5, periods: 10, throttledPeriods: 9, throttledSeconds: 0.42 },
    memory: { usageBytes: 130e6, workingSetBytes: 120e6, limitBytes: 128e6, limitHits: 3, oomKills: 1 },
    pressure: { cpu: { some10s: 0.62, some60s: 0.1 }, io: { some10s: 0, some60s: 0 } },
  },
  sockets: {
    listening: [{ address: '0.0.0.0', port: 8080, backlog: 12 }],
    tcp: { ESTAB: 40 },
    udp: 0,
    unix: 2,
    peers: [],
  },
  node: {
    kernel: '6.1.0',
    cpus: 2,
    busyCores: 1.2,
    load: [1.5, 0.8, 0.4],
    memoryBytes: 8e9,
    memoryAvailableBytes: 6e9,
    pressure: {},
  },
  notes: [],
}

test('what holds a container back stands out', () => {
  expect(contextFacts(context).map(({ name, text, isBad }) => `${isBad ? '!' : ' '} ${name}: ${text}`)).toEqual([
    '! CPU: 0.50 cores, limit 0.50 cores',
    '! throttled: in 90 % of its periods, 420 ms of CPU time',
    '! memory: 120.0 MB of 128.0 MB (93.8 %), 10.0 MB more of cache; hit its limit 3 times; 1 killed for it',
    '! waiting: for CPU 62 % of the last 10 s',
    '  processes: 2 with 31 threads',
    '! sockets: listens on 8080 (12 wait to be accepted); 40 ESTAB',
    '  node: 1.20 of 2 CPUs busy, load 1.5 0.8 0.4, 6.0 GB of 8.0 GB memory available',
  ])
})
