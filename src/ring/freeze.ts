// Cuts a span out of the streams and makes the capture's files of it.
import { gzipSync } from 'node:zlib'
import type { CpuEvent } from '../capture/perf.ts'
import type { Quality } from '../model/capture.ts'
import { joinProfiles } from '../profile/join.ts'
import { ForkLog } from '../profile/perf-data/fork-log.ts'
import type { ToProfileOptions } from '../profile/perf-data/to-profile.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import type { Profile } from '../profile/profile.ts'
import { assignSpans, type Span } from './coverage.ts'
import { markOwners, type TimedProfile } from './mark-owners.ts'
import { type FreezeRequest, type Frozen, onlyRing } from './recorder.ts'
import type { SampleStream } from './sample-stream.ts'

/** Moments are told apart to this; a tenth of a second is finer than the usage chart beside it. */
const slotMs = 100
/** Shorter gaps are the seam between two streams, not a hole in the evidence: one sample at 49 Hz. */
const seamNs = 25e6

const notAnswered = 'perf did not answer in time: the node gives it no CPU'

export interface FreezeSources {
  readonly deep: readonly SampleStream[]
  readonly ring: readonly SampleStream[]
  readonly eventFallback: boolean
  readonly notes: readonly string[]
}

export function freezeStreams({ deep, ring, eventFallback, notes }: FreezeSources, request: FreezeRequest): Frozen {
  const { wallOffsetMs } = request
  const toNs = (ms: number): number => (ms - wallOffsetMs) * 1e6
  const toMs = (ns: number): number => ns / 1e6 + wallOffsetMs
  const wanted: Span = { fromNs: toNs(request.fromMs), toNs: toNs(request.toMs) }
  // Before the recorder was there is no gap but a shorter look-back.
  const firstNs = Math.min(...[...ring, ...deep].map((stream) => stream.fromNs))
  const beginNs = Math.min(wanted.toNs, Math.max(wanted.fromNs, firstNs))
  const { assigned, gaps } = assignSpans({ ...wanted, fromNs: beginNs }, [...deep, ...ring])
  const forks = ForkLog.merge([...deep, ...ring].map((stream) => stream.forks))
  const family = request.family && familyOf(forks, request.family, { wanted, toNs })
  const timed: TimedProfile[] = []
  const perfData: Frozen['perfData'][number][] = []
  for (const { fromNs, toNs: untilNs, source } of assigned) {
    const part = source.profile({ fromNs, toNs: untilNs }, wallOffsetMs, family)
    if (!part) continue
    timed.push({ profile: part, fromNs })
    const bytes = source.perfData(fromNs, untilNs)
    if (bytes) perfData.push({ hz: source.hz, fromMs: toMs(fromNs), bytes })
  }
  const parts = markOwners(timed, forks)
  const holes = gaps.filter((gap) => gap.toNs - gap.fromNs > seamNs)
  const firstDeep = assigned.find((each) => deep.includes(each.source))
  const died = [...deep, ...ring].find((stream) => stream.failure && stream.toNs > beginNs)?.failure
  // Alive, and not read to the end: what is missing is still in its rings.
  const late = [...deep, ...ring].find((stream) => !stream.isEnded && stream.toNs < wanted.toNs)
  const event: CpuEvent = (assigned[0]?.source ?? ring[0])?.event ?? 'cpu-clock'
  const quality: Quality = {
    samples: parts.reduce((sum, part) => sum + part.samples.length, 0),
    lostSamples: sumLosses(parts, 'lost by the kernel'),
    truncatedStacks: sumLosses(parts, 'stack was cut'),
    unsymbolizedShare: unsymbolizedShare(parts),
    event,
    eventFallback,
    gaps: holes.map((gap) => ({
      fromMs: toMs(gap.fromNs),
      toMs: toMs(gap.toNs),
      reason: died?.message ?? (late && gap.fromNs >= late.toNs ? notAnswered : 'perf was not recording'),
    })),
    notes: [
      ...notes,
      ...(beginNs > wanted.fromNs + 1e9
        ? [
            `the look-back is ${Math.round((beginNs - wanted.fromNs) / 1e9)} s shorter than asked: the recorder holds no more`,
          ]
        : []),
    ],
  }
  const neverDeep = deep.find((stream) => stream.failure && stream.samples === 0)?.failure
  const partial =
    died?.message ??
    (neverDeep && onlyRing(neverDeep.message)) ??
    (holes.length > 0 ? (late ? notAnswered : 'perf was not recording all the time') : undefined)
  const joined = parts.length > 0 ? joinProfiles(parts, { slotMs }) : undefined
  const pprof = joined
    ? gzipSync(encodePprof({ ...joined, comments: request.comments }), { level: 6 })
    : new Uint8Array()
  return {
    pprof,
    perfData,
    quality,
    samples: quality.samples,
    fromMs: toMs(beginNs),
    toMs: request.toMs,
    boundaryMs: firstDeep && toMs(firstDeep.fromNs),
    deepHz: firstDeep?.source.hz,
    partial,
  }
}

/** By all streams together: a child may have been forked, or its PID been somebody else's, before the deep one began. */
function familyOf(
  forks: ForkLog,
  { pid, startedMs }: NonNullable<FreezeRequest['family']>,
  { wanted, toNs }: { wanted: Span; toNs(ms: number): number },
): NonNullable<ToProfileOptions['family']> {
  const startNs = startedMs === undefined ? undefined : toNs(startedMs)
  return { of: pid, has: forks.family({ pid, startNs }, wanted.fromNs) }
}

function sumLosses(parts: readonly Profile[], text: string): number {
  let sum = 0
  for (const { losses } of parts) for (const { what, count } of losses) if (what.includes(text)) sum += count
  return sum
}

/** Share of frames, counted as often as they were sampled, that have no function. */
function unsymbolizedShare(parts: readonly Profile[]): number {
  let frames = 0
  let unnamed = 0
  for (const { samples, stacks, locations } of parts) {
    for (let i = 0; i < samples.length; i++) {
      const stack = samples.stack[i] as number
      for (let at = stacks.offsets[stack] as number; at < (stacks.offsets[stack + 1] as number); at++) {
        const location = stacks.locations[at] as number
        frames++
        if (locations.lineOffsets[location] === locations.lineOffsets[location + 1]) unnamed++
      }
    }
  }
  return frames === 0 ? 0 : unnamed / frames
}
