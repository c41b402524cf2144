// From a profile of the whole machine to what one view shows: whose samples, when, through which functions.

import type { Target } from '../model/target.ts'
import { buildCallTree, type CallTree, diffTrees } from '../profile/call-tree.ts'
import { int64Reader } from '../profile/int64.ts'
import { type Owner, ownersByPid } from '../profile/owners.ts'
import type { Profile } from '../profile/profile.ts'
import { labelText } from '../profile/roots.ts'
import { samplesOfRow } from '../profile/sample-counts.ts'
import { labelTest, type SampleFilter, sampleTest } from '../profile/select.ts'
import { type LabelFilter, whoseLabels } from '../profile/whose.ts'
import type { Who } from './view-state.ts'

/** Milliseconds since the epoch, `fromMs` inclusive. */
export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

export interface SliceRequest {
  readonly during: TimeRange
  /** The baseline; absent: there is none, and no diff. */
  readonly before?: TimeRange
  readonly who: Who
  readonly target: Target
  /** Only stacks through this function, by its exact name. */
  readonly focus?: string
  /** No stacks through these functions. */
  readonly ignore: readonly string[]
}

export interface Slice {
  /** With `base`, scaled to the length of `during`, where there is a baseline. */
  readonly tree: CallTree
  readonly duringMs: number
  readonly beforeMs: number | undefined
  readonly samples: number
  readonly beforeSamples: number
  /** Value of one sample, to judge significance. */
  readonly perSample: number
  /** What baseline values were multiplied with. */
  readonly baseFactor: number
  /** Of the total, what processes had that the target forked: its own usage, as the chart shows it, is without them. */
  readonly ofChildren: number
  /** CPU of everybody on the node, by the clock; else what a program or the kernel told of one process. */
  readonly isOfNode: boolean
}

/** What the page needs to know of a profile before it shows anything. */
export interface ProfileInfo {
  readonly startMs: number
  readonly endMs: number
  readonly samples: number
  readonly unit: string
  readonly type: string
  readonly comments: readonly string[]
  readonly losses: Profile['losses']
  /** False for profiles that do not know when a sample was taken: time cannot be chosen then. */
  readonly hasTimes: boolean
}

export function profileInfo(profile: Profile): ProfileInfo {
  const startMs = Number(profile.timeNanos) / 1e6
  const type = profile.sampleTypes[profile.defaultType]
  return {
    startMs,
    endMs: startMs + Number(profile.durationNanos) / 1e6,
    samples: profile.samples.length,
    unit: type?.unit ?? '',
    type: type?.type ?? '',
    comments: profile.comments,
    losses: profile.losses,
    hasTimes: hasClock(profile),
  }
}

export function sliceProfile(profile: Profile, request: SliceRequest): Slice {
  const { during, before } = request
  const after = oneSide(profile, request, during)
  const isOfNode = hasPids(profile)
  // A profile that does not know the time is of all its time, whatever is brushed.
  const duringMs = hasClock(profile)
    ? during.toMs - during.fromMs
    : Number(profile.durationNanos) / 1e6 || during.toMs - during.fromMs
  const whole = after.tree.total[0] ?? 0
  const perSample = after.samples > 0 ? whole / after.samples : Number(profile.period) || 1
  const shown = { ...after, duringMs, perSample, isOfNode }
  if (!before || before.toMs <= before.fromMs || !hasClock(profile)) {
    return { ...shown, beforeMs: undefined, beforeSamples: 0, baseFactor: 1 }
  }
  const beforeMs = before.toMs - before.fromMs
  const baseFactor = duringMs / beforeMs
  const base = oneSide(profile, request, before)
  return {
    ...shown,
    tree: diffTrees(base.tree, after.tree, { baseScale: baseFactor }),
    beforeMs,
    beforeSamples: base.samples,
    baseFactor,
  }
}

/** False for times that only count from the beginning, as V8's do. */
const hasClock = ({ samples, timeNanos }: Profile): boolean => samples.offsetMs !== undefined && timeNanos > 0n

