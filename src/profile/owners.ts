// Who had a PID: a number that the kernel gave again within one capture has several owners, and their samples say which.
//
//   {pid=50 owner=1} … {pid=50 owner=2}        a neighbour, as ring/mark-owners.ts counts them in the order of time
//   {pid=10 family=0} … {pid=10 family=10}     the target's own PID: somebody else, then the target (to-profile.ts)
import { int64Reader } from './int64.ts'
import type { Label, Profile } from './profile.ts'
import { labelText } from './roots.ts'
import { countColumn } from './sample-counts.ts'

/** One of those that had the same PID. */
export interface Owner {
  /** Counted in the order of time, from 1. */
  readonly owner: number
  readonly pid: number
  /** As its main thread is called. */
  readonly name: string
  readonly samples: number
  /** Its first and its last sample, milliseconds since the profile's start; absent where it knows no times. */
  readonly fromMs?: number
  readonly toMs?: number
  /** What tells its samples from those of the others. */
  readonly labels: Readonly<Record<string, string>>
  /** It is meant where nobody says which: the target of the capture, else who was sampled most. */
  readonly isMeant: boolean
}

/**
 * True when the agent told the samples of a process, and of the children that it forked during the recording, from those
 * of others that had its PID before or after: `family` is its PID then, and 0 for the others.
 */
export function isMarked({ labelSets }: Profile, pid: number): boolean {
  const text = String(pid)
  return labelSets.some((labels) => {
    const family = labelText(labels, 'family')
    return family === text || (family === '0' && labelText(labels, 'pid') === text)
  })
}

export function findOwner(profile: Profile, pid: number, owner: number): Owner | undefined {
  return ownersByPid(profile)
    .get(pid)
    ?.find((each) => each.owner === owner)
}

/**
 * PIDs that say too little: more than one had them, or somebody else than the target. Nearly always there is none.
 * Oldest owner first.
 */
export function ownersByPid(profile: Profile): ReadonlyMap<number, readonly Owner[]> {
  const marks = marksByPid(profile)
  const owners = new Map<number, readonly Owner[]>()
  if (marks.size === 0) return owners
  for (const [pid, seen] of countMarks(profile, marks)) owners.set(pid, toOwners(profile, pid, seen))
  return owners
}

/** `owner=2` or `family=0`: what tells the owners of a PID apart, on one label set. */
interface Mark {
  readonly set: number
  readonly key: 'owner' | 'family'
  readonly value: string
}

/** Of PIDs only whose marks differ, or that were somebody else's than the target's. */
function marksByPid({ labelSets }: Profile): Map<string, Mark[]> {
  const byPid = new Map<string, Mark[]>()
  labelSets.forEach((labels, set) => {
    const key = numberOf(labels, 'owner') === undefined ? 'family' : 'owner'
    const value = numberOf(labels, key)
    const pid = value === undefined ? undefined : labelText(labels, 'pid')
    if (pid === undefined) return
    const mark: Mark = { set, key, value: String(value) }
    const marks = byPid.get(pid)
    if (marks) marks.push(mark)
    else byPid.set(pid, [mark])
  })
  for (const [pid, marks] of byPid) {
    const { key, value } = marks[0]!
    // A child of the target has its family's number, and a PID that nobody else had.
    const isOneOwner = marks.every((mark) => mark.value === value)
    if (isOneOwner && !(key === 'family' && value === '0')) byPid.delete(pid)
  }
  return byPid
}

/** As the recorder writes them; programs may have text labels of these names that mean something else. */
const numberOf = (labels: readonly Label[], key: string): bigint | undefined =>
  labels.find((label) => label.key === key)?.num

interface Seen {
  readonly mark: Mark
  name: string
  isNamedByMain: boolean
  samples: number
  ofFamily: number
  fromMs: number
  toMs: number
}

