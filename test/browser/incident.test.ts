// People look at an incident in a real browser: what they see are the numbers of the profile, wherever they click.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { uploadBytes } from '../../src/agent/upload.ts'
import { changePalette } from '../../src/flame/color.ts'
import { mediaTypes } from '../../src/model/capture.ts'
import { encodePprof } from '../../src/profile/pprof-encode.ts'
import { drawProfile } from '../drawn-stacks.ts'
import { machineProfile, spikeDocuments, spikeOnsetMs } from '../machine-profile.ts'
import { makeArtifact, makeIncident, someMs } from '../nouns.ts'
import { PlayedAgent, someStatus } from '../played-agent.ts'
import { startTestServer, type TestServer } from '../running-server.ts'
import { flamePoint, soon, watchPage, whyNoBrowser } from './browser.ts'
import { tabPerTest } from './tab.ts'

const bytes = machineProfile()
const documents = spikeDocuments(bytes)
const { capture, artifact } = documents
const incident = {
  ...documents.incident,
  trigger: {
    ...documents.incident.trigger,
    spike: { cause: 'level', cores: 1.1, baselineCores: 0.1, thresholdCores: 0.8, heldMs: 600 },
  },
} as typeof documents.incident
const quality = {
  samples: 186,
  lostSamples: 3,
  truncatedStacks: 0,
  unsymbolizedShare: 0.031,
  event: 'cpu-clock',
  eventFallback: true,
  gaps: [],
  notes: [],
}
const cores = Array.from({ length: 100 }, (_, i) => (i >= 50 && i < 80 ? 1.1 : 0.1))
const usage = new TextEncoder().encode(
  JSON.stringify({
    series: [
      { name: 'target', startMs: someMs, stepMs: 200, cores },
      { name: 'machine', startMs: someMs, stepMs: 200, cores: cores.map((value) => value + 0.2) },
    ],
  }),
)

let uiDir: string
let browser: Browser
let server: TestServer
let agent: PlayedAgent
const tab = tabPerTest({ width: 1440, height: 900 }, async (stage) => {
  ;({ uiDir, server, agent, browser } = stage)
  await agent.deliver({ type: 'incident', incident })
  await deliverEvidence(server, agent)
})

async function deliverEvidence(to: TestServer, agent: PlayedAgent): Promise<void> {
  await agent.deliver({ type: 'capture', capture: { ...capture, ringHz: 49, deepHz: 99, quality } })
  const usageArtifact = makeArtifact(usage, { id: 'art-usage', captureId: capture.id, mediaType: mediaTypes.usage })
  for (const each of [
    { bytes, artifact },
    { bytes: usage, artifact: usageArtifact },
  ]) {
    await uploadBytes(to.url, { bytes: each.bytes, sha256: each.artifact.sha256 })
    await agent.deliver({ type: 'artifact', artifact: each.artifact })
  }
  await agent.deliver({ type: 'capture', capture: { ...capture, ringHz: 49, deepHz: 99, quality, state: 'complete' } })
  await agent.deliver({ type: 'incident', incident: { ...incident, state: 'complete', evidenceMs: someMs + 21_000 } })
}

const address = `/incidents/${incident.id}`
const open = async (query = ''): Promise<void> => {
  await tab.page.goto(`${server.url}${address}${query}`)
  await settled()
}
/** The picture is there, and so is what stands above it: nothing moves under the pointer any more. */
async function settled(): Promise<void> {
  await tab.page.locator('.flame canvas[data-boxes]').waitFor()
  await tab.page.locator('.facts', { hasText: 'called through' }).waitFor()
  await tab.page.getByRole('img', { name: /the highest value was 1.10 cores/ }).waitFor()
}
/** What a person reads there, with single blanks. */
const text = async (selector: string): Promise<string> =>
  (await tab.page.locator(selector).allInnerTexts()).join(' ').replace(/\s+/g, ' ').trim()
const hover = async (share: number, row: number): Promise<string> => {
  const { x, y } = await flamePoint(tab.page, share, row)
  await tab.page.mouse.move(x, y)
  return text('.details')
}
const click = async (share: number, row: number): Promise<void> => {
  const { x, y } = await flamePoint(tab.page, share, row)
  await tab.page.mouse.click(x, y)
}
/** Asked of the page itself: what the driver knows of the address comes a moment later. */
const query = async (): Promise<URLSearchParams> =>
  new URLSearchParams(await tab.page.evaluate<string>('location.search'))
