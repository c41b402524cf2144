// What a recording says of burners, row by row: the function it shows, and where the recorder says it ran.
import { gunzipSync } from 'node:zlib'
import type { Client } from '../../src/api/client.ts'
import { int64Reader } from '../../src/profile/int64.ts'
import { readPprof } from '../../src/profile/pprof-decode.ts'
import type { Profile } from '../../src/profile/profile.ts'
import { labelText } from '../../src/profile/roots.ts'

export interface BurnedSamples {
  /** Number in the name of the burning function that was running. */
  readonly index: number
  readonly pid: number
  readonly comm: string
  readonly cgroup: string
  readonly samples: number
}

/** Longer than anything that is done meanwhile. */
const longestMs = 120_000

/**
 * Records the whole node while something is done. On a busy machine that may begin before the deep recording does; the
 * look-back has it all the same.
 * @returns everything that was sampled, and the incident it is kept under
 * @throws Error with why it failed
 */
export async function recordNode(
  client: Client,
  whileDoing: () => Promise<void>,
  { lookBackMs = 0 }: { lookBackMs?: number } = {},
): Promise<{ profile: Profile; incidentId: string }> {
  const request = { kind: 'cpu', target: { kind: 'node' }, lookBackMs, forMs: longestMs } as const
  const { id, incidentId } = await client.post('/api/v1/captures', { body: request })
  const params = { id }
  await whileDoing()
  await client.post('/api/v1/captures/{id}/stop', { params })
  for (;;) {
    const { capture, artifacts } = await client.get('/api/v1/captures/{id}', { params })
    const pprof = artifacts.find(({ name }) => name.endsWith('.pb.gz'))
    if (capture.state === 'complete' && pprof) {
      const content = await client.bytes('/api/v1/artifacts/{id}/content', { params: { id: pprof.id } })
      return { profile: readPprof(gunzipSync(new Uint8Array(await content.arrayBuffer()))), incidentId }
    }
    if (!['recording', 'uploading', 'complete'].includes(capture.state)) throw new Error(capture.message)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Only samples whose running function is a burning one: in any other it is not known whose it must be. */
export function burnedIn(profile: Profile): BurnedSamples[] {
  const { samples, stacks, locations, lines, functions, strings, labelSets } = profile
  const counts = int64Reader(
    samples.values[profile.sampleTypes.findIndex(({ unit }) => unit === 'count')] as BigInt64Array,
  )
  const rows: BurnedSamples[] = []
  for (let i = 0; i < samples.length; i++) {
    const leaf = stacks.locations[stacks.offsets[samples.stack[i] as number] as number] as number
    const line = locations.lineOffsets[leaf] as number
    if (line === locations.lineOffsets[leaf + 1]) continue
    const name = strings.get(functions.name[lines.function[line] as number] as number)
    const index = /^burn_(\d+)$/.exec(name)?.[1]
    if (index === undefined) continue
    const labels = labelSets[samples.labels[i] as number] ?? []
    rows.push({
      index: Number(index),
      pid: Number(labelText(labels, 'pid')),
      comm: labelText(labels, 'comm') ?? '',
      cgroup: labelText(labels, 'cgroup') ?? '',
      samples: counts(i),
    })
  }
  return rows
}
