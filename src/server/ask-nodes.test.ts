// Questions to agents: whom a name means, who runs, who burns, and what happens when one says nothing.
import { expect, test } from 'vitest'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer } from '../../test/running-server.ts'
import type { Answer, Question } from '../api/messages.ts'
import type { TargetCandidate } from '../model/inventory.ts'

const container = (node: string, pod: string, cores: number): TargetCandidate => ({
  target: { kind: 'container', node, pod, namespace: 'shop', container: 'app', containerId: pod.padEnd(64, '0') },
  cores,
})
const targets = (...candidates: TargetCandidate[]): Answer => ({ about: 'targets', candidates, near: [] })
const play = async (url: string, node: string, answer: (question: Question) => Answer): Promise<PlayedAgent> => {
  const agent = await PlayedAgent.connect(url, { node })
  agent.answerWith(answer)
  await agent.nextOf('welcome')
  return agent
}

test('a capture by name is of the busiest on any node, and the others are told', async () => {
  await using server = await startTestServer()
  const one = await play(server.url, 'one', () => targets(container('one', 'cart-0', 0.2)))
  const two = await play(server.url, 'two', () =>
    targets(container('two', 'cart-1', 0.9), container('two', 'cart-2', 0)),
  )
  const accepted = await server.client.post('/api/v1/captures', {
    body: { kind: 'cpu', select: { name: 'deploy/cart', namespace: 'shop' } },
  })
  expect(accepted.target).toMatchObject({ node: 'two', pod: 'cart-1' })
  expect(accepted.others?.map(({ target }) => target.pod)).toEqual(['cart-0', 'cart-2'])
  expect(await one.nextOf('ask')).toMatchObject({
    question: { about: 'targets', select: { name: 'deploy/cart', namespace: 'shop' } },
  })
  expect((await two.nextOf('start-capture')).target).toEqual(accepted.target)
  const { incident } = await server.client.get('/api/v1/incidents/{id}', { params: { id: accepted.incidentId } })
  expect(incident.target).toMatchObject({ pod: 'cart-1', container: 'app' })
})

test('a name that nobody has is refused with names that come near, before anything is recorded', async () => {
  await using server = await startTestServer()
  await play(server.url, 'one', () => ({ about: 'targets', candidates: [], near: ['pod/cart-0'] }))
  const ask = server.client.post('/api/v1/captures', { body: { kind: 'cpu', select: { name: 'pod/crat-0' } } })
  await expect(ask).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'nothing on one is pod/crat-0; did you mean pod/cart-0?',
  })
  expect((await server.client.get('/api/v1/captures')).captures).toEqual([])
  await expect(
    server.client.post('/api/v1/captures', { body: { kind: 'cpu', select: { namespace: 'shop' } } }),
  ).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(server.client.post('/api/v1/captures', { body: { kind: 'cpu' } })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  })
})

test('a bare PID is looked up, and must be told apart between nodes', async () => {
  await using server = await startTestServer()
  const process = (node: string): Answer =>
    targets({ target: { kind: 'process', node, pid: 4242, startTicks: 7, comm: 'cart' }, cores: 0 })
  const one = await play(server.url, 'one', () => process('one'))
  const body = { kind: 'cpu', target: { kind: 'process', pid: 4242 } } as const
  const { target } = await server.client.post('/api/v1/captures', { body })
  expect(target).toMatchObject({ startTicks: 7 })
  expect((await one.nextOf('start-capture')).target.startTicks).toBe(7)
  await play(server.url, 'two', () => process('two'))
  await expect(
    server.client.post('/api/v1/captures', { body: { kind: 'cpu', select: { name: 'pid/4242' } } }),
  ).rejects.toMatchObject({ code: 'BAD_REQUEST', message: 'pid/4242 is on one and on two; name the node (--on)' })
})

test('one node that goes away does not spoil the answer of the others', async () => {
  await using server = await startTestServer()
  await play(server.url, 'one', () => ({ about: 'usage', cpus: 2, cores: 1.5, rows: [] }))
  const silent = await PlayedAgent.connect(server.url, { node: 'two' })
  await silent.nextOf('welcome')
  const asked = server.client.get('/api/v1/usage')
  await silent.nextOf('ask')
  await silent.close()
  expect(await asked).toEqual({
    nodes: [{ node: 'one', cpus: 2, cores: 1.5, rows: [] }],
    silent: [{ node: 'two', code: 'UNREACHABLE', message: 'the agent of node two went away just now' }],
  })
})

test('what an agent cannot answer keeps its code', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url, { node: 'one' })
  await agent.nextOf('welcome')
  const asked = server.client.get('/api/v1/processes', { query: { labels: 'app=(' } })
  const { request } = await agent.nextOf('ask')
  agent.say({ type: 'no-answer', request, code: 'USAGE', message: 'not a selector: app=(' })
  await expect(asked).rejects.toMatchObject({ code: 'USAGE', message: 'not a selector: app=(' })
})