/** Function, self, total of every row, as printed. */
const rows = (): Promise<string[][]> =>
  tab.page.evaluate<string[][]>(
    `Array.from(document.querySelectorAll('.functions tbody tr'), (row) =>
       [row.querySelector('.text'), ...row.querySelectorAll('td')].map((cell) => cell.textContent))`,
  )
/** `#rrggbb` of the canvas, near the upper edge of a row, where no label is. */
const pixel = (share: number, row: number): Promise<string> =>
  tab.page.evaluate<string>(
    `(() => {
       const canvas = document.querySelector('.flame canvas')
       const { data } = canvas.getContext('2d').getImageData(canvas.width * ${share}, ${row} * 19 + 2, 1, 1)
       return '#' + [...data.slice(0, 3)].map((channel) => channel.toString(16).padStart(2, '0')).join('')
     })()`,
  )

test.skipIf(whyNoBrowser)('the list says how to try, then what comes in by itself; so does the page', async () => {
  await using own = await startTestServer({ uiDir })
  const scout = await PlayedAgent.connect(own.url)
  await scout.nextOf('welcome')
  scout.say({ type: 'status', ...someStatus })
  await tab.page.goto(own.url)
  await tab.page.getByText('Nothing has spiked yet.').waitFor()
  await soon(() => text('.agents')).toMatch(/node-1 recording at 49 Hz \(cpu-clock\), the last 5 min are kept/)
  await soon(() => text('.empty')).toContain('timeout 6 sh -c')
  await tab.page.getByText('live', { exact: true }).waitFor()

  await scout.deliver({ type: 'incident', incident })
  await tab.page.getByText('cart (pid 4242)').waitFor()
  await soon(() => text('.badge')).toBe('capturing')
  await soon(() => text('.row .what')).toMatch(/cart \(pid 4242\) burned 1.10 cores for 6 s 11× its normal 0.10 cores/)
  await tab.page.getByRole('link', { name: /cart/ }).click()
  await tab.page.getByText('No capture belongs to this incident.').waitFor()
  await soon(() => tab.page.evaluate('location.pathname')).toBe(address)

  await deliverEvidence(own, scout)
  await tab.page.locator('.flame canvas[data-boxes]').waitFor()
  await tab.page.goBack()
  await tab.page.locator('.row .top', { hasText: /90.9 % evilRegex/ }).waitFor()
  await soon(() => text('.badge')).toBe('complete')
  // It would see its server end.
  await tab.page.goto('about:blank')
  await scout.close()
})

