// `spikecam open`, and the browser for `--open`.
import { spawn } from 'node:child_process'
import type { Config } from '../config.ts'
import { connect, pageOf, resolveId } from './connect.ts'
import { note, writeOut } from './output.ts'

export async function runOpen({ args, options }: Config): Promise<number> {
  const client = connect(options)
  let url = pageOf(options.server)
  if (args[0] === undefined) await client.get('/api/v1/status')
  else {
    const { kind, id } = await resolveId(client, args[0])
    if (kind === 'incident')
      url = pageOf(options.server, (await client.get('/api/v1/incidents/{id}', { params: { id } })).incident.id)
    else {
      const captureId =
        kind === 'capture' ? id : (await client.get('/api/v1/artifacts/{id}', { params: { id } })).captureId
      const { capture } = await client.get('/api/v1/captures/{id}', { params: { id: captureId } })
      if (capture.incidentId) url = `${pageOf(options.server, capture.incidentId)}?capture=${capture.id}`
    }
  }
  await writeOut(`${url}\n`)
  if (!(await openBrowser(url))) note('No browser could be started here; open the address above.')
  return 0
}

/** @returns false when there is none to start, as on a server without a screen */
export async function openBrowser(url: string): Promise<boolean> {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
  if (command === 'xdg-open' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return false
  return new Promise((resolve) => {
    const child = spawn(command, [url], { stdio: 'ignore', detached: true })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}
