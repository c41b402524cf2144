// Rules over the API: what a message would lead to, and rules that somebody lets rest.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startTestServer } from '../../test/running-server.ts'
import type { Failure } from '../model/errors.ts'

const rules = `rules:
  - name: shop-cpu
    match: { alertname: '*Cpu*', namespaces: shop }
    when: { above: 80%, risesBy: 40% }
    do: [context, cpu 20s]
    guards: { nodeCpuBelow: 95% }
  - name: rest
    paused: true
  - name: anything
`
const alert = {
  status: 'firing',
  labels: { alertname: 'CpuHigh', namespace: 'shop', pod: 'cart-0' },
  fingerprint: 'aa',
}
const body = { version: '4', groupKey: 'g', status: 'firing', alerts: [alert] }

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-rules-'))
  const rulesFile = join(folder, 'rules.yaml')
  writeFileSync(rulesFile, rules)
  const start = () => startTestServer({ rulesFile, dataDir: join(folder, 'data') })
  return { start, [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) }
}

test('a rule that is paused rests until it is resumed, over a restart too, and the next one is asked', async () => {
  await using folder = await open()
  const decisions = async ({ client }: Awaited<ReturnType<typeof startTestServer>>) =>
    (await client.post('/api/v1/rules/test', { body } as never)).alerts[0]?.decisions
  const first = await folder.start()
  expect(await decisions(first)).toEqual([
    'rule shop-cpu matches',
    'target: pod cart-0, namespace shop (pod, by labels pod, namespace)',
    'when: above 80 %, risesBy 40 %, judged by the CPU at that moment',
    'guards: nodeCpuBelow 95 %, judged at that moment',
    'do: context 20s, cpu 20s',
  ])
  const params = { name: 'shop-cpu' }
  const request = { params, body: { by: 'ana', why: 'load test until noon' } }
  expect(await first.client.post('/api/v1/rules/{name}/pause', request)).toMatchObject({
    state: 'paused',
    pause: { by: 'ana', why: 'load test until noon' },
  })
  await first.close()

  await using again = await folder.start()
  const { rules: states } = await again.client.get('/api/v1/rules')
  expect(states.map(({ name, state, pause }) => [name, state, pause?.by])).toEqual([
    ['shop-cpu', 'paused', 'ana'],
    ['rest', 'paused', undefined],
    ['anything', 'active', undefined],
  ])
  expect(await decisions(again)).toEqual([
    'rule shop-cpu: the rule is paused',
    'rule rest: the rule is paused',
    'rule anything matches',
    'target: pod cart-0, namespace shop (pod, by labels pod, namespace)',
    'when: it fires',
    'do: bundle 20s',
  ])
  expect(await again.client.post('/api/v1/rules/{name}/resume', { params })).toMatchObject({ state: 'active' })
  expect((await decisions(again))?.[0]).toBe('rule shop-cpu matches')
})

test('a rule that nobody knows, or that does not rest, is said to be so', async () => {
  await using folder = await open()
  await using server = await folder.start()
  const post = (verb: 'pause' | 'resume', name: string) =>
    server.client.post(`/api/v1/rules/{name}/${verb}`, { params: { name }, body: {} } as never)
  const why = async (asked: Promise<unknown>) => asked.catch((error: Failure) => [error.code, error.message])
  expect(await why(post('pause', 'shop-cup'))).toEqual([
    'NOT_FOUND',
    'there is no rule "shop-cup"; did you mean "shop-cpu"?',
  ])
  expect(await why(post('resume', 'anything'))).toEqual(['BAD_REQUEST', 'rule "anything" is not paused'])
  expect(await why(post('resume', 'rest'))).toEqual([
    'BAD_REQUEST',
    'rule "rest" is not paused here but by the rule file',
  ])
})