describe.skipIf(whyNoBrowser)('an incident', () => {
  test('says in one look: who, how much, which function, compared with what, since when', async () => {
    await open()
    await soon(() => text('h1')).toBe('cart (pid 4242) burned 1.10 cores for 6 s')
    for (const fact of [
      'Function 90.9 % evilRegex called through main → serve',
      'Compared to normal 11× its normal 0.10 cores',
      'noticed after 600 ms',
    ]) {
      await soon(() => text('.facts')).toContain(fact)
    }
    await soon(() => tab.page.title()).toBe('evilRegex · cart (pid 4242) · Spikecam')
    expect(await tab.page.locator('.facts time').getAttribute('datetime')).toBe(new Date(spikeOnsetMs).toISOString())
    await soon(() => text('.quality')).toContain(
      '186 samples ▲ 3 lost 3.1 % without symbols 0 truncated stacks cpu-clock (fall-back)',
    )
  })

  test('the table has the numbers of the API', async () => {
    await open('?who=all')
    const params = { id: incident.id }
    const { rows: wanted, value } = await server.client.get('/api/v1/incidents/{id}/top', {
      params,
      query: { scope: 'node' },
    })
    const shown = async () => (await rows()).filter(([, self]) => self !== '0 %').map(([name, self]) => [name, self])
    const percent = (part: number): string => `${Number(((part / value) * 100).toFixed(1))} %`
    await soon(shown).toEqual(wanted.filter((row) => row.self > 0).map((row) => [row.function, percent(row.self)]))
    expect((await shown()).map(([name]) => name)).toEqual(['evilRegex', 'readQuery', 'collect'])
  })

  test('pointing at a box tells its numbers, during against before', async () => {
    await open()
    await soon(() => hover(0.2, 3)).toMatch(/^evilRegex cart total 90.9 % 1.00 core self 90.9 % before 0 cores new$/)
    await soon(() => hover(0.2, 2)).toMatch(/^serve cart total 90.9 % 1.00 core self 0 % before 0.10 cores 10×$/)
    await soon(() => hover(0.97, 2)).toMatch(
      /^collect cart total 9.1 % 0.10 cores self 9.1 % before 0 cores no proven change$/,
    )
  })

  test('clicking zooms, the address says so, back and Esc undo it', async () => {
    await open()
    await click(0.97, 2)
    await soon(async () => (await query()).get('zoom')).toMatch(/^[0-9a-f]{8}$/)
    await soon(() => hover(0.1, 2)).toContain('collect')
    await tab.page.goBack()
    await soon(() => hover(0.1, 2)).toContain('serve')
    await click(0.97, 2)
    await tab.page.keyboard.press('Escape')
    await soon(async () => (await query()).get('zoom')).toBeNull()
    await soon(() => hover(0.1, 2)).toContain('serve')
  })

  test('arrows, Enter and Backspace do what the pointer does, and a screen reader hears it', async () => {
    await open()
    await tab.page.locator('.picked').focus()
    const spoken = () => tab.page.getByRole('treeitem').textContent()
    await tab.page.locator('.flame').focus()
    await soon(spoken).toMatch(/^evilRegex, total 90.9 %, self 90.9 %, new against before$/)
    await tab.page.keyboard.press('ArrowUp')
    await soon(spoken).toMatch(/^serve, /)
    await tab.page.keyboard.press('ArrowRight')
    await soon(spoken).toMatch(/^collect, /)
    await soon(() => tab.page.getByRole('treeitem').getAttribute('aria-level')).toBe('3')
    await tab.page.keyboard.press('Enter')
    await soon(() => hover(0.1, 2)).toContain('collect')
    await tab.page.keyboard.press('Backspace')
    await soon(() => hover(0.1, 2)).toContain('serve')
  })

  test('search tells the share that matches, of everything and of the zoomed box; the table follows', async () => {
    await open()
    await tab.page.keyboard.press('/')
    await tab.page.keyboard.type('^evil|collect')
    await soon(() => text('.matched')).toMatch(/^100 %/)
    await soon(async () => (await rows()).map(([name]) => name)).toEqual(['evilRegex', 'collect'])
    await tab.page.getByRole('searchbox').fill('evil')
    await soon(() => text('.matched')).toMatch(/^90.9 % was 0 cores$/)
    await click(0.97, 2)
    await soon(() => text('.matched')).toContain('0 % of view')
    await soon(async () => (await query()).get('q')).toBe('evil')
  })

  test('During and Before change widths and colours', async () => {
    await open()
    const palette = changePalette('light')
    // 60 new samples are news, 6 are not.
    await soon(() => pixel(0.5, 3)).toBe(palette[10]!.css)
    await soon(() => pixel(0.97, 2)).toBe(palette[5]!.css)
    await tab.page.getByRole('button', { name: 'During' }).click()
    await soon(() => pixel(0.5, 3)).not.toBe(palette[10]!.css)
    await tab.page.getByRole('button', { name: 'Before', exact: true }).click()
    await soon(async () => (await query()).get('picture')).toBe('before')
    await soon(() => hover(0.97, 3)).toContain('handle')
  })

  test('the root may stand at the bottom', async () => {
    await open()
    await tab.page.keyboard.press('i')
    await soon(async () => (await query()).get('root')).toBe('bottom')
    await soon(() => hover(0.5, 0)).toContain('evilRegex')
    await soon(() => hover(0.5, 3)).toMatch(/^all /)
  })

  test('the table sorts by every column, and marks in the picture what is chosen in it', async () => {
    await open()
    const order = async () => (await rows()).map(([name]) => name)
    await soon(order).toEqual(['evilRegex', 'collect', 'main', 'serve', 'handle'])
    await tab.page.getByRole('button', { name: 'Function' }).click()
    await soon(order).toEqual(['collect', 'evilRegex', 'handle', 'main', 'serve'])
    await tab.page.getByRole('button', { name: 'Before → now' }).click()
    // 6 s, 6 s (of less self time), 5.4 s, 0.6 s more, and handle 0.6 s less.
    await soon(order).toEqual(['evilRegex', 'main', 'serve', 'collect', 'handle'])
    await tab.page.getByRole('button', { name: 'collect' }).click()
    await soon(async () => (await query()).get('fn')).toBe('collect')
    await soon(() => text('tr[aria-selected=true] .text')).toBe('collect')
    await soon(() => tab.page.getByRole('treeitem').textContent()).toMatch(/^collect, /)
  })

  test('the marked function stands between who called it and what it called, which lead on', async () => {
    await open('?fn=serve')
    await soon(() => text('.sandwich')).toBe('serve 90.9 % of what is shown Called by 100 % main Calls 100 % evilRegex')
    await tab.page.locator('.sandwich').getByRole('button', { name: 'evilRegex' }).click()
    await tab.page.getByRole('region', { name: 'Callers and callees of evilRegex' }).waitFor()
    await soon(() => text('.sandwich')).toBe(
      'evilRegex 90.9 % of what is shown Called by 100 % serve Calls 100 % (itself)',
    )
    await soon(async () => (await query()).get('fn')).toBe('evilRegex')
    // Where the stacks begin nobody called; what the time before has alone is not counted.
    await open('?fn=main')
    await soon(() => text('.sandwich')).toBe(
      'main 100 % of what is shown Called by 100 % (nobody) Calls 90.9 % serve 9.1 % collect',
    )
    // Of another process.
    await open('?fn=readQuery')
    await soon(() => text('.sandwich')).toBe('readQuery not in this view')
  })

  test('any process or thread of the node can be looked at', async () => {
    await open()
    await tab.page.locator('.picked').click()
    await soon(() => text('.options')).toMatch(
      /cart \(pid 4242\) this incident 1.10 cores was 0.10 cart tid 4242 1.00 core was 0.10 gc tid 4250 0.10 cores was 0 everything on this node 1.30 cores was 0.30 redis pid 7 0.20 cores was 0.20/,
    )
    await tab.page.getByRole('button', { name: /gc tid 4250/ }).click()
    await soon(async () => (await query()).get('who')).toBe('4242.4250')
    await soon(async () => (await rows()).map(([name, self]) => [name, self])).toEqual([
      ['collect', '100 %'],
      ['main', '0 %'],
    ])
    await tab.page.locator('.picked').click()
    await tab.page.getByRole('button', { name: /redis pid 7/ }).click()
    await soon(async () => (await rows())[0]?.[0]).toBe('readQuery')
    // The incident's own sentence stays.
    await soon(() => text('h1')).toContain('cart (pid 4242)')
  })

  test('dragging over the chart slices everything', async () => {
    await open()
    const chart = (await tab.page.locator('.timeline .u-over').boundingBox())!
    const at = (ms: number): number => chart.x + (chart.width * (ms - someMs)) / 19_800
    await tab.page.mouse.move(at(spikeOnsetMs - 3500), chart.y + 60)
    await tab.page.mouse.down()
    await tab.page.mouse.move(at(spikeOnsetMs - 1500), chart.y + 60, { steps: 4 })
    await tab.page.mouse.up()
    await soon(async () => (await query()).has('to')).toBe(true)
    const chosen = await query()
    const [from, to] = [Number(chosen.get('from')), Number(chosen.get('to'))]
    expect(Math.abs(from + 3500)).toBeLessThan(60)
    expect(Math.abs(to + 1500)).toBeLessThan(60)
    // Nothing but the handler ran then.
    await soon(async () => (await rows())[0]?.[0]).toBe('handle')
    const time = tab.page.getByLabel('Time that is looked at')
    await soon(() => text('select option:checked')).toMatch(/^(1\.9|2) s from −3\.[56] s$/)
    await time.selectOption({ label: 'the spike (6 s)' })
    await soon(async () => (await rows())[0]?.[0]).toBe('evilRegex')
    await soon(async () => (await query()).has('from')).toBe(false)
    await time.selectOption({ label: 'after it (4 s)' })
    await soon(async () => (await rows())[0]?.[0]).toBe('handle')
    await soon(() => text('select option:checked')).toBe('after it (4 s)')
  })

  test('only this, without this', async () => {
    await open()
    await tab.page.getByRole('button', { name: 'collect' }).click()
    await tab.page.getByRole('button', { name: 'without this' }).click()
    await soon(async () => (await rows()).map(([name]) => name)).not.toContain('collect')
    await soon(async () => (await query()).getAll('without')).toEqual(['collect'])
    await tab.page.getByRole('button', { name: 'without collect' }).click()
    await tab.page.getByRole('button', { name: 'collect' }).click()
    await tab.page.getByRole('button', { name: 'only this' }).click()
    await soon(async () => (await rows()).length).toBe(2)
  })

  test('an address with a view in it opens that view', async () => {
    await open()
    await click(0.97, 2)
    await tab.page.getByRole('button', { name: 'During' }).click()
    await tab.page.getByRole('searchbox').fill('col')
    await tab.page.keyboard.press('Tab')
    const url = await tab.page.evaluate<string>('location.href')
    // Somebody else, who begins with nothing.
    await tab.page.goto('about:blank')
    await tab.page.goto(url)
    await settled()
    await soon(() => tab.page.getByRole('searchbox').inputValue()).toBe('col')
    await soon(() => tab.page.getByRole('button', { name: 'During' }).getAttribute('aria-pressed')).toBe('true')
    await soon(() => text('.matched')).toContain('100 % of view')
    await soon(() => hover(0.1, 2)).toContain('collect')
  })

  test('dark follows the system, and the person', async () => {
    const theme = () => tab.page.locator('html').getAttribute('data-theme')
    await tab.page.emulateMedia({ colorScheme: 'dark' })
    await open()
    await soon(theme).toBe('dark')
    await tab.page.getByRole('button', { name: 'Switch to light colours' }).click()
    await soon(theme).toBe('light')
    await tab.page.reload()
    await soon(theme).toBe('light')
    await tab.page.evaluate('localStorage.clear()')
  })

  test('a telephone needs no sideways scrolling', async () => {
    await tab.page.setViewportSize({ width: 390, height: 844 })
    const overhang = () => tab.page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
    await tab.page.goto(server.url)
    await tab.page.locator('.row').first().waitFor()
    await soon(overhang).toBeLessThanOrEqual(0)
    await open()
    await soon(overhang).toBeLessThanOrEqual(0)
    await tab.page.locator('.picked').click()
    await soon(overhang).toBeLessThanOrEqual(0)
  })

  test('an incident that does not exist is said, with the next step', async () => {
    await tab.page.goto(`${server.url}/incidents/inc-none`)
    await tab.page.getByRole('alert').waitFor()
    await soon(() => text('.trouble')).toMatch(/NOT_FOUND/)
    // The browser itself notes the 404.
    tab.problems = tab.problems.filter((problem) => !problem.includes('404'))
  })
})

