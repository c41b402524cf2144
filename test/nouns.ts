// Incidents, captures and artifacts for tests: valid ones, of which a test changes what it is about.
import { createHash } from 'node:crypto'
import { type Artifact, type Capture, captureVersion, mediaTypes } from '../src/model/capture.ts'
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
