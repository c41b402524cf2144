// `spikecam pin` and `unpin`: keep the evidence of an incident whatever its age and the budget, or let it go again.
import { userInfo } from 'node:os'
import type { Config, Options } from '../config.ts'
import { connect, resolveIncident } from './connect.ts'
import { note, readOutput, writeForm, writeOut } from './output.ts'

export const runPin = (config: Config): Promise<number> => setPin(config, true)
export const runUnpin = (config: Config): Promise<number> => setPin(config, false)

async function setPin({ args, options }: Config, isPinned: boolean): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const client = connect(options)
  const params = { id: await resolveIncident(client, args[0]!) }
  const { incident } = isPinned
    ? await client.post('/api/v1/incidents/{id}/pin', { params, body: { by: nameOf(options) } })
    : await client.delete('/api/v1/incidents/{id}/pin', { params })
  if (form === 'json' || form === 'yaml') await writeForm(incident, form)
  else await writeOut(`${incident.id}\n`)
  if (form === undefined) {
    note(isPinned ? 'Its evidence is kept until it is unpinned.' : 'Its evidence goes when its time has come.')
  }
  return 0
}

/** Who says so: `--as`, else the name of the account. */
export function nameOf({ by }: Pick<Options, 'by'>): string {
  return by ?? userInfo().username
}
