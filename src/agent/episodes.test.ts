import { expect, test } from 'vitest'
import { freshFolder } from '../../test/scratch.ts'
import { Failure } from '../model/errors.ts'
import type { Incident } from '../model/incident.ts'
import type { Target } from '../model/target.ts'
import type { FreezeRequest, Frozen, Recorder } from '../ring/recorder.ts'
import { defaultCaptureLimits } from '../trigger/limits.ts'
import { monotonicMs, WallClock } from './clock.ts'
import { Episodes, type EpisodesOptions } from './episodes.ts'
import type { Sighting } from './scout.ts'
import { Spool } from './spool.ts'

const frozen: Frozen = {
  pprof: new Uint8Array([1, 2, 3]),
  perfData: [],
  quality: {
    samples: 1,
    lostSamples: 0,
    truncatedStacks: 0,
    unsymbolizedShare: 0,
    event: 'cpu-clock',
    eventFallback: false,
    gaps: [],
    notes: [],
  },
  samples: 1,
  fromMs: 0,
  toMs: 1,
  boundaryMs: undefined,
  deepHz: undefined,
  partial: undefined,
}

const sighting: Sighting = {
  key: 'p:1:1',
  rule: 'cpu-spike',
  target: { kind: 'process', node: 'n', comm: 'app' },
  spike: {
    type: 'start',
    cause: 'level',
    onsetMs: 1,
    firedMs: 2,
    cores: 1,
    waitingCores: 0,
    baselineCores: 0,
    thresholdCores: 0.8,
    heldMs: 600,
  },
}

interface World {
  readonly named: Partial<Target>
  readonly clock: WallClock
  readonly freeze: (request: FreezeRequest) => Promise<Frozen>
  readonly series: EpisodesOptions['series']
}

function episodes(
  spool: Pick<Spool, 'put'>,
  forMs: number,
  { named = {}, clock = new WallClock(), freeze = async () => frozen, series = () => [] }: Partial<World> = {},
): { it: Episodes; incidents: Incident[] } {
  const incidents: Incident[] = []
  const it = new Episodes({
    node: 'n',
    version: '0',
    ringHz: 49,
    recorder: {
      beginDeep: async () => undefined,
      endDeep: async () => undefined,
      freeze,
    } as Partial<Recorder> as Recorder,
    spool,
    clock,
    probes: { plan: async () => ({ hasRing: true, steps: [], settled: [], notes: [] }), run: async () => [] },
    describe: (target) => ({ ...target, ...named }),
    lookBackMs: 60_000,
    forMs,
    limits: defaultCaptureLimits,
    series,
    onIncident: (incident) => incidents.push(incident),
  })
  return { it, incidents }
}

test('an end while an incident is being opened keeps the evidence of before', async () => {
  const spool = await Spool.open(freshFolder('episodes'))
  const { it, incidents } = episodes(spool, 60_000)
  void it.begin(sighting)
  await it.close()
  expect(incidents.map(({ state }) => state)).toEqual(['capturing', 'complete'])
  expect(spool.waiting().map(({ message }) => message.type)).toEqual(['artifact', 'artifact', 'capture', 'incident'])
})

test('on a full disk the incident ends, and says what is lost', async () => {
  const spool = await Spool.open(freshFolder('episodes'))
  const full: Pick<Spool, 'put'> = {
    put: (key, draft, options) =>
      options?.bytes ? Promise.reject(new Failure('DISK_FULL', 'no space left')) : spool.put(key, draft, options),
  }
  const { it, incidents } = episodes(full, 0)
  await it.begin(sighting)
  expect(incidents.at(-1)).toMatchObject({ state: 'partial' })
  expect(incidents.at(-1)?.message).toMatch(/usage\.json is lost: no space left; .*pb\.gz is lost: no space left$/)
  expect(spool.waiting().map(({ message }) => message.type)).toEqual(['capture', 'incident'])
})

