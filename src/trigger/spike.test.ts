import { expect, test } from 'vitest'
import fullNode from '../../test/fixtures/usage/full-node.json' with { type: 'json' }
import { defaultSpikeRule, type SpikeEvent, SpikeWatcher } from './spike.ts'

/**
 * Feeds cores at 200 ms a reading; returns the events with the time of the reading that gave them.
 * @param waiting for a CPU, besides; told only when it is asked for
 */
function watch(cores: number[], watcher = new SpikeWatcher(defaultSpikeRule), startMs = 0, waiting = 0): SpikeEvent[] {
  const events: SpikeEvent[] = []
  cores.forEach((value, i) => {
    const point = { fromMs: startMs + i * 200, toMs: startMs + (i + 1) * 200, cores: value }
    const waitingCores = watcher.asksForWaiting(point) ? waiting : undefined
    const event = watcher.observe({ ...point, waitingCores })
    if (event) events.push(event)
  })
  return events
}
const of = (seconds: number, value: number): number[] => Array.from({ length: seconds * 5 }, () => value)

test('a step to one core fires once, 600 ms after it began, and ends when it falls', () => {
  const events = watch([...of(10, 0.02), ...of(6, 1), ...of(5, 0.02)])
  expect(events).toHaveLength(2)
  expect(events[0]).toMatchObject({ type: 'start', cause: 'level', onsetMs: 10_000, firedMs: 10_600, cores: 1 })
  expect(events[1]).toEqual({ type: 'end', endedMs: 16_000 })
})

test('a spike of one second is caught', () => {
  expect(watch([...of(10, 0), ...of(1, 1), ...of(5, 0)]).map((event) => event.type)).toEqual(['start', 'end'])
})

test('what gets less than its own last minute, because neighbours hold it back, has not begun in the future', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  watch([...of(20, 0), ...of(30, 0.35)], watcher)
  const [event] = watch(of(4, 0.15), watcher, 50_000, 0.9)
  // It has used more than usual since 20 s.
  expect(event).toMatchObject({ type: 'start', cause: 'contention', onsetMs: 20_000, baselineCores: 0 })
})

test('half a second is not a spike', () => {
  expect(watch([...of(10, 0), 1, 1, ...of(5, 0)])).toEqual([])
})

test('onset lies inside the reading that averages quiet and busy time', () => {
  // Busy from 10 100 ms on: the reading of 10 000 to 10 200 shows half a core.
  const events = watch([...of(10, 0), 0.5, ...of(2, 1)])
  expect(events[0]).toMatchObject({ type: 'start', onsetMs: 10_100 })
})

test('a rise that is held back by neighbours begins where it left the baseline, not where it crossed the level', () => {
  const events = watch([...of(10, 0), 0.3, 0.5, 0.6, 0.7, ...of(2, 1)])
  expect(events[0]).toMatchObject({ type: 'start', firedMs: 10_800, onsetMs: 10_200 - 0.6 * 200 })
})

test('a slow ramp fires by its level although it drags its baseline along', () => {
  const ramp = Array.from({ length: 600 }, (_, i) => (i / 600) * 1.2)
  expect(watch(ramp)[0]).toMatchObject({ type: 'start', cause: 'level' })
})

test('half a core fires by its jump where idle is normal, and not where it is usual', () => {
  expect(watch([...of(20, 0.05), ...of(2, 0.5)])[0]).toMatchObject({ type: 'start', cause: 'jump' })
  expect(watch([...of(20, 0.3), ...of(2, 0.5)])).toEqual([])
})

