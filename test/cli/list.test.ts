// What was a pod doing at a time: `spikecam list` over a real server.
import { expect, test } from 'vitest'
import { makeIncident, someMs, someTarget } from '../nouns.ts'
import { PlayedAgent } from '../played-agent.ts'
import { startTestServer } from '../running-server.ts'
import { spikecam } from './spikecam.ts'

test('incidents of one pod, of a time, in a state, and with some words', async () => {
  await using server = await startTestServer()
  const agent = await PlayedAgent.connect(server.url)
  const episodes = [
    { id: 'inc-cart-early', pod: 'cart-0', minute: 0 },
    { id: 'inc-cart-late', pod: 'cart-0', minute: 30 },
    { id: 'inc-web', pod: 'web-0', minute: 30 },
  ]
  for (const { id, pod, minute } of episodes) {
    const onsetMs = someMs + minute * 60_000
    const times = { onsetMs, noticedMs: onsetMs + 600, endedMs: onsetMs + 6000 }
    const target = { ...someTarget, namespace: 'shop', pod }
    const top = [{ function: pod === 'web-0' ? 'render' : 'evilRegex', selfShare: 0.9, totalShare: 0.9 }]
    const state = minute === 0 ? 'partial' : 'complete'
    await agent.deliver({ type: 'incident', incident: makeIncident({ id, target, ...times, top, state }) })
  }
  const list = async (...args: string[]): Promise<string[]> =>
    (await spikecam(['list', ...args, '-o', 'name', '--server', server.url])).stdout.split('\n').filter(Boolean)
  const half = new Date(someMs + 15 * 60_000).toISOString()
  expect(await list('cart-0')).toEqual(['inc-cart-late', 'inc-cart-early'])
  expect(await list('pod/cart-0', '-n', 'shop', '--before', half)).toEqual(['inc-cart-early'])
  expect(await list('--since', half)).toEqual(['inc-web', 'inc-cart-late'])
  expect(await list('cart-0', '-n', 'other')).toEqual([])
  expect(await list('--text', 'shop evilregex')).toEqual(['inc-cart-late', 'inc-cart-early'])
  expect(await list('--text', 'evilRegex', '--state', 'partial')).toEqual(['inc-cart-early'])
  expect(await list('--text', 'evilRegex render')).toEqual([])
  const state = await spikecam(['list', '--state', 'done', '--server', server.url])
  expect(state).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--state: expected one of capturing, complete, partial, failed'),
  })
  const wrong = await spikecam(['list', '--since', 'yesterday', '--server', server.url])
  expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('"yesterday" is no moment') })
  expect(wrong.stderr).toContain('--since')
  const none = await spikecam(['list', 'nobody-0', '--server', server.url])
  expect(none.stderr).toContain('No incidents like that')
})
