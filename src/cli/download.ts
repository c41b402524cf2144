// `spikecam download`: artifacts as files, or one of them on stdout.
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Client } from '../api/client.ts'
import type { Config } from '../config.ts'
import { printBytes } from '../lib/units.ts'
import type { Artifact } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { connect, type Named, resolveId } from './connect.ts'
import { isFolder, note, readOutput, writeBytes } from './output.ts'

export async function runDownload({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, [], { files: true })
  const place = output && 'file' in output ? output.file : './'
  const client = connect(options)
  const artifacts = await artifactsOf(client, await resolveId(client, args[0]!))
  if (artifacts.length === 0)
    throw new Failure('NOT_FOUND', `${args[0]} has no artifacts (yet): "spikecam get" tells its state`)
  if (artifacts.length === 1 && !isFolder(place)) await download(client, artifacts[0]!, place)
  else if (place === '-') {
    const names = artifacts.map(({ id, name }) => `${id} (${name})`).join(', ')
    throw new Failure('USAGE', `stdout takes one artifact, and ${args[0]} has ${artifacts.length}: ${names}`)
  } else await downloadAll(client, artifacts, place)
  return 0
}

async function artifactsOf(client: Client, { kind, id }: Named): Promise<Artifact[]> {
  const params = { id }
  if (kind === 'incident') return (await client.get('/api/v1/incidents/{id}', { params })).artifacts
  if (kind === 'capture') return (await client.get('/api/v1/captures/{id}', { params })).artifacts
  return [await client.get('/api/v1/artifacts/{id}', { params })]
}

/** Every artifact under its own name. */
export async function downloadAll(client: Client, artifacts: readonly Artifact[], folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  for (const artifact of artifacts) {
    // A name is not a path: what a server says must not leave the folder.
    const path = join(folder, basename(artifact.name) || artifact.id)
    await download(client, artifact, path)
    note(`${path}  ${printBytes(artifact.sizeBytes)}`)
  }
}

async function download(client: Client, artifact: Artifact, path: string): Promise<void> {
  const response = await client.bytes('/api/v1/artifacts/{id}/content', { params: { id: artifact.id } })
  const bytes = new Uint8Array(await response.arrayBuffer())
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (sha256 !== artifact.sha256) {
    throw new Failure('MALFORMED', `${artifact.id} arrived with sha256 ${sha256} and should have ${artifact.sha256}`)
  }
  await writeBytes(path, bytes)
}