/** Names that do not compress, so that the file is above what the page reads without a worker. */
function bigProfile(): Uint8Array<ArrayBuffer> {
  const lines = Array.from({ length: 4000 }, (_, i) => {
    const hash = createHash('sha512').update(String(i)).digest('base64').replace(/[;@ ]/g, '')
    const at = `@${10_000 + i} {pid=4242 tid=4242 comm=cart}`
    return `main;evilRegex;f${hash.slice(0, 40)};g${hash.slice(40, 80)} 1 1500000 ${at}`
  })
  const drawn = drawProfile(lines.join('\n'), ['samples/count', 'cpu/nanoseconds'])
  const profile = { ...drawn, timeNanos: BigInt(someMs) * 1_000_000n, durationNanos: 20_000_000_000n }
  return Uint8Array.from(gzipSync(encodePprof(profile)))
}

test.skipIf(whyNoBrowser)('a big profile is read in a worker, by the served page and by the one file', async () => {
  const big = bigProfile()
  expect(big.length).toBeGreaterThan(300_000)
  const own = spikeDocuments(big, { incidentId: 'inc-big', captureId: 'cap-big' })
  await agent.deliver({ type: 'incident', incident: { ...own.incident, state: 'complete' } })
  await uploadBytes(server.url, { bytes: big, sha256: own.artifact.sha256 })
  await agent.deliver({ type: 'artifact', artifact: own.artifact })
  await agent.deliver({ type: 'capture', capture: { ...own.capture, state: 'complete' } })
  const look = async (url: string): Promise<void> => {
    await tab.page.goto(url)
    await tab.page.locator('.flame canvas[data-boxes]').waitFor()
    await soon(() => tab.page.workers().length).toBe(1)
    await soon(() => hover(0.5, 2)).toMatch(/^evilRegex total 100 % 1.00 core/)
    // 4000 boxes of a fifth of a pixel are one that says how many.
    await soon(() => hover(0.5, 3)).toMatch(/^4000 functions too small to draw together 100 % click to see them$/)
  }
  await look(`${server.url}/incidents/inc-big`)
  const html = await server.client.bytes('/api/v1/incidents/{id}/export.html', { params: { id: 'inc-big' } })
  const file = join(uiDir, 'big.html')
  writeFileSync(file, await html.text())
  const offline = await browser.newContext({ offline: true, reducedMotion: 'reduce' })
  tab.page = await offline.newPage()
  tab.problems = watchPage(tab.page, pathToFileURL(file).href).problems
  await look(pathToFileURL(file).href)
  await offline.close()
})

