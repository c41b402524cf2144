// Incidents of the last minutes, in memory: every alert asks whether its target has one, and in a storm of alerts there
// is no time to ask the disk each time.
import type { Incident } from '../model/incident.ts'
import type { Target } from '../model/target.ts'
import type { Catalog } from '../store/catalog.ts'
import { isSameTarget } from '../trigger/limits.ts'

export interface RecentIncidents {
  /** To be called with every incident that is stored. */
  note(incident: Incident): void
  /** The newest incident of the same target that is the same episode; not what a person asked for. */
  episodeOf(target: Target): string | undefined
  resume(): Promise<void>
}

/** An incident of the same target that is not older than this is the same episode. */
const sameEpisodeMs = 10 * 60_000
/** Of more a storm does not leave any: their captures are limited. */
const mostIncidents = 5000

type Remembered = Pick<Incident, 'id' | 'target' | 'noticedMs' | 'endedMs'>

export function createRecentIncidents({
  catalog,
  nowMs = Date.now,
}: {
  readonly catalog: Pick<Catalog, 'listIncidents'>
  readonly nowMs?: () => number
}): RecentIncidents {
  /** In the order in which they were heard of last. */
  const remembered = new Map<string, Remembered>()

  const isRecent = ({ noticedMs, endedMs = noticedMs }: Remembered): boolean => endedMs > nowMs() - sameEpisodeMs

  const note: RecentIncidents['note'] = ({ id, target, trigger, noticedMs, endedMs }) => {
    if (trigger.kind !== 'spike' && trigger.kind !== 'alert') return
    remembered.delete(id)
    remembered.set(id, { id, target, noticedMs, ...(endedMs === undefined ? {} : { endedMs }) })
    for (const [other, each] of remembered) {
      if (remembered.size <= mostIncidents && isRecent(each)) return
      remembered.delete(other)
    }
  }

  return {
    note,
    episodeOf: (target) => {
      let newest: Remembered | undefined
      for (const each of remembered.values()) {
        if (!isRecent(each) || !isSameTarget(each.target, target)) continue
        if (!newest || each.noticedMs > newest.noticedMs) newest = each
      }
      return newest?.id
    },
    resume: async () => {
      for (const incident of (await catalog.listIncidents({ limit: 1000 })).reverse()) note(incident)
    },
  }
}
