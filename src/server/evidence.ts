// Draws the conclusion once the evidence of an incident is there: its busiest functions, and its state.
import type { Logger } from 'pino'
import type { ThreadsAnswer, TopAnswer } from '../api/shapes.ts'
import { type Artifact, type Capture, kindsWithRing, mediaTypes } from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { BusyThread, Incident, TopRow } from '../model/incident.ts'
import type { UsageSeries } from '../model/usage.ts'
import type { Catalog } from '../store/catalog.ts'
import { lastRise } from '../trigger/onset.ts'
import type { Analyst } from './analyst.ts'
import type { EventHub } from './events.ts'
import { incidentState, isActive } from './merge.ts'
import type { NotifyDesk } from './notify/desk.ts'
import { phaseRange } from './ranges.ts'

/** As many as fit a notification or a card in the list. */
const topRows = 10
/** As many as can be read in a line; the rest of a program's threads did some thousandths each. */
const busiestThreads = 3
const leastThreadShare = 0.01
/** More captures than one incident can have within the cooldowns. */
const maxCaptures = 100

/** A capture follows its incident at once; by then its agent has been restarted without it, or is gone. */
const captureWithinMs = 10 * 60_000
const recheckEveryMs = 60_000

export interface EvidenceOptions {
  readonly catalog: Catalog
  readonly analyst: Analyst
  readonly events: Pick<EventHub, 'publish'>
  readonly log: Pick<Logger, 'error'>
  /** Who has to hear of it. */
  readonly notices?: Pick<NotifyDesk, 'plan' | 'look'>
  readonly nowMs?: () => number
}

export interface EvidenceDesk {
  /** Looks at the incident soon; several calls for the same one at once become one look. */
  look(incidentId: string): void
  /** Looks at what an earlier run may have left unfinished. */
  resume(): Promise<void>
  /** Looks again at incidents that still wait for evidence; also runs by itself. */
  recheck(): Promise<void>
  /** Stops looking; resolves when nothing is being looked at any more. */
  close(): Promise<void>
}

export interface Evidence {
  readonly capture: Capture
  readonly artifact: Artifact
}

export interface EvidenceChoice {
  /** Of this capture; without it of the first that has a profile. */
  readonly captureId?: string | undefined
  /** Only the target's own stacks are wanted, of the whole time: those by debug information are the better ones. */
  readonly isOfTarget?: boolean
}

/** Stacks of the target alone, without times (capture/perf-dwarf.ts). */
const dwarfProbe = 'perf-dwarf'

/**
 * The profile that stands for an incident.
 * @throws Failure NOT_FOUND when there is none (yet), or its bytes were dropped
 */
export async function findEvidence(
  catalog: Catalog,
  incidentId: string,
  { captureId, isOfTarget = false }: EvidenceChoice = {},
): Promise<Evidence> {
  const captures = (await catalog.listCaptures({ incidentId, limit: maxCaptures })).reverse()
  const wanted = captureId === undefined ? captures : captures.filter(({ id }) => id === captureId)
  if (captureId !== undefined && wanted.length === 0) {
    throw new Failure('NOT_FOUND', `incident ${incidentId} has no capture ${captureId}`)
  }
  const artifacts = await catalog.artifactsOf(wanted.map(({ id }) => id))
  const profiles = artifacts.filter(({ mediaType }) => mediaType === mediaTypes.pprof)
  for (const capture of wanted) {
    const own = profiles.filter((each) => each.captureId === capture.id && each.evictedMs === undefined)
    const of = (isWanted: (probe: string) => boolean): Artifact | undefined => own.find(({ probe }) => isWanted(probe))
    const dwarf = of((probe) => probe === dwarfProbe)
    // Of a heap or of threads, where nobody asked for CPU.
    const other = of((probe) => probe !== dwarfProbe)
    const artifact = (isOfTarget ? dwarf : undefined) ?? of((probe) => probe === 'ring') ?? other ?? dwarf
    if (artifact) return { capture, artifact }
  }
  const evicted = profiles.find(({ evictedMs }) => evictedMs !== undefined)
  if (evicted) throw droppedFailure(evicted)
  throw new Failure(
    'NOT_FOUND',
    wanted.some(({ state }) => isActive(state))
      ? `the evidence of incident ${incidentId} is still being recorded`
      : `incident ${incidentId} has no profile`,
  )
}

export function droppedFailure(artifact: Artifact): Failure {
  const when = new Date(artifact.evictedMs ?? 0).toISOString()
  return new Failure(
    'NOT_FOUND',
    `${artifact.name} was dropped at ${when}, for its age or the budget (--data-age, --data-budget)`,
  )
}

/** An alert knows when its rule was true for long enough; when the CPU rose, the usage of its target does. */
function withRise(incident: Incident, series: readonly UsageSeries[]): Incident {
  if (incident.trigger.kind !== 'alert') return incident
  const usage = series.find(({ name }) => name === (incident.target.kind === 'node' ? 'machine' : 'target'))
  const rise = usage && lastRise(usage, incident.noticedMs)
  if (!rise) return incident
  const { onsetMs, quietFromMs: fromMs, endedMs = incident.endedMs } = rise
  const ended = endedMs === undefined ? {} : { endedMs }
  return { ...incident, onsetMs, ...ended, baseline: { fromMs, toMs: onsetMs } }
}

/** What somebody asked to record begins and ends with the recording, by the clock of the node. */
function withSpan(incident: Incident, captures: readonly Capture[]): Incident {
  if (incident.trigger.kind !== 'manual') return incident
  const onsetMs = Math.min(...captures.map(({ fromMs }) => fromMs))
  const endedMs = Math.max(...captures.map(({ toMs }) => toMs))
  return { ...incident, onsetMs, endedMs }
}

