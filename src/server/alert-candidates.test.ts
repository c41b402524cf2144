import { expect, test } from 'vitest'
import type { Answer, Question } from '../api/messages.ts'
import type { TargetCandidate } from '../model/inventory.ts'
import type { Target } from '../model/target.ts'
import { targetOfAlert } from '../trigger/alert-target.ts'
import type { AgentHub } from './agents.ts'
import { candidatesOfAlert } from './alert-candidates.ts'

const process = (node: string, pid: number, cmdline: string): Target => ({ kind: 'process', node, pid, cmdline })
const burner = process('vm1', 7, '/usr/bin/burner')

/** Nodes that know who listens on one address each, where the burner burns. */
function nodes(listeners: Record<string, Record<string, TargetCandidate[]>>): Pick<AgentHub, 'list' | 'ask'> {
  const answer = (node: string, question: Question): Answer => {
    if (question.about === 'targets') {
      const candidates = listeners[node]?.[question.select.name ?? ''] ?? []
      return { about: 'targets', candidates, near: [] }
    }
    return { about: 'usage', cpus: 2, cores: 1, rows: [{ target: { ...burner, node }, cores: 0.9 }] }
  }
  return {
    list: () => Object.keys(listeners).map((node) => ({ node, connected: true })),
    ask: async (node: string, question: Question) => answer(node, question),
  } as unknown as Pick<AgentHub, 'list' | 'ask'>
}

const find = async (agents: Pick<AgentHub, 'list' | 'ask'>, labels: Record<string, string>) => {
  const alert = { source: 'alertmanager', status: 'firing', name: 'cpu', series: 's', group: 'g' } as const
  const wanted = targetOfAlert({ ...alert, labels, context: {}, annotations: {} })
  if (!wanted) throw new Error('no label names a target')
  const { candidates, because } = await candidatesOfAlert(agents, wanted)
  return { whom: candidates.map(({ target }) => `${target.node} ${target.cmdline ?? target.kind}`), because }
}

test('an instance is whoever listens there, whichever node it is on', async () => {
  const agents = nodes({
    vm1: { 'vm1.example:9121': [{ target: process('vm1', 42, 'redis_exporter -x'), cores: 0.4 }] },
    vm2: {},
  })
  expect(await find(agents, { instance: 'vm1.example:9121' })).toEqual({
    whom: ['vm1 redis_exporter -x'],
    because: 'by label instance: it listens on vm1.example:9121',
  })
})

test('of workers that share the socket the busiest comes first', async () => {
  const worker = (pid: number, cores: number) => ({ target: process('vm1', pid, `worker ${pid}`), cores })
  const agents = nodes({ vm1: { 'vm1:80': [worker(1, 0.1), worker(2, 0.8)] } })
  expect((await find(agents, { instance: 'vm1:80' })).whom).toEqual(['vm1 worker 2', 'vm1 worker 1'])
})

test('an exporter of a whole machine stands for that machine, by the name that the node has here', async () => {
  const agents = nodes({
    vm1: { '10.0.0.5:9100': [{ target: process('vm1', 42, '/usr/bin/prometheus-node-exporter'), cores: 0.1 }] },
  })
  expect(await find(agents, { instance: '10.0.0.5:9100', job: 'node' })).toEqual({
    whom: ['vm1 /usr/bin/burner'],
    because: 'by label instance; prometheus-node-exporter (pid 42), which listens on 10.0.0.5:9100, tells of others',
  })
})

test('where nobody listens it is the node of that name, or nobody, with the reason', async () => {
  const agents = nodes({ vm1: {} })
  expect(await find(agents, { instance: 'vm1:9121' })).toEqual({
    whom: ['vm1 /usr/bin/burner'],
    because: 'by label instance; nobody listens on vm1:9121',
  })
  await expect(find(agents, { instance: 'other:9121' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'nobody listens on other:9121; no agent of node other is connected; connected: vm1',
  })
})

test('localhost is somebody on every machine, and so nobody as soon as there are two', async () => {
  const target = (node: string) => [{ target: process(node, 42, 'redis_exporter'), cores: 0.4 }]
  const one = nodes({ vm1: { 'localhost:9121': target('vm1') }, vm2: {} })
  expect((await find(one, { instance: 'localhost:9121' })).whom).toEqual(['vm1 redis_exporter'])
  const two = nodes({ vm1: { 'localhost:9121': target('vm1') }, vm2: { 'localhost:9121': target('vm2') } })
  await expect(find(two, { instance: 'localhost:9121' })).rejects.toThrow(
    'localhost:9121 is somebody on each of vm1, vm2',
  )
})
