// What was a pod doing at a time: `spikecam list` over a real server.
import { expect, test } from 'vitest'
import { makeIncident, someMs, someTarget } from '../nouns.ts'
import { PlayedAgent } from '../played-agent.ts'
import { startTestServer } from '../running-server.ts'
import { spikecam } from './spikecam.ts'

test('incidents of one pod, and of a time', async () => {
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
    await agent.deliver({ type: 'incident', incident: makeIncident({ id, target, ...times, state: 'complete' }) })
  }
  const list = async (...args: string[]): Promise<string[]> =>
    (await spikecam(['list', ...args, '-o', 'name', '--server', server.url])).stdout.split('\n').filter(Boolean)
  const half = new Date(someMs + 15 * 60_000).toISOString()
  expect(await list('cart-0')).toEqual(['inc-cart-late', 'inc-cart-early'])
  expect(await list('pod/cart-0', '-n', 'shop', '--before', half)).toEqual(['inc-cart-early'])
  expect(await list('--since', half)).toEqual(['inc-web', 'inc-cart-late'])
  expect(await list('cart-0', '-n', 'other')).toEqual([])
  const wrong = await spikecam(['list', '--since', 'yesterday', '--server', server.url])
  expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('"yesterday" is no moment') })
  const none = await spikecam(['list', 'nobody-0', '--server', server.url])
  expect(none.stderr).toContain('No incidents of that pod or time')
})