test.skipIf(whyNoBrowser)(
  'of a PID that was given again each owner can be looked at, with the numbers of the API',
  async () => {
    const lines = Array.from({ length: 100 }, (_, tick) => {
      const at = `1 100000000 @${tick * 200}`
      const neighbour =
        tick < 60
          ? `main;readQuery ${at} {pid=50 tid=50 comm=redis owner=1}`
          : `main;pack ${at} {pid=50 tid=50 comm=gzip owner=2}`
      return `main;evilRegex ${at} {pid=4242 tid=4242 comm=cart family=4242}\n${neighbour}`
    })
    const drawn = drawProfile(lines.join('\n'), ['samples/count', 'cpu/nanoseconds'])
    const times = { defaultType: 1, timeNanos: BigInt(someMs) * 1_000_000n, durationNanos: 20_000_000_000n }
    const reused = Uint8Array.from(gzipSync(encodePprof({ ...drawn, ...times })))
    const own = spikeDocuments(reused, { incidentId: 'inc-reused', captureId: 'cap-reused' })
    await agent.deliver({ type: 'incident', incident: { ...own.incident, state: 'complete' } })
    await uploadBytes(server.url, { bytes: reused, sha256: own.artifact.sha256 })
    await agent.deliver({ type: 'artifact', artifact: own.artifact })
    await agent.deliver({ type: 'capture', capture: { ...own.capture, state: 'complete' } })
    const first = async () => (await rows()).find(([, self]) => self === '100 %')?.[0]
    const asked = async (choice: { owner?: number }) => {
      const query = { pid: 50, phase: 'during', ...choice } as const
      const answer = await server.client.get('/api/v1/incidents/{id}/top', { params: { id: 'inc-reused' }, query })
      return answer.rows.find(({ selfShare }) => selfShare === 1)?.function
    }
    // 10 s to 16 s: redis until 12 s, gzip since; of the whole recording redis has more.
    await tab.page.goto(`${server.url}/incidents/inc-reused?who=50`)
    await soon(first).toBe('readQuery')
    await tab.page.locator('.picked', { hasText: 'redis (pid 50, owner 1 of 2)' }).click()
    await tab.page.getByRole('button', { name: /^gzip pid 50, owner 2 of 2 / }).click()
    await soon(first).toBe('pack')
    await soon(async () => (await query()).get('who')).toBe('50-2')
    await tab.page.reload()
    await soon(first).toBe('pack')
    expect([await asked({}), await asked({ owner: 1 }), await asked({ owner: 2 })]).toEqual([
      'readQuery',
      'readQuery',
      'pack',
    ])
    await expect(asked({ owner: 3 })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('1 (redis, 60 samples, 03:04:05Z to 03:04:16Z), 2 (gzip, 40 samples, 03:04:17Z'),
    })
  },
)

