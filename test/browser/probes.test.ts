// A capture without CPU stacks in a real browser: what was found is drawn and read out, online and in the saved page.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { uploadBytes } from '../../src/agent/upload.ts'
import { type Artifact, mediaTypes } from '../../src/model/capture.ts'
import { makeArtifact, makeCapture, makeIncident, someContext, someMs } from '../nouns.ts'
import type { PlayedAgent } from '../played-agent.ts'
import type { TestServer } from '../running-server.ts'
import { soon, watchPage, whyNoBrowser } from './browser.ts'
import { tabPerTest } from './tab.ts'

const heap = {
  head: {
    callFrame: { functionName: '(root)', scriptId: '0', url: '', lineNumber: -1, columnNumber: -1 },
    selfSize: 0,
    id: 1,
    children: [
      {
        callFrame: {
          functionName: 'keepAll',
          scriptId: '1',
          url: 'file:///app/cart.js',
          lineNumber: 3,
          columnNumber: 2,
        },
        selfSize: 4_000_000,
        id: 2,
        children: [],
      },
    ],
  },
  samples: [{ size: 4_000_000, nodeId: 2, ordinal: 1 }],
}
const capture = makeCapture({
  id: 'cap-heap',
  incidentId: 'inc-heap',
  kind: 'heap',
  probes: [
    { probe: 'context', outcome: 'ok' },
    { probe: 'node-heap', outcome: 'ok', message: 'V8 allocation samples of 3 s' },
    { probe: 'go-pprof', outcome: 'failed', code: 'TIMEOUT', message: 'it did not answer' },
  ],
})
const incident = {
  ...makeIncident({ id: 'inc-heap' }),
  asked: 'heap',
  trigger: { ...capture.trigger, kind: 'manual' },
} as const

let uiDir: string
let server: TestServer
let agent: PlayedAgent
const tab = tabPerTest({ width: 1440, height: 900 }, async (stage) => {
  ;({ uiDir, server, agent } = stage)
  await agent.deliver({ type: 'incident', incident })
  await deliver('art-heap', 'heapprofile', mediaTypes.heapprofile, heap)
  await deliver('art-context', 'context.json', mediaTypes.context, someContext)
  await agent.deliver({ type: 'capture', capture })
})

async function deliver(id: string, name: string, mediaType: string, document: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(document))
  const probe = mediaType === mediaTypes.context ? 'context' : 'node-heap'
  const artifact: Artifact = makeArtifact(bytes, {
    id,
    captureId: capture.id,
    name: `node-1.20261121_031500_UTC.pid_7.${name}`,
    mediaType,
    probe,
  })
  await uploadBytes(server.url, { bytes, sha256: artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact })
}

/** What stands on the page, whoever serves it. */
async function look(): Promise<void> {
  const { page } = tab
  await page.locator('.functions').getByText('keepAll').first().waitFor()
  const panel = page.getByLabel('What was collected')
  expect(await panel.getByText('V8 allocation samples of 3 s').count()).toBe(1)
  expect(await panel.locator('.badge.failed').textContent()).toBe('failed')
  expect(await panel.getByText('it did not answer').count()).toBe(1)
  await panel.getByText('in 90 % of its periods').waitFor()
  await soon(() => panel.locator('.context .bad').first().textContent()).toContain('▲')
  await soon(() => panel.getByText('MainThread').count()).toBe(1)
  await soon(() => page.getByRole('heading', { level: 1 }).textContent()).toContain('was asked for its heap')
  // Nothing to compare with, and no cores of bytes.
  await soon(() => page.getByText('4.0 MB in all').count()).toBe(1)
  expect(await page.locator('.toggle').count()).toBe(0)
}

test.skipIf(whyNoBrowser)('a heap is drawn, and every probe says how it went', async () => {
  const { page } = tab
  await page.goto(`${server.url}/incidents/inc-heap`)
  await look()
  await page.setViewportSize({ width: 390, height: 800 })
  // Pictures follow the width with the next frame.
  await soon(() => page.evaluate('document.documentElement.scrollWidth')).toBe(390)
})

test.skipIf(whyNoBrowser)('of several captures each can be looked at', async () => {
  const probes = [{ probe: 'go-pprof', outcome: 'skipped', message: 'it serves none' }] as const
  const second = makeCapture({ id: 'cap-more', incidentId: 'inc-heap', kind: 'allocs', state: 'failed' })
  await agent.deliver({ type: 'capture', capture: { ...second, requestedMs: someMs + 60_000, probes: [...probes] } })
  const { page } = tab
  await page.setViewportSize({ width: 390, height: 800 })
  await page.goto(`${server.url}/incidents/inc-heap`)
  await page.locator('.functions').getByText('keepAll').first().waitFor()
  const shown = page.getByRole('navigation', { name: 'Captures' }).getByRole('button', { pressed: true })
  await soon(() => shown.textContent()).toContain('heap')
  await page.getByRole('button', { name: /^allocs .*failed$/ }).click()
  await page.getByText('it serves none').waitFor()
  await soon(() => shown.textContent()).toContain('allocs')
  await page.goBack()
  await page.locator('.functions').getByText('keepAll').first().waitFor()
})

test.skipIf(whyNoBrowser)('the saved page has it all', async () => {
  const answer = await server.client.bytes('/api/v1/incidents/{id}/export.html', { params: { id: 'inc-heap' } })
  const file = join(uiDir, 'saved.html')
  writeFileSync(file, await answer.text())
  const { page } = tab
  tab.problems = watchPage(page, 'file:').problems
  await page.goto(pathToFileURL(file).href)
  await look()
})