test('what neighbours hold back under the level fires by what it would have used, and ends with it', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  expect(watch([...of(20, 0.1), ...of(6, 0.35)], watcher, 0, 0.6)).toMatchObject([
    { type: 'start', cause: 'contention', onsetMs: 20_000, firedMs: 21_400, cores: 0.35, waitingCores: 0.6 },
  ])
  expect(watch(of(3, 0.1), watcher, 26_000, 0.6)).toEqual([{ type: 'end', endedMs: 26_000 }])
  // A slow ramp on a full node, which reaches neither the level nor four times its own past.
  const ramp = Array.from({ length: 200 }, (_, i) => (i / 200) * 0.4)
  expect(watch(ramp, new SpikeWatcher(defaultSpikeRule), 0, 0.6)[0]).toMatchObject({ cause: 'contention' })
  // One that is new is known by nothing but its wish.
  expect(watch(of(2, 0.3), new SpikeWatcher(defaultSpikeRule), 0, 0.6)[0]).toMatchObject({ cause: 'contention' })
})

test('what rose and could not be looked at then is still known to have risen half a minute later', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  expect(watch([...of(9, 0), ...of(30, 0.35)], watcher)).toEqual([])
  expect(watch(of(2, 0.35), watcher, 39_000, 0.6)).toMatchObject([{ type: 'start', cause: 'contention' }])
  // After a minute it is the usual.
  const later = new SpikeWatcher(defaultSpikeRule)
  watch([...of(9, 0), ...of(70, 0.35)], later)
  expect(watch(of(2, 0.35), later, 79_000, 0.6)).toEqual([])
})

test('who waits for those that burn, and uses what it always does, has not spiked', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  watch(of(20, 0.3), watcher)
  expect(watch([...of(5, 0.3), ...of(5, 0.36), ...of(5, 0.25)], watcher, 20_000, 1.5)).toEqual([])
  // What burned, held back, before we looked has not risen either.
  expect(watch(of(30, 0.4), new SpikeWatcher(defaultSpikeRule, true), 0, 0.6)).toEqual([])
})

test('a spike that neighbours begin to hold back goes on', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  watch([...of(10, 0.05), ...of(2, 1)], watcher)
  expect(watch(of(4, 0.3), watcher, 12_000, 0.7)).toEqual([])
  expect(watch(of(4, 0.3), watcher, 16_000, 0)).toMatchObject([{ type: 'end' }])
})

test('hovering around the threshold is one spike', () => {
  const hover = Array.from({ length: 100 }, (_, i) => (i % 2 ? 0.7 : 0.95))
  const events = watch([...of(10, 0), ...of(1, 1), ...hover, ...of(5, 0)])
  expect(events.map((event) => event.type)).toEqual(['start', 'end'])
})

test('within the cooldown a second spike is told but not fired; after it, it fires', () => {
  const spike = [...of(2, 1), ...of(3, 0)]
  const watcher = new SpikeWatcher(defaultSpikeRule)
  expect(watch([...of(10, 0), ...spike], watcher).map((event) => event.type)).toEqual(['start', 'end'])
  expect(watch(spike, watcher, 15_000)[0]).toMatchObject({ type: 'suppressed' })
  expect(watch([...of(60, 0), ...spike], watcher, 20_000)[0]?.type).toBe('start')
})

test('what burned before we looked has no edge until it was quiet once', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule, true)
  expect(watch(of(30, 1), watcher)).toEqual([])
  expect(watch([...of(2, 0), ...of(1, 1)], watcher, 30_000)[0]?.type).toBe('start')
})

test('a target that ends in its spike ends the spike', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  watch([...of(10, 0), ...of(2, 1)], watcher)
  expect(watcher.finish(12_100)).toEqual({ type: 'end', endedMs: 12_100 })
  expect(watcher.finish(12_200)).toBeUndefined()
})

/** As the agent would have seen it: how long it waited is known from the second time on that somebody asks. */
function replay(rows: number[][]): SpikeEvent[] {
  const watcher = new SpikeWatcher(defaultSpikeRule, true)
  const events: SpikeEvent[] = []
  let wasAsked = false
  for (const [fromMs = 0, toMs = 0, cores = 0, waiting = 0] of rows) {
    const asks = watcher.asksForWaiting({ fromMs, toMs, cores })
    const event = watcher.observe({ fromMs, toMs, cores, waitingCores: asks && wasAsked ? waiting : undefined })
    wasAsked = asks
    if (event) events.push(event)
  }
  return events
}

