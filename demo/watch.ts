// Spikecam as the demo runs it, and waiting for what it notices.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '../src/api/client.ts'
import type { IncidentDetail } from '../src/api/shapes.ts'
import { printDurationMs } from '../src/lib/units.ts'
import type { Incident } from '../src/model/incident.ts'
import { printTarget } from '../src/model/target.ts'
import { favour } from '../test/favour.ts'
import { DemoFailure, type Stage, say } from './stage.ts'

export interface Watch {
  readonly url: string
  readonly client: Client
}

/** From the load to the incident with its evidence: 6 s of load, up to 10 s of an alert's way, 10 s of capture. */
const incidentTimeoutMs = 60_000
const recordingTimeoutMs = 20_000

/** Starts `spikecam up` on a free port with a data folder of its own; resolves once it records. */
export async function startWatch(stage: Stage, options: readonly string[]): Promise<Watch> {
  const data = mkdtempSync(join(tmpdir(), 'spikecam-demo-'))
  stage.atEnd(() => rmSync(data, { recursive: true, force: true }))
  const args = ['up', '--listen', '127.0.0.1:0', '--data', data, '--log-level', 'warn', ...options]
  const up = stage.start('spikecam up', join(import.meta.dirname, '..', 'spikecam'), args)
  const url = await up.says(/(http:\/\/127\.0\.0\.1:\d+)/)
  // As a node's agent has it by its request: on a machine that is busy with others it would be the last to notice.
  favour(up.pid)
  const client = createClient({ baseUrl: url })
  try {
    await Promise.race([untilRecording(client), up.gone])
  } catch (error) {
    await Promise.race([up.gone, sleep(1000)]) // when it ended, its own last words say more than that it is not there
    throw error
  }
  return { url, client }
}

async function untilRecording(client: Client): Promise<void> {
  const deadlineMs = performance.now() + recordingTimeoutMs
  let status = await client.get('/api/v1/status')
  while (!status.recording) {
    if (performance.now() > deadlineMs)
      throw new DemoFailure(`not recording: ${status.message ?? 'no agent connected'}`)
    await sleep(200)
    status = await client.get('/api/v1/status')
  }
  const agent = status.agents.find((each) => each.connected)?.status
  if (agent) say(`  recording ${agent.event} at ${agent.ringHz} Hz, look-back ${agent.ringSeconds} s`)
}

/**
 * Waits until something new is caught and its evidence is complete.
 * @param causes makes it happen; called once what was there before is known
 * @param isMeant tells it from what else may spike on this machine meanwhile
 * @param why what is known of where it got stuck, when nothing is caught
 * @returns the incident, and when the load began
 * @throws DemoFailure when there is none within 60 s, or when its capture failed
 */
export async function catchSpike(
  { client }: Watch,
  causes: () => Promise<unknown>,
  { isMeant, why }: { isMeant: (incident: Incident) => boolean; why?: () => Promise<string> },
): Promise<{ detail: IncidentDetail; beganMs: number }> {
  const before = new Set((await client.get('/api/v1/incidents')).incidents.map((incident) => incident.id))
  const beganMs = Date.now()
  let failure: unknown
  const cause = causes().catch((error: unknown) => {
    failure = error
  })
  let noticed: Incident | undefined
  while (Date.now() - beganMs < incidentTimeoutMs) {
    if (failure) throw failure
    const { incidents } = await client.get('/api/v1/incidents')
    const found = incidents.find((incident) =>
      noticed ? incident.id === noticed.id : !before.has(incident.id) && isMeant(incident),
    )
    if (found && !noticed) {
      noticed = found
      const since = printDurationMs(Date.now() - beganMs)
      say(`  ${since} later there is incident ${found.id}: ${printTarget(found.target)}; capturing …`)
    }
    if (found?.state === 'failed') throw new DemoFailure(`the capture failed: ${found.message}`)
    if (found && found.state !== 'capturing' && found.top.length > 0) {
      await cause
      return { detail: await client.get('/api/v1/incidents/{id}', { params: { id: found.id } }), beganMs }
    }
    await sleep(100)
  }
  const seen = noticed ? 'an incident was opened but its evidence did not arrive' : 'no incident was opened'
  const known = why ? `: ${await why()}` : ''
  const { incidents } = await client.get('/api/v1/incidents')
  const others = incidents.filter(({ id }) => !before.has(id) && id !== noticed?.id)
  const instead =
    others.length > 0 ? `; there were those of ${others.map(({ target }) => printTarget(target)).join(', ')}` : ''
  const load = `the load of this machine is ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} CPUs`
  throw new DemoFailure(`${seen} within ${printDurationMs(incidentTimeoutMs)}${known}${instead}; ${load}`)
}
