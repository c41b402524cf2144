// `spikecam stop`: ends a running capture early; what it has is kept.
import type { Config } from '../config.ts'
import { Failure } from '../model/errors.ts'
import { connect, resolveId } from './connect.ts'
import { note, writeOut } from './output.ts'

export async function runStop({ args, options }: Config): Promise<number> {
  const client = connect(options)
  const { kind, id } = await resolveId(client, args[0]!)
  if (kind === 'artifact') throw new Failure('USAGE', 'an artifact cannot be stopped; name a capture or an incident')
  const captures =
    kind === 'capture'
      ? [(await client.get('/api/v1/captures/{id}', { params: { id } })).capture]
      : (await client.get('/api/v1/incidents/{id}', { params: { id } })).captures
  const running = captures.filter(({ state }) => state === 'recording')
  if (running.length === 0) {
    note(`${id} is not recording any more: ${captures.map(({ state }) => state).join(', ') || 'it has no captures'}.`)
    return 0
  }
  for (const capture of running) {
    await client.post('/api/v1/captures/{id}/stop', { params: { id: capture.id } })
    await writeOut(`${capture.id}\n`)
  }
  return 0
}