test('a container that the runtime names only after its spike was noticed has its name in the end', async () => {
  const spool = await Spool.open(freshFolder('episodes'))
  const { it, incidents } = episodes(spool, 0, { named: { namespace: 'shop', pod: 'young-0', container: 'app' } })
  const target: Target = { kind: 'container', node: 'n', containerId: 'c0ffee' }
  await it.begin({ ...sighting, target })
  expect(incidents[0]?.target.pod).toBeUndefined()
  expect(incidents.at(-1)).toMatchObject({
    target: { pod: 'young-0' },
    trigger: { reason: expect.stringMatching(/^shop\/young-0\/app used/) },
  })
  expect(spool.waiting().find(({ message }) => message.type === 'capture')?.message).toMatchObject({
    capture: { target: { pod: 'young-0' } },
  })
})

test('the baseline is what the look-back has of the time before the rise, and absent where that is older', async () => {
  const spool = await Spool.open(freshFolder('episodes'))
  const { it, incidents } = episodes(spool, 0)
  const nowMs = monotonicMs()
  await it.begin({ ...sighting, spike: { ...sighting.spike, onsetMs: nowMs - 500 } })
  const { baseline, onsetMs, noticedMs } = incidents[0] as Incident
  expect(baseline).toEqual({ fromMs: noticedMs - 60_000, toMs: onsetMs })
  // A slow ramp: it left what was usual for it two minutes ago, and the look-back is one.
  await it.begin({ ...sighting, key: 'p:2:2', spike: { ...sighting.spike, onsetMs: nowMs - 120_000 } })
  const late = incidents.at(-1)
  expect(late?.trigger.spike).toBeDefined()
  expect(late).not.toHaveProperty('baseline')
})

test.each([-3_600_000, 3_600_000])(
  'a wall clock that is set by %i ms while a spike is captured shifts nothing',
  async (byMs) => {
    const spool = await Spool.open(freshFolder('episodes'))
    let setMs = 0
    const epochMs = 1_700_000_000_000
    const clock = new WallClock(() => epochMs + monotonicMs() + setMs)
    const isNear = (ms: number, toMs: number): boolean => Math.abs(ms - toMs) < 60_000
    const asked: FreezeRequest[] = []
    const spans: [number, number][] = []
    const { it, incidents } = episodes(spool, 0, {
      clock,
      freeze: async (request) => {
        asked.push(request)
        return { ...frozen, fromMs: request.fromMs, toMs: request.toMs }
      },
      series: (_key, fromMs, toMs) => {
        spans.push([fromMs, toMs])
        return [{ name: 'target', startMs: fromMs, stepMs: 200, cores: [1] }]
      },
    })
    const onsetMs = monotonicMs() - 500
    const begun = it.begin({ ...sighting, spike: { ...sighting.spike, onsetMs } })
    setMs = byMs
    await begun
    await it.end(sighting.key, { type: 'end', endedMs: onsetMs + 1000 })
    const [{ fromMs, toMs, wallOffsetMs }] = asked as [FreezeRequest]
    expect(isNear(wallOffsetMs, epochMs)).toBe(true)
    expect(toMs - fromMs).toBeGreaterThanOrEqual(60_000)
    expect(spans.at(-1)).toEqual([fromMs - wallOffsetMs, toMs - wallOffsetMs])
    const latest = spool
      .waiting()
      .flatMap(({ message }) => (message.type === 'incident' ? [message.incident] : []))
      .at(-1)
    expect(latest?.onsetMs).toBe(onsetMs + wallOffsetMs)
    expect(latest?.endedMs).toBe(onsetMs + 1000 + wallOffsetMs)
    expect(incidents.at(-1)?.evidenceMs).toBeGreaterThanOrEqual(incidents[0]?.noticedMs as number)
    // The next one is on the clock as it is by then.
    expect(isNear(clock.offsetMs, epochMs + byMs)).toBe(true)
  },
)
