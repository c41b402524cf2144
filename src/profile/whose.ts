// Whose samples are meant, as the labels that they have: the target of an incident, one process, one thread. Server and
// browser ask here, so that both show the same.
import type { Target } from '../model/target.ts'
import { findOwner, isMarked, ownersByPid } from './owners.ts'
import type { Profile } from './profile.ts'
import type { SampleFilter } from './select.ts'

/** The incident's target, one process or thread of its node, or all of them. */
export type Whose =
  | { readonly kind: 'target'; readonly target: Target }
  | { readonly kind: 'process'; readonly pid: number; readonly owner?: number | undefined }
  | {
      readonly kind: 'thread'
      readonly pid?: number | undefined
      readonly tid: number
      readonly owner?: number | undefined
    }
  | { readonly kind: 'all' }

export type LabelFilter = NonNullable<SampleFilter['labels']>

/**
 * Labels that the samples of these have; a profile without PIDs, such as one that the target made of itself, is the
 * target's.
 */
export function whoseLabels(profile: Profile, whose: Whose): LabelFilter {
  switch (whose.kind) {
    case 'all':
      return {}
    case 'process':
      return processLabels(profile, whose.pid, whose.owner)
    case 'thread': {
      const { pid, tid, owner } = whose
      return { ...(pid === undefined ? {} : processLabels(profile, pid, owner)), tid: String(tid) }
    }
    case 'target': {
      if (!profile.labelSets.some((labels) => labels.some(({ key }) => key === 'pid'))) return {}
      const { kind, pid, cgroup, containerId } = whose.target
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

/** One process, and not who had its number besides. */
function processLabels(profile: Profile, pid: number, owner: number | undefined): LabelFilter {
  const own = { pid: String(pid) }
  if (owner !== undefined) return findOwner(profile, pid, owner)?.labels ?? { ...own, owner: [] }
  if (isMarked(profile, pid)) return { ...own, family: String(pid) }
  return (
    ownersByPid(profile)
      .get(pid)
      ?.find(({ isMeant }) => isMeant)?.labels ?? own
  )
}

const escapePattern = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
