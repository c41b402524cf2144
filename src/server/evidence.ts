// Draws the conclusion once the evidence of an incident is there: its busiest functions, and its state.
import type { Logger } from 'pino'
import type { TopAnswer } from '../api/shapes.ts'
import { type Artifact, type Capture, mediaTypes } from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { Incident, TopRow } from '../model/incident.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Analyst } from './analyst.ts'
import type { EventHub } from './events.ts'
import { incidentState, isActive } from './merge.ts'
import { phaseRange } from './ranges.ts'

/** As many as fit a notification or a card in the list. */
const topRows = 10
/** More captures than one incident can have within the cooldowns. */
const maxCaptures = 100

export interface EvidenceOptions {
  readonly catalog: Catalog
  readonly analyst: Analyst
  readonly events: EventHub
  readonly log: Logger
}

export interface EvidenceDesk {
  /** Looks at the incident soon; several calls for the same one at once become one look. */
  look(incidentId: string): void
  /** Looks at what an earlier run may have left unfinished. */
  resume(): Promise<void>
  /** Resolves when nothing is being looked at. */
  idle(): Promise<void>
}

export interface Evidence {
  readonly capture: Capture
  readonly artifact: Artifact
}

/**
 * The profile that stands for an incident: of the first capture that has one, or of the capture that is asked for.
 * @throws Failure NOT_FOUND when there is none (yet), or its bytes were dropped
 */
export async function findEvidence(catalog: Catalog, incidentId: string, captureId?: string): Promise<Evidence> {
  const captures = (await catalog.listCaptures({ incidentId, limit: maxCaptures })).reverse()
  const wanted = captureId === undefined ? captures : captures.filter(({ id }) => id === captureId)
  if (captureId !== undefined && wanted.length === 0) {
    throw new Failure('NOT_FOUND', `incident ${incidentId} has no capture ${captureId}`)
  }
  const artifacts = await catalog.artifactsOf(wanted.map(({ id }) => id))
  const profiles = artifacts.filter(({ mediaType }) => mediaType === mediaTypes.pprof)
  for (const capture of wanted) {
    const artifact = profiles.find((each) => each.captureId === capture.id && each.evictedMs === undefined)
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
  return new Failure('NOT_FOUND', `${artifact.name} was dropped at ${when} to keep within the budget`)
}

/** What somebody asked to record begins and ends with the recording, by the clock of the node. */
function withSpan(incident: Incident, captures: readonly Capture[]): Incident {
  if (incident.trigger.kind !== 'manual') return incident
  const onsetMs = Math.min(...captures.map(({ fromMs }) => fromMs))
  const endedMs = Math.max(...captures.map(({ toMs }) => toMs))
  return { ...incident, onsetMs, endedMs }
}

export function createEvidenceDesk({ catalog, analyst, events, log }: EvidenceOptions): EvidenceDesk {
  const waiting = new Set<string>()
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
    const found = await countFunctions(withSpan(incident, captures))
    const message = found.message ?? captures.find((capture) => capture.message)?.message
    const concluded = await catalog.updateIncident(id, (old) => {
      if (!old) return undefined
      const { message: _, ...rest } = withSpan(old, captures)
      return {
        ...rest,
        state,
        evidenceMs: old.evidenceMs ?? Date.now(),
        top: found.top.length > 0 ? found.top : old.top,
        ...(message ? { message } : {}),
      }
    })
    if (concluded) events.publish({ type: 'incident', incident: concluded })
  }

  const countFunctions = async (incident: Incident): Promise<{ top: TopRow[]; message?: string }> => {
    try {
      const { capture, artifact } = await findEvidence(catalog, incident.id)
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

  const look = (incidentId: string): void => {
    waiting.add(incidentId)
    // After this turn: messages that arrive together are looked at once.
    working ??= Promise.resolve().then(work)
  }

  return {
    look,
    resume: async () => {
      for (const { id } of await catalog.listIncidents({ state: 'capturing', limit: 1000 })) look(id)
      for (const { id, top } of await catalog.listIncidents({ limit: 20 })) if (top.length === 0) look(id)
    },
    idle: async () => {
      while (working) await working
    },
  }
}