/** A profile without PIDs is one that the target made of itself. */
const hasPids = ({ labelSets }: Profile): boolean => labelSets.some((set) => set.some(({ key }) => key === 'pid'))

function oneSide(
  profile: Profile,
  request: SliceRequest,
  range: TimeRange,
): Pick<Slice, 'tree' | 'samples' | 'ofChildren'> {
  const isWanted = sampleTest(profile, sampleFilter(profile, request, range))
  const isInStack = stackTest(profile, request)
  const isOfChild = childTest(profile, request)
  const countOf = samplesOfRow(profile)
  const readValue = valueReader(profile)
  let samples = 0
  let ofChildren = 0
  const filter = (sample: number): boolean => {
    const isTaken = isWanted(sample) && isInStack(sample)
    if (isTaken) samples += countOf(sample)
    if (isTaken && isOfChild(sample)) ofChildren += readValue(sample)
    return isTaken
  }
  const rootBy = request.who.kind === 'all' ? 'process' : 'none'
  const tree = buildCallTree(profile, { filter, rootBy })
  return { tree, samples, ofChildren }
}

/** Of samples of the target. A container is measured as a whole; a process alone, while its samples are those of its family. */
function childTest({ labelSets, samples }: Profile, { who, target }: SliceRequest): (sample: number) => boolean {
  if (who.kind !== 'target' || target.kind !== 'process') return () => false
  const own = String(target.pid)
  const isOfChild = labelSets.map((labels) => (labelText(labels, 'pid') ?? own) !== own)
  return (sample) => isOfChild[samples.labels[sample]!]!
}

const valueReader = ({ samples, defaultType }: Profile): ((sample: number) => number) =>
  int64Reader(samples.values[defaultType] ?? new BigInt64Array(samples.length))

function sampleFilter(profile: Profile, request: SliceRequest, range: TimeRange): SampleFilter {
  const labels = hasPids(profile) ? labelsOf(profile, request.who, request.target) : {}
  if (!hasClock(profile)) return { labels }
  const startMs = Number(profile.timeNanos) / 1e6
  return { labels, fromMs: range.fromMs - startMs, toMs: range.toMs - startMs }
}

/** The answer for the same question of the API. */
const labelsOf = (profile: Profile, who: Who, target: Target): LabelFilter =>
  whoseLabels(profile, who.kind === 'target' ? { kind: 'target', target } : who)

/** Focus and ignore by exact function name, unlike the patterns of `SampleFilter`, which also match file names. */
function stackTest(profile: Profile, { focus, ignore }: SliceRequest): (sample: number) => boolean {
  if (!focus && ignore.length === 0) return () => true
  const focusMarks = focus === undefined ? undefined : stacksThrough(profile, [focus])
  const ignoreMarks = ignore.length === 0 ? undefined : stacksThrough(profile, ignore)
  const { stack } = profile.samples
  return (sample) =>
    (focusMarks === undefined || focusMarks[stack[sample]!] === 1) &&
    (ignoreMarks === undefined || ignoreMarks[stack[sample]!] === 0)
}

function stacksThrough(
  { functions, locations, lines, stacks, strings }: Profile,
  names: readonly string[],
): Uint8Array {
  const isNamed = Array.from({ length: functions.length }, (_, fn) => names.includes(strings.get(functions.name[fn]!)))
  const byLocation = new Uint8Array(locations.length)
  for (let location = 0; location < locations.length; location++) {
    for (let line = locations.lineOffsets[location]!; line < locations.lineOffsets[location + 1]!; line++) {
      if (isNamed[lines.function[line]!]) byLocation[location] = 1
    }
  }
  const marks = new Uint8Array(stacks.length)
  for (let stack = 0; stack < stacks.length; stack++) {
    for (let at = stacks.offsets[stack]!; at < stacks.offsets[stack + 1]!; at++) {
      if (byLocation[stacks.locations[at]!] === 1) marks[stack] = 1
    }
  }
  return marks
}

