// From a recorded profile to the answers of the API: whose samples, of which time, compared with what. Pure; runs in a
// worker because a profile of a large node takes longer than others should wait.
import type { FlameAnswer, ThreadsAnswer, TopAnswer } from '../api/shapes.ts'
import { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { buildCallTree, diffTrees } from '../profile/call-tree.ts'
import { int64Reader } from '../profile/int64.ts'
import type { Profile } from '../profile/profile.ts'
import { labelText } from '../profile/roots.ts'
import { type SampleFilter, sampleTest, selectSamples } from '../profile/select.ts'
import { topFunctions } from '../profile/top.ts'
import type { TimeRange } from './ranges.ts'

/** Whose samples: the incident's target, one process or thread of its node, or all of them. */
export type Who =
  | { readonly kind: 'target'; readonly target: Target }
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'thread'; readonly pid?: number; readonly tid: number }
  | { readonly kind: 'all' }

export interface ViewRequest {
  readonly captureId: string
  readonly artifactId: string
  readonly who: Who
  readonly range: TimeRange
  /** The other side of a diff. */
  readonly baseRange?: TimeRange
}

/** @throws Failure EMPTY */
export function flameView(profile: Profile, request: ViewRequest): FlameAnswer {
  const { tree, ...provenance } = viewTree(profile, request)
  return {
    ...provenance,
    tree: {
      frames: { name: [...tree.frames.name], module: [...tree.frames.module], kind: [...tree.frames.kind] },
      unit: tree.unit,
      frame: [...tree.frame],
      parent: [...tree.parent],
      depth: [...tree.depth],
      end: [...tree.end],
      self: [...tree.self],
      total: [...tree.total],
      ...(tree.base && { base: { self: [...tree.base.self], total: [...tree.base.total] } }),
    },
  }
}

/** The call tree with where it comes from. @throws Failure EMPTY */
export function viewTree(profile: Profile, request: ViewRequest) {
  const during = side(profile, request, request.range)
  requireSamples(during, profile, request)
  const rootBy = request.who.kind === 'all' ? 'process' : 'none'
  const tree = buildCallTree(profile, { filter: during.filter, rootBy })
  const base = baseSide(profile, request)
  return {
    ...provenanceOf(profile, request, during),
    ...(base && { baseSamples: base.samples, baseValue: base.value * base.scale }),
    tree: base
      ? diffTrees(buildCallTree(profile, { filter: base.filter, rootBy }), tree, { baseScale: base.scale })
      : tree,
  }
}

/** @throws Failure EMPTY */
export function topView(profile: Profile, request: ViewRequest, limit: number): TopAnswer {
  const during = side(profile, request, request.range)
  requireSamples(during, profile, request)
  const base = baseSide(profile, request)
  const before = new Map(
    base ? topFunctions(profile, { filter: base.filter }).functions.map((row) => [row.function, row]) : [],
  )
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
  const { functions, total } = topFunctions(profile, { filter: during.filter })
  return {
    ...provenanceOf(profile, request, during),
    ...(base && { baseSamples: base.samples, baseValue: base.value * base.scale }),
    rows: functions.slice(0, limit).map((row) => {
      const earlier = before.get(row.function)
      return {
        function: row.function,
        ...(row.module ? { module: row.module } : {}),
        self: row.self,
        total: row.total,
        selfShare: share(row.self, total),
        totalShare: share(row.total, total),
        ...(base && {
          baseSelfShare: share(earlier?.self ?? 0, base.value),
          baseTotalShare: share(earlier?.total ?? 0, base.value),
        }),
      }
    }),
  }
}