function countMarks(profile: Profile, marksOf: ReadonlyMap<string, readonly Mark[]>): Map<number, Seen[]> {
  const { samples, labelSets } = profile
  const found = new Map<number, Seen[]>()
  const seenOf: (Seen | undefined)[] = []
  /** Per label set of these: the process has its family's number, as the target itself has. */
  const isHead: boolean[] = []
  for (const [pid, marks] of marksOf) {
    const seen = new Map<string, Seen>()
    for (const mark of marks) {
      const { set } = mark
      const each = seen.get(mark.value) ?? fresh(mark)
      seen.set(mark.value, each)
      seenOf[set] = each
      const labels = labelSets[set] ?? []
      isHead[set] = labelText(labels, 'family') === pid
      const isMain = labelText(labels, 'tid') === pid
      if (each.name !== '' && (each.isNamedByMain || !isMain)) continue
      each.name = labelText(labels, 'process') ?? labelText(labels, 'comm') ?? labelText(labels, 'thread') ?? ''
      each.isNamedByMain = isMain
    }
    found.set(Number(pid), [...seen.values()])
  }
  const counts = countColumn(profile)
  const countOf = counts ? int64Reader(counts) : () => 1
  for (let sample = 0; sample < samples.length; sample++) {
    const set = samples.labels[sample] as number
    const each = seenOf[set]
    if (!each) continue
    const count = countOf(sample)
    each.samples += count
    if (isHead[set]) each.ofFamily += count
    const atMs = samples.offsetMs?.[sample]
    if (atMs === undefined) continue
    each.fromMs = Math.min(each.fromMs, atMs)
    each.toMs = Math.max(each.toMs, atMs)
  }
  return found
}

const fresh = (mark: Mark): Seen => ({
  mark,
  name: '',
  isNamedByMain: false,
  samples: 0,
  ofFamily: 0,
  fromMs: Number.POSITIVE_INFINITY,
  toMs: Number.NEGATIVE_INFINITY,
})

function toOwners(profile: Profile, pid: number, seen: readonly Seen[]): Owner[] {
  const isTargets = isMarked(profile, pid)
  const by = (each: Seen): number => (isTargets ? each.ofFamily : each.samples)
  const most = Math.max(...seen.map(by))
  const meant = most > 0 ? seen.find((each) => by(each) === most) : undefined
  // Marked by the family they are counted here, in the order of time; where there is none, as they stand.
  const inOrder = [...seen].sort((a, b) =>
    a.mark.key === 'owner' ? Number(a.mark.value) - Number(b.mark.value) : a.fromMs - b.fromMs || 0,
  )
  return inOrder.map((each, at) => ({
    owner: each.mark.key === 'owner' ? Number(each.mark.value) : at + 1,
    pid,
    name: each.name,
    samples: each.samples,
    ...(Number.isFinite(each.fromMs) && { fromMs: each.fromMs, toMs: each.toMs }),
    labels: { pid: String(pid), [each.mark.key]: each.mark.value },
    isMeant: each === meant,
  }))
}

/** `1 (old, 12 samples, 03:04:05Z to 03:04:08Z), 2 (new, 7 samples, …)` @param nameOf what stands for the number */
export function printOwners(
  { timeNanos }: Pick<Profile, 'timeNanos'>,
  owners: readonly Owner[],
  nameOf: (owner: Owner) => string = ({ owner }) => String(owner),
): string {
  const startMs = Number(timeNanos) / 1e6
  const clock = (ms: number): string => `${new Date(startMs + ms).toISOString().slice(11, 19)}Z`
  return owners
    .map((each) => {
      const { name, samples, fromMs, toMs } = each
      const count = `${samples} ${samples === 1 ? 'sample' : 'samples'}`
      const times = timeNanos > 0n && fromMs !== undefined ? `, ${clock(fromMs)} to ${clock(toMs ?? fromMs)}` : ''
      return `${nameOf(each)} (${name ? `${name}, ` : ''}${count}${times})`
    })
    .join(', ')
}
