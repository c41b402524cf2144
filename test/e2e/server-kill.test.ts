// The server is killed while an agent carries out what an alert led to: nothing of it is lost, and nothing done twice.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createClient } from '../../src/api/client.ts'
import { freePort } from '../free-port.ts'
import { cart } from '../nouns.ts'
import { PlayedAgent } from '../played-agent.ts'
import { until } from '../running-server.ts'

const canRun = process.getuid?.() === 0

const folder = mkdtempSync(join(tmpdir(), 'spikecam-kill-'))
const children: ChildProcess[] = []
afterAll(async () => {
  for (const child of children) await end(child)
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the program and resolves when it has written what `ready` takes. */
async function start(args: string[], ready: RegExp): Promise<{ child: ChildProcess; output: () => string }> {
  const child = spawn(resolve(import.meta.dirname, '../../spikecam'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let text = ''
  await new Promise<void>((done, fail) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      if (ready.test(text)) done()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) => fail(new Error(`spikecam ${args[0]} ended with ${code}:\n${text}`)))
  })
  return { child, output: () => text }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

test.runIf(canRun)('the steps of an alert go on over a kill of the server, each once', async () => {
  const rules = join(folder, 'rules.yaml')
  writeFileSync(rules, 'rules: [{ name: steps, match: { source: [alert] }, do: [context 2s, context 1s] }]')
  const listen = `127.0.0.1:${await freePort()}`
  const url = `http://${listen}`
  const serve = () =>
    start(['server', '--listen', listen, '--data', join(folder, 'server'), '--rules', rules], /listening/)
  const server = await serve()
  const quiet = ['--spike-level', '100000%', '--spike-jump', '100000%']
  const where = ['--server', url, '--data', join(folder, 'agent'), '--node', 'n1']
  const agent = await start(['agent', ...where, ...quiet], /connected to the server/)
  const client = createClient({ baseUrl: url })
  // It means this process, which is there for as long as it is asked for.
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const labels = { alertname: 'CpuHigh', instance: `127.0.0.1:${(listener.address() as AddressInfo).port}` }
  const body = JSON.stringify({
    version: '4',
    groupKey: 'g',
    alerts: [{ status: 'firing', labels, fingerprint: 'a' }],
  })
  expect((await fetch(`${url}/hooks`, { method: 'POST', body })).status).toBe(202)
  const captures = async () => (await client.get('/api/v1/captures')).captures
  await until(captures, (all) => all.length === 1)
  await end(server.child)
  await serve()
  // Alertmanager was answered, but many a sender repeats what fires anyway.
  expect((await fetch(`${url}/hooks`, { method: 'POST', body })).status).toBe(202)
  const isOver = ({ state }: { state: string }) => state !== 'recording' && state !== 'uploading'
  const found = await until(captures, (all) => all.length >= 2 && all.every(isOver))
  listener.close()
  expect(found.map(({ target }) => target.pid)).toEqual([process.pid, process.pid])
  expect(found.map(({ toMs, fromMs }) => toMs > fromMs)).toEqual([true, true])
  expect(agent.output()).toContain('told again, and left alone')
  const { alerts } = await client.get('/api/v1/alerts')
  expect(alerts).toMatchObject([{ decisions: [{ outcome: 'captured' }] }])
  const { entries } = await client.get('/api/v1/triggers')
  expect(entries.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted'])
})

test('an alert that ended before it was decided about is decided about by the next start, when the server is killed', async () => {
  const listen = `127.0.0.1:${await freePort()}`
  const url = `http://${listen}`
  const serve = () => start(['server', '--listen', listen, '--data', join(folder, 'ended')], /listening/)
  const server = await serve()
  const startsAt = new Date(Date.now() - 60_000).toISOString()
  const endsAt = new Date().toISOString()
  const send = async (change: object): Promise<void> => {
    const labels = { alertname: 'CpuHigh', namespace: 'shop', pod: 'cart-0', container: 'app' }
    const alert = { status: 'firing', labels, fingerprint: 'a', startsAt, ...change }
    const body = JSON.stringify({ version: '4', groupKey: 'g', alerts: [alert] })
    expect((await fetch(`${url}/hooks`, { method: 'POST', body })).status).toBe(202)
  }
  // Nobody is there who knows the container, so it waits.
  await send({})
  await send({ status: 'resolved', endsAt })
  const client = createClient({ baseUrl: url })
  const alerts = async () => (await client.get('/api/v1/alerts')).alerts
  expect(await alerts()).toMatchObject([{ state: 'queued', resolvedMs: Date.parse(endsAt), decisions: [] }])
  await end(server.child)
  await serve()
  const agent = await PlayedAgent.connect(url)
  agent.answerWith(({ about }) =>
    about === 'targets'
      ? { about, candidates: [{ target: cart, cores: 1 }], near: [] }
      : { about: 'vitals', cores: 1, runtimes: ['go'], node: { cpus: 2, cores: 1, memoryAvailableShare: 0.5 } },
  )
  const order = await agent.nextOf('start-capture')
  expect(await until(alerts, ([one]) => one?.state === 'resolved')).toMatchObject([
    { resolvedMs: Date.parse(endsAt), decisions: [{ outcome: 'captured', incidentId: order.incidentId }] },
  ])
  const { incident } = await until(
    () => client.get('/api/v1/incidents/{id}', { params: { id: order.incidentId as string } }),
    (detail) => detail.incident.endedMs !== undefined,
  )
  expect(incident).toMatchObject({ endedMs: Date.parse(endsAt), alerts: [{ resolvedMs: Date.parse(endsAt) }] })
})

test.skipIf(canRun)('a server that is killed under a real agent: needs root', () => undefined)
