// From a recorded profile to the answers of the API: whose samples, of which time, compared with what. Pure; runs in a
// worker because a profile of a large node takes longer than others should wait.
import type { FlameAnswer, ThreadsAnswer, TopAnswer } from '../api/shapes.ts'
import { Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { buildCallTree, diffTrees } from '../profile/call-tree.ts'
import { int64Reader } from '../profile/int64.ts'
import { ownersByPid, printOwners } from '../profile/owners.ts'
import type { Profile } from '../profile/profile.ts'
import { labelText } from '../profile/roots.ts'
import { sampleCount, samplesOfRow } from '../profile/sample-counts.ts'
import { labelTest, type SampleFilter, sampleTest, selectSamples } from '../profile/select.ts'
import { topFunctions } from '../profile/top.ts'
import { type Whose, whoseLabels } from '../profile/whose.ts'
import type { TimeRange } from './ranges.ts'

export interface ViewRequest {
  readonly captureId: string
  readonly artifactId: string
  readonly who: Whose
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
  const ownersOf = ownersByPid(profile)
  const rows = new Map<string, ThreadsAnswer['rows'][number]>()
  const readCount = samplesOfRow(profile)
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
    const marks = `${labelText(labels, 'family') ?? ''}/${labelText(labels, 'owner') ?? ''}`
    const key = `${pid}/${tid}/${cgroup ?? ''}/${marks}`
    let row = rows.get(key)
    if (!row) {
      const comm = labelText(labels, 'comm') ?? ''
      const owner = ownersOf.get(pid)?.find((each) => labelTest(each.labels)(labels))?.owner
      row = {
        pid,
        ...(owner === undefined ? {} : { owner }),
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
      row.samples += readCount(sample)
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
  const readCount = samplesOfRow(profile)
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

/** @throws Failure EMPTY, BAD_REQUEST where nobody is meant */
function requireSamples({ samples }: Side, profile: Profile, { who }: ViewRequest): void {
  if (samples > 0) return
  const { pid, owner }: { pid?: number | undefined; owner?: number | undefined } =
    who.kind === 'process' || who.kind === 'thread' ? who : {}
  const owners = (pid === undefined ? undefined : ownersByPid(profile).get(pid)) ?? []
  const hadBy = owners.length > 0 ? `owners of PID ${pid}: ${printOwners(profile, owners)}` : ''
  if (owner !== undefined && !owners.some((each) => each.owner === owner)) {
    throw new Failure(
      'BAD_REQUEST',
      hadBy
        ? `query owner: ${owner} is none of the ${hadBy}`
        : `query owner: PID ${pid} was not given again in this capture, so there are no owners to choose from`,
    )
  }
  const whose = who.kind === 'all' ? 'anything' : `the ${who.kind}`
  throw new Failure(
    'EMPTY',
    `no sample of ${whose} in this range; the whole recording has ${sampleCount(profile) ?? profile.samples.length} of everything on the node${hadBy && `; ${hadBy}`}`,
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
function sampleFilter(profile: Profile, who: Whose, range: TimeRange): SampleFilter {
  const labels = whoseLabels(profile, who)
  if (!profile.samples.offsetMs) return { labels }
  const startMs = Number(profile.timeNanos) / 1e6
  return { labels, fromMs: range.fromMs - startMs, toMs: range.toMs - startMs }
}

/** Whether a label set belongs to `who`. */
function sampleLabelTest(profile: Profile, who: Whose): (set: number) => boolean {
  const test = labelTest(whoseLabels(profile, who))
  const matches = profile.labelSets.map(test)
  return (set) => matches[set] ?? false
}