export function createEvidenceDesk(options: EvidenceOptions): EvidenceDesk {
  const { catalog, analyst, events, log, notices, nowMs = Date.now } = options
  const waiting = new Set<string>()
  /** When an incident was first found without any capture; by our clock, because the agent may have spooled it long. */
  const bareSinceMs = new Map<string, number>()
  let working: Promise<void> | undefined

  const work = async (): Promise<void> => {
    for (const id of waiting) {
      waiting.delete(id)
      try {
        await conclude(id)
      } catch (error) {
        log.error({ err: error, incident: id }, 'the evidence of an incident could not be looked at')
      }
    }
    working = undefined
  }

  const conclude = async (id: string): Promise<void> => {
    const incident = await catalog.incident(id)
    const captures = await catalog.listCaptures({ incidentId: id, limit: maxCaptures })
    if (!incident || captures.length === 0 || captures.some(({ state }) => isActive(state))) return
    const state = incidentState(captures.map((capture) => capture.state))
    const series = incident.trigger.kind === 'alert' ? await catalog.seriesOf(captures.map(({ id }) => id)) : []
    const placed = (each: Incident): Incident => withRise(withSpan(each, captures), series)
    const found = await countFunctions(placed(incident))
    const threads = await findThreads(placed(incident))
    const hasStacks = captures.some(({ kind }) => kindsWithRing.includes(kind))
    const message = (hasStacks ? found.message : undefined) ?? captures.find((capture) => capture.message)?.message
    await notices?.plan(incident, { ...incident, state })
    const concluded = await catalog.updateIncident(id, (old) => {
      if (!old) return undefined
      const { message: _, ...rest } = placed(old)
      return {
        ...rest,
        state,
        evidenceMs: old.evidenceMs ?? Date.now(),
        top: found.top.length > 0 ? found.top : old.top,
        ...(threads.length > 0 ? { threads } : {}),
        ...(message ? { message } : {}),
      }
    })
    if (concluded) events.publish({ type: 'incident', incident: concluded })
    notices?.look(id)
  }

  const giveUp = async (id: string): Promise<void> => {
    const message = 'no capture followed: the agent that noticed it was not heard of again'
    const failed = await catalog.updateIncident(id, (old) => old && { ...old, state: 'failed', message })
    if (failed) events.publish({ type: 'incident', incident: failed })
  }

  const countFunctions = async (incident: Incident): Promise<{ top: TopRow[]; message?: string }> => {
    try {
      const { capture, artifact } = await findEvidence(catalog, incident.id, { isOfTarget: true })
      const request = {
        captureId: capture.id,
        artifactId: artifact.id,
        who: { kind: 'target' as const, target: incident.target },
        range: phaseRange('during', incident, capture),
      }
      const answer = await analyst.ask(artifact.sha256, { view: 'top', request, limit: topRows })
      const { rows } = JSON.parse(new TextDecoder().decode(answer)) as TopAnswer
      return {
        top: rows.map(({ function: name, module, selfShare, totalShare }) => ({
          function: name,
          ...(module ? { module } : {}),
          selfShare,
          totalShare,
        })),
      }
    } catch (error) {
      const failure = asFailure(error)
      if (failure.code === 'INTERNAL') log.error({ err: failure, incident: incident.id }, 'a profile could not be read')
      return { top: [], message: failure.message }
    }
  }

  /** Empty where there are no samples of it: `countFunctions` says why. */
  const findThreads = async (incident: Incident): Promise<BusyThread[]> => {
    const { target, id } = incident
    try {
      const { capture, artifact } = await findEvidence(catalog, id)
      const range = phaseRange('during', incident, capture)
      const request = {
        captureId: capture.id,
        artifactId: artifact.id,
        who: { kind: 'target' as const, target },
        range,
      }
      const answer = await analyst.ask(artifact.sha256, { view: 'threads', request, target })
      const { rows } = JSON.parse(new TextDecoder().decode(answer)) as ThreadsAnswer
      const own = rows.filter((row) => row.isTarget)
      const whole = own.reduce((sum, row) => sum + row.value, 0)
      return own
        .slice(0, busiestThreads)
        .map(({ pid, tid, thread, value }) => ({ pid, tid, name: thread, share: whole > 0 ? value / whole : 0 }))
        .filter(({ share }) => share >= leastThreadShare)
    } catch {
      return []
    }
  }

  const look = (incidentId: string): void => {
    waiting.add(incidentId)
    // After this turn: messages that arrive together are looked at once.
    working ??= Promise.resolve().then(work)
  }

  const recheck = async (): Promise<void> => {
    const capturing = await catalog.listIncidents({ state: 'capturing', limit: 1000 })
    for (const { id } of capturing) {
      look(id)
      if ((await catalog.listCaptures({ incidentId: id, limit: 1 })).length > 0) continue
      const sinceMs = bareSinceMs.get(id) ?? nowMs()
      bareSinceMs.set(id, sinceMs)
      if (nowMs() - sinceMs > captureWithinMs) await giveUp(id)
    }
    const ids = new Set(capturing.map(({ id }) => id))
    for (const id of bareSinceMs.keys()) if (!ids.has(id)) bareSinceMs.delete(id)
  }
  const timer = setInterval(() => {
    recheck().catch((error) => log.error({ err: error }, 'incidents without evidence could not be looked at'))
  }, recheckEveryMs)
  timer.unref()

  return {
    look,
    recheck,
    resume: async () => {
      await recheck()
      for (const { id, top } of await catalog.listIncidents({ limit: 20 })) if (top.length === 0) look(id)
    },
    close: async () => {
      clearInterval(timer)
      while (working) await working
    },
  }
}