export interface ThreadRow {
  readonly pid: number
  readonly tid: number
  /** Name of the thread. */
  readonly name: string
  /** In the profile's unit. */
  readonly during: number
  /** Scaled to the length of `during`; undefined without a baseline. */
  readonly before: number | undefined
}

export interface ProcessRow {
  readonly pid: number
  /** Where the PID was given again within the capture: which of its owners this is. */
  readonly owner?: Pick<Owner, 'owner' | 'isMeant'> & { readonly of: number }
  readonly name: string
  readonly during: number
  readonly before: number | undefined
  /** Heaviest first. */
  readonly threads: readonly ThreadRow[]
  readonly isTarget: boolean
}

/** Who was on a CPU, heaviest first: all processes with their threads. */
export function listProcesses(
  profile: Profile,
  request: Pick<SliceRequest, 'during' | 'before' | 'target'>,
): ProcessRow[] {
  const during = sumByLabelSet(profile, request.during)
  const hasBase = request.before !== undefined && hasClock(profile)
  const before = hasBase ? sumByLabelSet(profile, request.before!) : undefined
  const factor = hasBase
    ? (request.during.toMs - request.during.fromMs) / (request.before!.toMs - request.before!.fromMs)
    : 1
  const wanted = labelsOf(profile, { kind: 'target' }, request.target)
  const isOfTarget = Object.keys(wanted).length > 0 ? labelTest(wanted) : () => false
  const ownersOf = ownersByPid(profile)
  const processes = new Map<string, Omit<ProcessRow, 'threads'> & { threads: Map<number, ThreadRow> }>()
  profile.labelSets.forEach((labels, set) => {
    const [after, base] = [during[set]!, before ? before[set]! * factor : undefined]
    if (after === 0 && !base) return
    const pid = Number(labelText(labels, 'pid') ?? Number.NaN)
    if (Number.isNaN(pid)) return
    const tid = Number(labelText(labels, 'tid') ?? pid)
    const threadName = labelText(labels, 'thread') ?? labelText(labels, 'comm') ?? ''
    const name = labelText(labels, 'process') ?? threadName
    const owners = ownersOf.get(pid) ?? []
    const owner = owners.find((each) => labelTest(each.labels)(labels))
    const key = `${pid} ${owner?.owner ?? ''}`
    const process = processes.get(key) ?? {
      pid,
      ...(owner && { owner: { owner: owner.owner, isMeant: owner.isMeant, of: owners.length } }),
      name,
      during: 0,
      before: before && 0,
      threads: new Map(),
      isTarget: isOfTarget(labels),
    }
    const thread = process.threads.get(tid) ?? { pid, tid, name: threadName, during: 0, before: before && 0 }
    process.threads.set(tid, addTo(thread, after, base))
    processes.set(key, addTo({ ...process, name: tid === pid ? name : process.name }, after, base))
  })
  return [...processes.values()]
    .map((row) => ({ ...row, threads: [...row.threads.values()].sort((a, b) => b.during - a.during) }))
    .sort((a, b) => b.during - a.during)
}

const addTo = <T extends { during: number; before: number | undefined }>(row: T, after: number, base?: number): T => ({
  ...row,
  during: row.during + after,
  before: row.before === undefined ? undefined : row.before + (base ?? 0),
})

function sumByLabelSet(profile: Profile, range: TimeRange): Float64Array {
  const { samples } = profile
  const startMs = Number(profile.timeNanos) / 1e6
  const [from, to] = [range.fromMs - startMs, range.toMs - startMs]
  const sums = new Float64Array(profile.labelSets.length)
  const read = valueReader(profile)
  for (let sample = 0; sample < samples.length; sample++) {
    const at = samples.offsetMs?.[sample]
    if (at !== undefined && !(at >= from && at < to)) continue
    sums[samples.labels[sample]!]! += read(sample)
  }
  return sums
}
