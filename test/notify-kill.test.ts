// kill -9 while receivers are being told: nobody is left out, and who may be told twice is told so.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createClient } from '../src/api/client.ts'
import { startSpikecam } from './cli/spikecam.ts'
import { makeCapture, makeIncident } from './nouns.ts'
import { PlayedAgent } from './played-agent.ts'
import { startHttpReceiver } from './receivers.ts'
import { until } from './running-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const folder = temporaryFolder()
const ids = Array.from({ length: 8 }, (_, index) => `inc-${index}`)

/** All documents, as an agent repeats what was not acknowledged; what is cut by the end of the server is repeated. */
async function deliverAll(url: string): Promise<void> {
  const agent = await PlayedAgent.connect(url)
  const now = Date.now()
  for (const id of ids) {
    const times = { onsetMs: now - 20_000, noticedMs: now - 19_000, evidenceMs: now - 10_000 }
    await agent.deliver({ type: 'incident', incident: makeIncident({ id, ...times }) })
    const capture = makeCapture({ id: `cap-${id}`, incidentId: id, state: 'complete' })
    await agent.deliver({ type: 'capture', capture })
  }
}

test('killed at any of its messages, the server tells everybody, and marks what may be a repeat', async () => {
  let killAt = 0
  let kill = (): void => undefined
  await using receiver = await startHttpReceiver((_, index) => {
    if (index + 1 !== killAt) return { status: 200 }
    // In the midst: it has come, and the answer is never heard.
    kill()
    return undefined
  })
  const rules = join(folder, 'rules.yaml')
  const events = { name: 'events', type: 'webhook', url: receiver.url, every: '0s' }
  // No rule for spikes: the played agent would carry out no capture, and messages would wait for it.
  const alertsOnly = { name: 'alerts', match: { source: ['alert'] } }
  writeFileSync(rules, stringify({ receivers: [events], to: 'events', rules: [alertsOnly] }))
  for (const at of [1, 3, 6]) {
    killAt = at
    const server = await startSpikecam(['server', '--data', folder, '--rules', rules])
    const killed = new Promise<void>((resolve) => {
      kill = () => void server.stop('SIGKILL').then(() => resolve())
    })
    await deliverAll(server.url).catch(() => undefined) // cut by the kill
    await killed
  }
  killAt = 0
  const server = await startSpikecam(['server', '--data', folder, '--rules', rules])
  await deliverAll(server.url)
  const client = createClient({ baseUrl: server.url })
  const all = await until(
    async () => (await client.get('/api/v1/notices', { query: { limit: 100 } })).notices,
    (notices) => notices.length === ids.length && notices.every(({ state }) => state === 'sent'),
  )
  await server.stop('SIGTERM')
  expect(all.map(({ incidentId }) => incidentId).sort()).toEqual(ids)
  const told = new Map<unknown, boolean[]>()
  for (const { headers, body } of receiver.posted) {
    const key = headers['idempotency-key']
    told.set(key, [...(told.get(key) ?? []), JSON.parse(body).mayBeRepeat === true])
  }
  expect([...told.keys()].sort()).toEqual(ids.map((id) => `${id}.events`))
  // Three were cut; each came once more, and said that it may be a repeat.
  const repeats = [...told.values()].filter((marks) => marks.length > 1)
  expect(repeats).toEqual([
    [false, true],
    [false, true],
    [false, true],
  ])
  expect([...told.values()].filter((marks) => marks.length === 1)).toEqual(Array(5).fill([false]))
})
