// `spikecam capture … -o FILE`: which bytes of a capture the name asks for.
import type { Client } from '../api/client.ts'
import type { CaptureDetail } from '../api/shapes.ts'
import { type Artifact, mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { isCompanion } from '../model/outcome.ts'
import { printTarget } from '../model/target.ts'
import { formatOfName, readProfile } from '../profile/formats.ts'
import type { Profile } from '../profile/profile.ts'
import { dropUninteresting } from '../profile/transform.ts'
import { drawFlameGraph } from './flame-graph.ts'
import { pictureAs } from './picture.ts'

/**
 * In the form that the name asks for: the file that ends alike, else what was found in that form. Of the stacks of the
 * ring the server makes the part that is of the target.
 * @throws Failure EMPTY when there is nothing of the sort
 */
export async function fetchAs(client: Client, detail: CaptureDetail, name: string): Promise<Uint8Array> {
  const { capture, artifacts } = detail
  const hasStacks = artifacts.some(({ probe, mediaType }) => probe === 'ring' && mediaType === mediaTypes.pprof)
  const found = artifacts.filter(({ probe }) => probe !== 'usage' && (hasStacks || !isCompanion(capture.kind, probe)))
  const alike = found.find(
    (artifact) => isAlike(artifact, name) && !(hasStacks && artifact.mediaType === mediaTypes.pprof),
  )
  if (alike) return fetchBytes(client, alike)
  if (hasStacks) return fetchView(client, detail, name)
  const [first] = found
  if (!first) throw new Failure('EMPTY', `${capture.id} has no files: ${capture.message ?? capture.state}`)
  const bytes = await fetchBytes(client, first)
  if (/\.(svg|html)$/.test(name)) return draw((await readProfile(bytes)).profile, name, printTarget(capture.target))
  const format = name === '-' ? undefined : formatOfName(name)
  return format?.write ? format.write((await readProfile(bytes)).profile) : bytes
}

/** By the longest end that both have: `heap.pb.gz` and `x.pb.gz`, `threads.txt` and `x.txt`. */
function isAlike({ name: stored }: Artifact, name: string): boolean {
  const end = /(\.pb\.gz|\.perf\.data|\.[A-Za-z]+)$/.exec(name)?.[1]
  return end !== undefined && stored.endsWith(end)
}

async function fetchBytes(client: Client, { id }: Artifact): Promise<Uint8Array> {
  return bytesOf(await client.bytes('/api/v1/artifacts/{id}/content', { params: { id } }))
}

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())

async function fetchView(client: Client, { capture }: CaptureDetail, name: string): Promise<Uint8Array> {
  const { incidentId: id } = capture
  if (id === undefined) {
    throw new Failure('EMPTY', `${capture.id} belongs to no incident; give a folder to get its files`)
  }
  const view = { params: { id }, query: { phase: 'all', capture: capture.id } } as const
  if (/perf\.data$/.test(name)) throw new Failure('EMPTY', `${capture.id} has no perf.data`)
  if (/\.svg$/.test(name)) return bytesOf(await client.bytes('/api/v1/incidents/{id}/flame.svg', view))
  if (/\.folded$/.test(name)) return bytesOf(await client.bytes('/api/v1/incidents/{id}/folded', view))
  if (/\.html$/.test(name)) return bytesOf(await client.bytes('/api/v1/incidents/{id}/export.html', { params: { id } }))
  return bytesOf(await client.bytes('/api/v1/incidents/{id}/pprof', view))
}

function draw(whole: Profile, name: string, title: string): Uint8Array {
  const profile = dropUninteresting(whole)
  const svg = drawFlameGraph({ profile, sampleType: profile.defaultType }, { name: title })
  return new TextEncoder().encode(pictureAs(name, svg, title))
}