test.skipIf(whyNoBrowser)('alerts of the incident say how long after its beginning they came', async () => {
  const alert = {
    id: 'alr-1',
    name: 'CpuHigh',
    receivedMs: someMs + 95_000,
    summary: 'cart is at 98 %',
    url: 'http://g/x',
  }
  const alerts = [
    alert,
    { ...alert, id: 'alr-2', name: 'Bad', url: 'javascript:alert(1)', resolvedMs: someMs + 99_000 },
  ]
  await agent.deliver({
    type: 'incident',
    incident: makeIncident({ id: 'inc-alert', endedMs: someMs + 20_000, alerts }),
  })
  await tab.page.goto(`${server.url}/incidents/inc-alert`)
  await tab.page.locator('.alerts').waitFor()
  const told = await text('.alerts')
  expect(told).toMatch(/Alert CpuHigh came at \S+, 1 min 35 s after the beginning cart is at 98 %/)
  expect(told).toMatch(/Alert Bad came at .* resolved at/)
  // Whoever may send an alert may not put a script behind a link.
  const links = await tab.page.evaluate<string[]>(
    `Array.from(document.querySelectorAll('.alerts a'), ({ href }) => href)`,
  )
  expect(links).toEqual(['http://g/x'])
})

describe.skipIf(whyNoBrowser)('the page as one file', () => {
  test('opens from disk without any network and does what the served page does', async () => {
    const html = await (
      await server.client.bytes('/api/v1/incidents/{id}/export.html', { params: { id: incident.id } })
    ).text()
    const file = join(uiDir, 'incident.html')
    writeFileSync(file, html)
    const url = pathToFileURL(file).href
    const offline = await browser.newContext({ offline: true, reducedMotion: 'reduce' })
    tab.page = await offline.newPage()
    tab.problems = watchPage(tab.page, url).problems
    await tab.page.goto(url)
    await settled()
    await soon(() => text('h1')).toBe('cart (pid 4242) burned 1.10 cores for 6 s')
    await soon(async () => (await rows())[0]?.slice(0, 2)).toEqual(['evilRegex', '90.9 %'])
    await click(0.97, 2)
    await soon(() => hover(0.1, 2)).toContain('collect')
    // The view is in the address here too.
    await tab.page.reload()
    await tab.page.locator('.flame canvas[data-boxes]').waitFor()
    await soon(() => hover(0.1, 2)).toContain('collect')
    const [download] = await Promise.all([
      tab.page.waitForEvent('download'),
      tab.page.getByText('SVG of this view').click(),
    ])
    expect(download.suggestedFilename()).toBe(`${incident.id}.svg`)
    await offline.close()
  })
})

