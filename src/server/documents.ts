// Stores what agents send: incidents, captures, artifacts. Each may come twice, and late; what is kept is the newest.
import type { Logger } from 'pino'
import { SeriesAnswer } from '../api/shapes.ts'
import { newId } from '../lib/ids.ts'
import { type Artifact, type Capture, mediaTypes } from '../model/capture.ts'
import type { Incident } from '../model/incident.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import type { DocumentAnswer, DocumentMessage } from './agents.ts'
import type { EventHub } from './events.ts'
import { mergeCapture, mergeIncident } from './merge.ts'
import type { Store } from './store.ts'

export interface DocumentKeeperOptions {
  readonly store: Store
  readonly events: Pick<EventHub, 'publish'>
  readonly log: Logger
  /** A capture as it is stored now, whoever changed it. */
  onCapture(capture: Capture): void
  /** An incident as it is stored now, whoever changed it. */
  onIncident?(incident: Incident): void
  /** Something came that may complete what is known of this incident. */
  onEvidence(incidentId: string): void
}

export interface DocumentKeeper {
  /** Durable when it resolves. */
  keep(message: DocumentMessage): Promise<DocumentAnswer>
  /** For the server's own captures and incidents, by the same rules. */
  keepCapture(capture: Capture): Promise<Capture>
  keepIncident(incident: Incident): Promise<Incident>
  /** Changes what is stored of an incident, as it is at that moment; nothing happens where there is none. */
  changeIncident(id: string, change: (old: Incident) => Incident): Promise<void>
}

export function createDocumentKeeper({
  store,
  events,
  log,
  onCapture,
  onIncident,
  onEvidence,
}: DocumentKeeperOptions): DocumentKeeper {
  const { catalog, blobs } = store

  const keepIncident = async (incoming: Incident): Promise<Incident> => {
    const incident = (await catalog.updateIncident(incoming.id, (old) => mergeIncident(old, incoming))) as Incident
    events.publish({ type: 'incident', incident })
    onIncident?.(incident)
    onEvidence(incident.id)
    return incident
  }

  const changeIncident: DocumentKeeper['changeIncident'] = async (id, change) => {
    const incident = await catalog.updateIncident(id, (old) => old && change(old))
    if (!incident) return
    events.publish({ type: 'incident', incident })
    onIncident?.(incident)
  }

  const keepCapture = async (incoming: Capture): Promise<Capture> => {
    const merge = (old: Capture | undefined): Capture => mergeCapture(old, incoming)
    const capture = (await catalog.updateCapture(incoming.id, merge, ledgerEntry)) as Capture
    events.publish({ type: 'capture', capture })
    onCapture(capture)
    if (capture.incidentId) onEvidence(capture.incidentId)
    return capture
  }

  const keepArtifact = async (seq: number, artifact: Artifact): Promise<DocumentAnswer> => {
    // A repeat: its bytes may have been dropped since, and must not be asked for again.
    if (await catalog.artifact(artifact.id)) return { type: 'stored', seq }
    const sizeBytes = await blobs.sizeOf(artifact.sha256)
    if (sizeBytes === undefined) return { type: 'missing', seq, sha256: artifact.sha256 }
    if (sizeBytes !== artifact.sizeBytes) {
      const message = `artifact ${artifact.id} has ${sizeBytes} bytes, not ${artifact.sizeBytes}`
      return { type: 'rejected', seq, code: 'MALFORMED', message }
    }
    if (artifact.mediaType === mediaTypes.usage) await keepSeries(artifact)
    await catalog.putArtifact(artifact)
    await store.keepWithinBudget()
    const capture = await catalog.capture(artifact.captureId)
    if (capture) events.publish({ type: 'capture', capture })
    if (capture?.incidentId) onEvidence(capture.incidentId)
    return { type: 'stored', seq }
  }

  const keepSeries = async (artifact: Artifact): Promise<void> => {
    const bytes = await blobs.readAll(artifact.sha256)
    try {
      const { series } = SeriesAnswer.parse(JSON.parse(new TextDecoder().decode(bytes)))
      await catalog.putSeries(artifact.captureId, series)
    } catch (error) {
      // The bytes stay an artifact that can be downloaded; only the chart stays empty.
      log.error({ err: error, artifact: artifact.id }, 'the usage series of an artifact cannot be read')
    }
  }

  return {
    keepIncident,
    keepCapture,
    changeIncident,
    keep: async (message) => {
      switch (message.type) {
        case 'incident': {
          // Pins and notes are of people: an agent that said them would keep its evidence for ever.
          const { pin: _, notes: __, ...told } = message.incident
          await keepIncident(told)
          return { type: 'stored', seq: message.seq }
        }
        case 'capture':
          await keepCapture(message.capture)
          return { type: 'stored', seq: message.seq }
        case 'artifact':
          return keepArtifact(message.seq, message.artifact)
      }
    },
  }
}

/** The row of the ledger about a capture when it is first heard of. */
function ledgerEntry({ id, node, target, trigger, kind, state, message, requestedMs }: Capture): LedgerEntry {
  return {
    id: newId('trg-'),
    atMs: requestedMs,
    node,
    target,
    trigger,
    kind,
    outcome: state === 'refused' ? 'refused' : 'accepted',
    captureId: id,
    ...(message ? { message } : {}),
  }
}
