// The stack files of Java threads, browsed as folders.
import { expect, test } from 'vitest'
import { makeArtifact, makeCapture } from '../../test/nouns.ts'
import { PlayedAgent } from '../../test/played-agent.ts'
import { startTestServer, type TestServer } from '../../test/running-server.ts'
import { uploadBytes } from '../agent/upload.ts'

async function deliver(server: TestServer, agent: PlayedAgent, name: string): Promise<void> {
  const bytes = new TextEncoder().encode(`threads of ${name}`)
  const artifact = makeArtifact(bytes, { id: `art-${name}`, captureId: 'cap-1', name, mediaType: 'text/plain' })
  await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact })
}

test('by date, namespace and pod, with the file at its path', async () => {
  await using server = await startTestServer()
  const read = async (path: string) => {
    const response = await fetch(`${server.url}${path}`)
    return { status: response.status, url: new URL(response.url).pathname, text: await response.text() }
  }
  const links = (text: string): string[] => [...text.matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href as string)
  expect((await read('/stacks/')).text).toContain('No capture of Java threads yet')
  const agent = await PlayedAgent.connect(server.url)
  await agent.deliver({ type: 'capture', capture: makeCapture({ id: 'cap-1', state: 'complete' }) })
  await deliver(server, agent, 'stacks/2026-11-21/shop/cart-0-app-03-15-00.log')
  await deliver(server, agent, 'stacks/2026-11-21/pay/till-0-app-03-16-00.log')
  await deliver(server, agent, 'stacks/2026-11-20/shop/cart-0-app-03-14-00.log')
  await deliver(server, agent, 'node-1.cpu.pb.gz')

  expect(links((await read('/stacks')).text)).toEqual(['2026-11-20/', '2026-11-21/'])
  expect(links((await read('/stacks/2026-11-21/')).text)).toEqual(['../', 'pay/', 'shop/'])
  expect(await read('/stacks/2026-11-21')).toMatchObject({ status: 200, url: '/stacks/2026-11-21/' })
  const shop = await read('/stacks/2026-11-21/shop/')
  expect(links(shop.text)).toEqual(['../', 'cart-0-app-03-15-00.log'])
  const file = await read('/stacks/2026-11-21/shop/cart-0-app-03-15-00.log')
  expect(file.text).toBe('threads of stacks/2026-11-21/shop/cart-0-app-03-15-00.log')

  expect((await read('/stacks/2026-11-19/')).status).toBe(404)
  expect((await read('/stacks/2026-11-21/shop/cart-0-app')).status).toBe(404)
  expect((await read('/stacks/%2e%2e/%2e%2e/etc')).status).toBe(404)
  expect((await read('/stacks/"name":"/')).status).toBe(404)
  expect((await read('/stacks/%zz')).status).toBe(404)
})
