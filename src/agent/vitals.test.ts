import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import type { Target } from '../model/target.ts'
import { UsageRing } from '../ring/usage-ring.ts'
import { openCgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { quietestMean, readVitals, type VitalsSources } from './vitals.ts'

const nowMs = 1_000_000
const own = { kind: 'process', node: 'n', pid: process.pid, startTicks: startTicksOf(process.pid)! } satisfies Target

function sources(ring: UsageRing, limits = {}): VitalsSources {
  return {
    ring,
    usage: { limits: () => limits, machineCores: 1.5 },
    cgroups: openCgroupView(),
    cpus: availableParallelism(),
    keysOf: () => ['k'],
    monotonicMs: () => nowMs,
  }
}

test('what it uses now, what is usual for it, and what it is', () => {
  const ring = new UsageRing({ stepMs: 200, keepMs: 360_000 })
  const use = (fromS: number, toS: number, cores: number) => {
    for (let s = fromS; s < toS; s++)
      ring.record('k', { fromMs: nowMs + s * 1000, toMs: nowMs + (s + 1) * 1000, cores })
  }
  use(-300, -200, 0.4)
  use(-200, -120, 0.1)
  use(-120, 0, 0.9)
  const vitals = readVitals(own, sources(ring, { limitCores: 2 }))
  expect(vitals).toMatchObject({ limitCores: 2, runtimes: ['node'], node: { cores: 1.5 } })
  expect(vitals.cores).toBeCloseTo(0.9)
  expect(vitals.baselineCores).toBeCloseTo(0.1)
  // A Node program has some ten megabytes of its own and not ten gigabytes.
  expect(vitals.memoryBytes).toBeGreaterThan(5e6)
  expect(vitals.memoryBytes).toBeLessThan(1e10)
  expect(vitals.node.memoryAvailableShare).toBeGreaterThan(0)
  expect(vitals.node.memoryAvailableShare).toBeLessThanOrEqual(1)
})

test('what its pod says of pprof counts where it is who listens there', async () => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const ring = new UsageRing({ stepMs: 200, keepMs: 360_000 })
  const annotated = (pprofPort: number) =>
    readVitals(own, {
      ...sources(ring),
      annotationsOf: ({ pid }) => (pid === own.pid ? { 'spikecam.dev/pprof-port': String(pprofPort) } : undefined),
    }).hasPprof
  expect(annotated(port)).toBe(true)
  listener.close()
  await once(listener, 'close')
  expect(annotated(port)).toBeUndefined()
  expect(readVitals(own, sources(ring))).not.toHaveProperty('hasPprof')
})

test('of what is younger than a minute nobody knows what is usual', () => {
  const ring = new UsageRing({ stepMs: 200, keepMs: 360_000 })
  ring.record('k', { fromMs: nowMs - 30_000, toMs: nowMs, cores: 1 })
  expect(readVitals(own, sources(ring))).not.toHaveProperty('baselineCores')
  expect(readVitals({ kind: 'node', node: 'n' }, sources(ring)).runtimes).toEqual([])
})

test('the quietest minute is one that was measured', () => {
  expect(quietestMean([0.5, 0.5, 0.2, 0.2, null, null, 0.1, 0.9], 2)).toBeCloseTo(0.2)
  expect(quietestMean([null, null, 1], 2)).toBeUndefined()
})
