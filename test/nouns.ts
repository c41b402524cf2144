// Incidents, captures, artifacts and a context for tests: valid ones, of which a test changes what it is about.
import { createHash } from 'node:crypto'
import { type Artifact, type Capture, captureVersion, mediaTypes } from '../src/model/capture.ts'
import type { TargetContext } from '../src/model/context.ts'
import { type Incident, incidentVersion } from '../src/model/incident.ts'
import type { Target } from '../src/model/target.ts'
import type { Trigger } from '../src/model/trigger.ts'

/** 2026-01-02 03:04:05 UTC: any time will do, as long as it is always the same. */
export const someMs = Date.UTC(2026, 0, 2, 3, 4, 5)

export const someTarget: Target = { kind: 'process', node: 'node-1', pid: 4242, startTicks: 99, comm: 'cart' }
export const cart: Target = {
  kind: 'container',
  node: 'node-1',
  containerId: 'c'.repeat(64),
  container: 'app',
  pod: 'cart-0',
  namespace: 'shop',
  workload: 'statefulset/cart',
}
export const someTrigger: Trigger = { kind: 'spike', rule: 'cpu-level', reason: '0.98 cores for 600 ms' }

/** Of a container that its limits hold back. */
export const someContext: TargetContext = {
  version: 1,
  atMs: 0,
  windowMs: 1000,
  scope: 'container',
  processes: [
    {
      pid: 4242,
      containerPid: 1,
      parent: 1,
      comm: 'node',
      cmdline: 'node cart.js',
      runtime: 'node',
      state: 'R',
      threads: 11,
      cores: 0.97,
      cpuSeconds: 12,
      rssBytes: 9e7,
      swapBytes: 0,
      ageSeconds: 60,
    },
  ],
  processCount: 2,
  threads: [{ pid: 4242, tid: 4242, name: 'MainThread', state: 'R', cores: 0.96, systemCores: 0.01 }],
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

export function makeIncident(change: Partial<Incident> & { id: string }): Incident {
  return {
    version: incidentVersion,
    node: 'node-1',
    target: someTarget,
    trigger: someTrigger,
    state: 'capturing',
    onsetMs: someMs,
    noticedMs: someMs + 600,
    top: [],
    ...change,
  }
}

export function makeCapture(change: Partial<Capture> & { id: string }): Capture {
  return {
    version: captureVersion,
    node: 'node-1',
    target: someTarget,
    trigger: someTrigger,
    kind: 'cpu',
    state: 'recording',
    requestedMs: someMs + 600,
    fromMs: someMs - 30_000,
    toMs: someMs + 10_000,
    probes: [],
    ...change,
  }
}

export function makeArtifact(
  bytes: Uint8Array,
  change: Partial<Artifact> & { id: string; captureId: string },
): Artifact {
  return {
    name: 'node-1_cpu.pb.gz',
    mediaType: mediaTypes.pprof,
    sizeBytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    probe: 'perf',
    createdMs: someMs + 11_000,
    ...change,
  }
}