test.skipIf(whyNoBrowser)('older incidents come when they are asked for', async () => {
  await using own = await startTestServer({ uiDir })
  const scout = await PlayedAgent.connect(own.url)
  await scout.nextOf('welcome')
  await Promise.all(
    Array.from({ length: 101 }, (_, i) =>
      scout.deliver({
        type: 'incident',
        incident: makeIncident({ id: `inc-${i}`, state: 'complete', noticedMs: someMs - i * 1000 }),
      }),
    ),
  )
  await tab.page.goto(own.url)
  const shown = () => tab.page.locator('.row').count()
  await soon(shown).toBe(100)
  await tab.page.getByRole('button', { name: 'Older incidents' }).click()
  await soon(shown).toBe(101)
  await soon(() => tab.page.getByRole('button', { name: 'Older incidents' }).count()).toBe(0)
  // What is news of an old one stays in its place.
  await scout.deliver({
    type: 'incident',
    incident: makeIncident({ id: 'inc-100', state: 'complete', noticedMs: someMs - 100_000, endedMs: someMs + 5000 }),
  })
  await soon(() => text('.list li:last-child .sentence')).toContain('for 5 s')
  await soon(shown).toBe(101)
  // It would see its server end.
  await tab.page.goto('about:blank')
  await scout.close()
})

test.skipIf(whyNoBrowser)('an agent that goes away is said at once', async () => {
  await tab.page.goto(server.url)
  await tab.page.getByText(/recording at 49 Hz/).waitFor()
  const other = await PlayedAgent.connect(server.url, { node: 'node-2' })
  await other.nextOf('welcome')
  await tab.page.getByText('node-2').waitFor()
  await other.close()
  await tab.page.getByText(/node-2 away, last heard of/).waitFor()
  await agent.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-2', noticedMs: someMs + 99_000 }) })
  await tab.page.locator('.row', { hasText: 'still going on' }).waitFor()
})