/** Threads of the whole node, to pick from. @throws Failure EMPTY */
export function threadsView(profile: Profile, request: ViewRequest, target: Target): ThreadsAnswer {
  const everyone: ViewRequest = { ...request, who: { kind: 'all' } }
  const during = side(profile, everyone, request.range)
  requireSamples(during, profile, everyone)
  const base = baseSide(profile, everyone)
  const isTarget = sampleLabelTest(profile, { kind: 'target', target })
  const rows = new Map<string, ThreadsAnswer['rows'][number]>()
  const readValue = int64Reader(profile.samples.values[profile.defaultType] as BigInt64Array)
  for (let sample = 0; sample < profile.samples.length; sample++) {
    const isDuring = during.filter(sample)
    const isBefore = base?.filter(sample) ?? false
    if (!isDuring && !isBefore) continue
    const set = profile.samples.labels[sample] as number
    const labels = profile.labelSets[set] ?? []
    const pid = Number(labelText(labels, 'pid') ?? Number.NaN)
    if (Number.isNaN(pid)) continue // a profile of one process, which has nothing to pick from
    const tid = Number(labelText(labels, 'tid') ?? pid)
    const cgroup = labelText(labels, 'cgroup')
    // A PID is used again: two containers, or two processes, may have had it within one recording.
    const owner = `${labelText(labels, 'family') ?? ''}/${labelText(labels, 'owner') ?? ''}`
    const key = `${pid}/${tid}/${cgroup ?? ''}/${owner}`
    let row = rows.get(key)
    if (!row) {
      const comm = labelText(labels, 'comm') ?? ''
      row = {
        pid,
        tid,
        comm,
        thread: labelText(labels, 'thread') ?? comm,
        ...(cgroup === undefined ? {} : { cgroup }),
        samples: 0,
        value: 0,
        ...(base && { baseValue: 0 }),
        isTarget: isTarget(set),
      }
      rows.set(key, row)
    }
    if (isDuring) {
      row.samples++
      row.value += readValue(sample)
    }
    if (isBefore && base) row.baseValue = (row.baseValue ?? 0) + readValue(sample) * base.scale
  }
  return {
    ...provenanceOf(profile, request, during),
    ...(base && { baseSamples: base.samples, baseValue: base.value * base.scale }),
    rows: [...rows.values()].sort((a, b) => b.value - a.value || a.pid - b.pid || a.tid - b.tid),
  }
}

/** The samples of the view as a profile of their own. @throws Failure EMPTY */
export function viewProfile(profile: Profile, request: ViewRequest): Profile {
  requireSamples(side(profile, request, request.range), profile, request)
  return selectSamples(profile, sampleFilter(profile, request.who, request.range))
}

interface Side {
  readonly filter: (sample: number) => boolean
  readonly samples: number
  readonly value: number
}

function side(profile: Profile, request: ViewRequest, range: TimeRange): Side {
  const filter = sampleTest(profile, sampleFilter(profile, request.who, range))
  const readValue = int64Reader(profile.samples.values[profile.defaultType] as BigInt64Array)
  const counts = profile.sampleTypes.findIndex(({ type, unit }) => type === 'samples' && unit === 'count')
  const readCount = counts < 0 ? () => 1 : int64Reader(profile.samples.values[counts] as BigInt64Array)
  let samples = 0
  let value = 0
  for (let sample = 0; sample < profile.samples.length; sample++) {
    if (!filter(sample)) continue
    samples += readCount(sample)
    value += readValue(sample)
  }
  return { filter, samples, value }
}

/** `scale` is what a value of the baseline is worth when both sides are made equally long. */
function baseSide(profile: Profile, request: ViewRequest): (Side & { readonly scale: number }) | undefined {
  const { range, baseRange } = request
  if (!baseRange || !profile.samples.offsetMs) return undefined
  const scale = (range.toMs - range.fromMs) / (baseRange.toMs - baseRange.fromMs)
  return { ...side(profile, request, baseRange), scale }
}

function requireSamples({ samples }: Side, profile: Profile, request: ViewRequest): void {
  if (samples > 0) return
  const whose = request.who.kind === 'all' ? 'anything' : `the ${request.who.kind}`
  throw new Failure(
    'EMPTY',
    `no sample of ${whose} in this range; the whole recording has ${profile.samples.length} of everything on the node`,
  )
}

