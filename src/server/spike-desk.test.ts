// Spikes by the rules, over a real server and an agent that is played.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cart, makeCapture, makeIncident } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer, until } from '../../test/running-server.ts'
import type { ServerMessage } from '../api/messages.ts'
import type { Incident } from '../model/incident.ts'
import type { Vitals } from '../model/inventory.ts'

const busyGo: Vitals = {
  cores: 0.95,
  limitCores: 1,
  runtimes: ['go'],
  node: { cpus: 2, cores: 1.9, memoryAvailableShare: 0.5 },
}
const spike = { cause: 'level', cores: 0.95, baselineCores: 0.1, thresholdCores: 0.8, heldMs: 600 } as const

async function open({ rules, vitals = busyGo }: { rules?: string; vitals?: Vitals } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-spikes-'))
  const rulesFile = join(folder, 'rules.yaml')
  if (rules !== undefined) writeFileSync(rulesFile, rules)
  const options = { dataDir: join(folder, 'data'), ...(rules === undefined ? {} : { rulesFile }) }
  const server = await startTestServer(options)
  const connect = async (to: TestServer = server) => {
    const agent = await PlayedAgent.connect(to.url)
    agent.answerWith(() => ({ about: 'vitals', ...vitals }))
    return agent
  }
  const agent = await connect()
  return {
    server,
    agent,
    connect,
    again: () => startTestServer(options),
    [Symbol.asyncDispose]: async () => {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const sight = (change: Partial<Incident> = {}): Incident => {
  const noticedMs = Date.now() - 100
  const trigger = { kind: 'spike' as const, rule: 'cpu-spike', reason: 'cart used 0.95 cores', spike }
  return makeIncident({ id: 'inc-spike', target: cart, onsetMs: noticedMs - 600, noticedMs, trigger, ...change })
}
const own = (incident: Incident, state: 'recording' | 'complete') =>
  makeCapture({
    id: 'cap-own',
    incidentId: incident.id,
    target: cart,
    trigger: incident.trigger,
    requestedMs: incident.noticedMs,
    state,
  })
const orders = (agent: PlayedAgent) => agent.received.filter((each) => each.type === 'start-capture')
const decided = (server: TestServer, id = 'inc-spike') =>
  until(
    async () => (await server.client.get('/api/v1/incidents/{id}', { params: { id } })).incident,
    ({ decision }) => decision !== undefined,
  )
type Order = Extract<ServerMessage, { type: 'start-capture' }>

test('a rule adds to what the agent captures of a spike by itself, at once and beside it', async () => {
  await using world = await open({ rules: 'rules: [{ name: go, do: [context, goroutines 1s, cpu 20s] }]' })
  const { agent, server } = world
  const incident = sight()
  await agent.deliver({ type: 'incident', incident })
  await agent.deliver({ type: 'capture', capture: own(incident, 'recording') })
  const first = await agent.nextOf('start-capture')
  expect(first).toMatchObject({
    triggerKind: 'spike',
    rule: 'go',
    captureKind: 'goroutines',
    incidentId: 'inc-spike',
    target: cart,
  })
  const { decision } = await decided(server)
  expect(decision).toMatchObject({
    outcome: 'captured',
    message: 'shop/cart-0/app: goroutines, cpu; without context: the capture that the agent takes itself has it',
  })
  // More stacks follow those that the agent records by itself.
  const { capture } = await server.client.get('/api/v1/captures/{id}', { params: { id: first.captureId } })
  await agent.deliver({ type: 'capture', capture: { ...capture, state: 'complete' } })
  expect(orders(agent)).toHaveLength(1)
  await agent.deliver({ type: 'capture', capture: own(incident, 'complete') })
  const second = (await agent.next((each) => each.type === 'start-capture' && each.captureKind === 'cpu')) as Order
  expect(second).toMatchObject({ incidentId: 'inc-spike', forMs: 20_000, rule: 'go' })
  const { entries } = await server.client.get('/api/v1/triggers')
  expect(entries.map(({ trigger }) => trigger.rule).sort()).toEqual(['cpu-spike', 'go', 'go'])
})

test('without a file nothing is added where nothing cheap fits, and the incident says so', async () => {
  await using world = await open()
  await world.agent.deliver({ type: 'incident', incident: sight() })
  const { decision } = await decided(world.server)
  expect(decision).toMatchObject({
    outcome: 'skipped',
    rule: 'spikes',
    message: 'shop/cart-0/app: nothing without threads: it is of jvm, python, and this is go',
  })
  expect(orders(world.agent)).toEqual([])
})

test('without a file a Python program has its threads looked at; of a JVM the agent has them', async () => {
  await using python = await open({ vitals: { ...busyGo, runtimes: ['native', 'python'] } })
  await python.agent.deliver({ type: 'incident', incident: sight() })
  expect((await python.agent.nextOf('start-capture')).captureKind).toBe('threads')
  await using jvm = await open({ vitals: { ...busyGo, runtimes: ['jvm'] } })
  await jvm.agent.deliver({ type: 'incident', incident: sight() })
  expect((await decided(jvm.server)).decision?.message).toContain('of a JVM the capture that the agent takes itself')
})

test('a condition is judged by what the agent saw, over the baseline that it had', async () => {
  const rules = 'rules: [{ name: rise, when: { above: 80%, risesBy: 90% }, do: [goroutines] }]'
  await using world = await open({ rules })
  await world.agent.deliver({ type: 'incident', incident: sight() })
  expect((await decided(world.server)).decision).toMatchObject({
    outcome: 'skipped',
    message: 'shop/cart-0/app: it uses 95 % of its limit, and 10 % is usual for it; risesBy is 90 %',
  })
})

test('a limit or a guard that says no is in the ledger', async () => {
  const rules = 'rules: [{ name: go, do: [goroutines], guards: { nodeCpuBelow: 90% } }]'
  await using world = await open({ rules })
  await world.agent.deliver({ type: 'incident', incident: sight() })
  expect((await decided(world.server)).decision).toMatchObject({ outcome: 'refused', guard: 'nodeCpuBelow' })
  const { entries } = await world.server.client.get('/api/v1/triggers')
  expect(entries).toMatchObject([
    { outcome: 'refused', guard: 'nodeCpuBelow', kind: 'goroutines', trigger: { kind: 'spike', rule: 'go' } },
  ])
})

test('decided once: neither a repeat nor a restart captures again, and a step that was not begun is', async () => {
  await using world = await open({ rules: 'rules: [{ name: go, do: [goroutines] }]' })
  const incident = sight()
  await world.agent.deliver({ type: 'incident', incident })
  const { captureId } = await world.agent.nextOf('start-capture')
  await world.agent.deliver({ type: 'incident', incident: { ...incident, endedMs: Date.now() } })
  const { decision } = await decided(world.server)
  expect(orders(world.agent)).toHaveLength(1)
  await world.server.close()
  await using again = await world.again()
  const returned = await world.connect(again)
  await returned.deliver({ type: 'incident', incident })
  // Not heard of since, so told again by the same name; who has had it leaves it alone.
  expect((await returned.nextOf('start-capture')).captureId).toBe(captureId)
  expect(orders(returned)).toHaveLength(1)
  expect((await decided(again)).decision).toEqual(decision)
})

test('a spike that is delivered long after it was is not captured any more, with the reason', async () => {
  await using world = await open({ rules: 'rules: [{ name: go, do: [goroutines] }]' })
  const noticedMs = Date.now() - 3_600_000
  await world.agent.deliver({ type: 'incident', incident: sight({ noticedMs, onsetMs: noticedMs }) })
  expect((await decided(world.server)).decision?.message).toContain('it was 1 h ago when the rules could be asked')
  expect(orders(world.agent)).toEqual([])
})
