// Tells apart who had the same PID within one capture, for the views of processes beside the target: where the kernel gave
// a number again, samples of each owner get the label `owner`, counted in the order of time.
//
//   FORK(200:200) at 3 s          samples of 200 before: owner 1, after: owner 2
//
// The target itself is told by `family`, which knows its children too (to-profile.ts). Nearly always there is nothing to
// mark, and profiles stay as they are.
import type { ForkLog } from '../profile/perf-data/fork-log.ts'
import type { Label, Profile } from '../profile/profile.ts'

/** One piece of a capture. */
export interface TimedProfile {
  readonly profile: Profile
  /** The moment that its `offsetMs` count from, on the clock of the forks. */
  readonly fromNs: number
}

/** Two recordings tell of one fork some microseconds apart, and the kernel does not give a number again so soon. */
const sameForkNs = 1e6

/** @param forks by all recordings together */
export function markOwners(parts: readonly TimedProfile[], forks: ForkLog): Profile[] {
  const ownersOf = findOwners(parts, forks)
  return parts.map((part) => (ownersOf.size === 0 ? part.profile : marked(part, forks, ownersOf)))
}

/** By PID that was given again: when each of its owners began, oldest first; 0 for one that was there before. */
function findOwners(parts: readonly TimedProfile[], forks: ForkLog): Map<number, number[]> {
  const begins = new Map<number, Set<number>>()
  for (const part of parts) {
    eachForked(part, forks, (_, pid, beganNs) => {
      const known = begins.get(pid)
      if (known) known.add(beganNs)
      else begins.set(pid, new Set([beganNs]))
    })
  }
  const owners = new Map<number, number[]>()
  for (const [pid, times] of begins) {
    const sorted = [...times].sort((a, b) => a - b)
    const apart = sorted.filter((timeNs, i) => i === 0 || timeNs - (sorted[i - 1] as number) > sameForkNs)
    if (apart.length > 1) owners.set(pid, apart)
  }
  return owners
}

/** Every sample of a process that was seen to be forked, or whose number was given to another since. */
function eachForked(
  { profile, fromNs }: TimedProfile,
  forks: ForkLog,
  take: (sample: number, pid: number, beganNs: number) => void,
): void {
  const { samples, labelSets } = profile
  const pids = labelSets.map((labels) => {
    const pid = Number(labels.find(({ key }) => key === 'pid')?.num ?? -1)
    return forks.originOf(pid) ? pid : -1
  })
  for (let sample = 0; sample < samples.length; sample++) {
    const pid = pids[samples.labels[sample] as number] as number
    if (pid < 0) continue
    const atNs = fromNs + (samples.offsetMs?.[sample] ?? 0) * 1e6
    take(sample, pid, forks.originOf(pid, atNs)?.timeNs ?? 0)
  }
}

function marked(part: TimedProfile, forks: ForkLog, ownersOf: ReadonlyMap<number, readonly number[]>): Profile {
  const { profile } = part
  const labels = profile.samples.labels.slice()
  const labelSets: (readonly Label[])[] = [...profile.labelSets]
  const rows = new Map<string, number>()
  eachForked(part, forks, (sample, pid, beganNs) => {
    const owners = ownersOf.get(pid)
    if (!owners) return
    const owner = owners.findLastIndex((timeNs) => timeNs <= beganNs) + 1
    const set = labels[sample] as number
    const key = `${set} ${owner}`
    let row = rows.get(key)
    if (row === undefined) {
      row = labelSets.push([...(labelSets[set] ?? []), { key: 'owner', num: BigInt(owner) }]) - 1
      rows.set(key, row)
    }
    labels[sample] = row
  })
  return { ...profile, samples: { ...profile.samples, labels }, labelSets }
}