function provenanceOf(profile: Profile, request: ViewRequest, { samples, value }: Side) {
  const { captureId, artifactId, range, baseRange } = request
  const { type, unit } = profile.sampleTypes[profile.defaultType] ?? { type: '', unit: '' }
  return {
    captureId,
    artifactId,
    range,
    ...(baseRange && profile.samples.offsetMs ? { baseRange } : {}),
    sampleType: { type, unit },
    samples,
    value,
    losses: [...profile.losses],
  }
}

/** A profile that does not know when its samples were taken counts as a whole. */
function sampleFilter(profile: Profile, who: Who, range: TimeRange): SampleFilter {
  const labels = whoLabels(profile, who)
  if (!profile.samples.offsetMs) return { labels }
  const startMs = Number(profile.timeNanos) / 1e6
  return { labels, fromMs: range.fromMs - startMs, toMs: range.toMs - startMs }
}

type LabelFilter = NonNullable<SampleFilter['labels']>

/** A profile without pids, such as one that the target made of itself, is the target's. */
function whoLabels(profile: Profile, who: Who): LabelFilter {
  switch (who.kind) {
    case 'all':
      return {}
    case 'process':
      return processLabels(profile, who.pid)
    case 'thread':
      return { ...(who.pid === undefined ? {} : processLabels(profile, who.pid)), tid: String(who.tid) }
    case 'target': {
      if (!profile.labelSets.some((labels) => labels.some(({ key }) => key === 'pid'))) return {}
      const { kind, pid, cgroup, containerId } = who.target
      if (kind === 'node') return {}
      if (kind === 'process' && pid !== undefined) {
        return isMarked(profile, pid) ? { family: String(pid) } : { pid: String(pid) }
      }
      // By its id, whatever hierarchy the path is of. A container's processes may make groups below its own.
      if (containerId) return { cgroup: new RegExp(`(^|[/:-])${escapePattern(containerId)}(\\.scope)?(/|$)`) }
      if (cgroup) return { cgroup: new RegExp(`^${escapePattern(cgroup)}(/|$)`) }
      // Nothing says which samples are of it: none, rather than those of everybody.
      return { pid: pid === undefined ? [] : String(pid) }
    }
  }
}

/**
 * True when the agent told the samples of a process, and of the children that it forked during the recording, from those
 * of others that had its PID before or after: `family` is its PID then, and 0 for the others.
 */
function isMarked(profile: Profile, pid: number): boolean {
  const text = String(pid)
  return profile.labelSets.some((labels) => {
    const family = labelText(labels, 'family')
    return family === text || (family === '0' && labelText(labels, 'pid') === text)
  })
}

/**
 * One process, and not who had its number besides: the one that the capture was of, of a neighbour's number that was given
 * again (`owner` of ring/mark-owners.ts) the one that was sampled most.
 */
function processLabels(profile: Profile, pid: number): LabelFilter {
  const own = { pid: String(pid) }
  if (isMarked(profile, pid)) return { ...own, family: String(pid) }
  const owner = busiestOwner(profile, own.pid)
  return owner === undefined ? own : { ...own, owner }
}

function busiestOwner({ labelSets, samples }: Profile, pid: string): string | undefined {
  const owners = labelSets.map((labels) => (labelText(labels, 'pid') === pid ? labelText(labels, 'owner') : undefined))
  if (owners.every((owner) => owner === undefined)) return undefined
  const counts = new Map<string, number>()
  for (const set of samples.labels) {
    const owner = owners[set]
    if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}

/** Whether a label set belongs to `who`. */
function sampleLabelTest(profile: Profile, who: Who): (set: number) => boolean {
  const wanted = Object.entries(whoLabels(profile, who))
  const matches = profile.labelSets.map((labels) =>
    wanted.every(([key, want]) => {
      const text = labelText(labels, key)
      return text !== undefined && (want instanceof RegExp ? want.test(text) : want === text)
    }),
  )
  return (set) => matches[set] ?? false
}

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
