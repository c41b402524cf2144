// An incident as one HTML file that opens offline: the UI's own report page with the answers it needs put inside.
import type { Embedded } from '../api/client.ts'
import { requestKey } from '../api/client.ts'
import { fillReport } from '../flame/report.ts'
import { printBytes } from '../lib/units.ts'
import { type Artifact, mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import type { Store } from './store.ts'

/** Browsers refuse strings of 512 MB, and base64 and JSON need four characters for three bytes. */
const maxProfileBytes = 256 * 1024 * 1024

/** Dumps and allocation profiles of usual programs; larger ones stay on the server. */
const maxOtherBytes = 8 * 1024 * 1024
const readable: readonly string[] = [
  mediaTypes.cpuprofile,
  mediaTypes.heapprofile,
  mediaTypes.folded,
  mediaTypes.context,
  mediaTypes.threads,
  mediaTypes.text,
]

/** What the page draws or reads out. */
const isShown = ({ mediaType, sizeBytes }: Pick<Artifact, 'mediaType' | 'sizeBytes'>): boolean =>
  mediaType === mediaTypes.pprof || (readable.includes(mediaType) && sizeBytes <= maxOtherBytes)

/** @throws Failure NOT_FOUND, TOO_LARGE */
export async function exportIncident(
  id: string,
  { store, template, version }: { store: Store; template: string; version: string },
): Promise<string> {
  const { catalog, blobs } = store
  const incident = await catalog.incident(id)
  if (!incident) throw new Failure('NOT_FOUND', `there is no incident ${id}`)
  const captures = await catalog.listCaptures({ incidentId: id, limit: 100 })
  const captureIds = captures.map((capture) => capture.id)
  const artifacts = await catalog.artifactsOf(captureIds)
  const notices = await catalog.listNotices({ incidentId: id, limit: 100 })
  const detail = { incident, captures, artifacts, ...(notices.length > 0 ? { notices } : {}) }
  const embedded: Embedded = {
    [requestKey('/api/v1/incidents/{id}', { params: { id } })]: { json: detail },
    [requestKey('/api/v1/incidents/{id}/series', { params: { id } })]: {
      json: { series: await catalog.seriesOf(captureIds) },
    },
  }
  const shown = artifacts.filter(({ evictedMs, ...artifact }) => evictedMs === undefined && isShown(artifact))
  const total = shown.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (total > maxProfileBytes) {
    throw new Failure(
      'TOO_LARGE',
      `the profiles of this incident are ${printBytes(total)}, more than the ${printBytes(maxProfileBytes)} that fit into a page`,
    )
  }
  for (const { id: artifact, sha256, mediaType } of shown) {
    const bytes = await blobs.readAll(sha256)
    if (!bytes) continue // lost: the page says so as it does for one that was dropped
    const key = requestKey('/api/v1/artifacts/{id}/content', { params: { id: artifact } })
    embedded[key] = { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'), mediaType }
  }
  return fillReport(template, { incidentId: id, savedMs: Date.now(), version, embedded })
}