test('recorded on a node of two CPUs with a dozen that burn: one more is noticed by a tenth of a core', () => {
  const { burner, ...neighbours } = fullNode.series
  const [start, end, ...more] = replay(burner)
  expect(start).toMatchObject({ type: 'start', cause: 'contention', baselineCores: expect.closeTo(0, 1) })
  if (start?.type !== 'start' || end?.type !== 'end') throw new Error('it has to begin and to end')
  expect(start.cores).toBeCloseTo(0.11, 2)
  expect(start.cores + start.waitingCores).toBeCloseTo(1, 1)
  expect(start.onsetMs).toBeGreaterThan(23_900)
  expect(start.onsetMs).toBeLessThan(24_600)
  expect(start.firedMs).toBeLessThan(end.endedMs)
  expect(end.endedMs).toBe(30_220)
  expect(more).toEqual([])
  for (const [who, rows] of Object.entries(neighbours)) expect(replay(rows), who).toEqual([])
})

test('what one would not call a spike on an idle node is none on a full one, however long it takes there', () => {
  // 400 ms of work, a tenth of a core at a time.
  const events = watch([...of(20, 0.01), ...of(4, 0.1)], new SpikeWatcher(defaultSpikeRule), 0, 0.9)
  expect(events).toEqual([])
  expect(watch([...of(20, 0.01), ...of(6, 0.1)], new SpikeWatcher(defaultSpikeRule), 0, 0.9)).toHaveLength(1)
})

test('who wanted a core of a full node all the time and gets more of it, because a neighbour ended, has not spiked', () => {
  // Of twelve that burn on two CPUs, then of eight, then of five.
  const shares = [...of(70, 0.16), ...of(20, 0.25), ...of(20, 0.4)]
  expect(watch(shares, new SpikeWatcher(defaultSpikeRule, true), 0, 0.8)).toEqual([])
  // One that was met waiting once, by chance.
  const once = new SpikeWatcher(defaultSpikeRule, true)
  expect([...watch(of(30, 0.16), once, 0, 0.2), ...watch(of(6, 0.16), once, 30_000, 0.8)]).toEqual([])
  expect(watch(of(5, 0.4), once, 36_000, 0.6)).toMatchObject([{ type: 'start', cause: 'contention' }])
  // A service that had less to do, and waited for a part of it only.
  const service = new SpikeWatcher(defaultSpikeRule, true)
  expect(watch(of(70, 0.16), service, 0, 0.2)).toEqual([])
  expect(watch(of(5, 0.4), service, 70_000, 0.6)).toMatchObject([{ type: 'start', cause: 'contention' }])
})

test('one that uses what it always does is asked for its waiting every five seconds, an idle one never', () => {
  const askedOf = (cores: number): number => {
    const watcher = new SpikeWatcher(defaultSpikeRule, true)
    let asked = 0
    for (let ms = 0; ms < 60_000; ms += 200) {
      const point = { fromMs: ms, toMs: ms + 200, cores }
      const asks = watcher.asksForWaiting(point)
      watcher.observe({ ...point, waitingCores: asks ? 0 : undefined })
      if (asks) asked++
    }
    return asked
  }
  expect(askedOf(0.3)).toBe(12)
  expect(askedOf(0.02)).toBe(0)
})

test('where nobody can say how long it waited, use has to reach the level by itself', () => {
  const watcher = new SpikeWatcher(defaultSpikeRule)
  for (let ms = 0; ms < 60_000; ms += 200)
    expect(watcher.observe({ fromMs: ms, toMs: ms + 200, cores: ms < 20_000 ? 0.1 : 0.4 })).toBeUndefined()
})

test('a reading of a starved process that shows less than it had ends nothing', () => {
  const uneven = Array.from({ length: 40 }, (_, i) => [0.1, 0.05, 0.15, 0, 0.2][i % 5] as number)
  expect(watch([...of(20, 0.01), ...uneven], new SpikeWatcher(defaultSpikeRule), 0, 0.9)).toMatchObject([
    { type: 'start', cause: 'contention', onsetMs: 20_000 },
  ])
})
