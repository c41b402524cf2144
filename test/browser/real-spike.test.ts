// The whole product once: the real program records, a real process burns, and a person watches it in a browser.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { perfVersion } from '../../src/capture/perf.ts'
import { type Burner, type Program, startBurner, startUp, untilWatching } from '../e2e/program.ts'
import { flamePoint, launchBrowser, soon, watchPage, whyNoBrowser } from './browser.ts'

const canRecord = process.getuid?.() === 0 && (await perfVersion()) !== undefined
const why = whyNoBrowser ?? (canRecord ? undefined : 'needs root and perf')

let up: Program
let burner: Burner
let browser: Browser
let page: Page
beforeAll(async () => {
  if (why) return
  // A low level, so that the burner fires also where a neighbour takes half of its core.
  // The burner is there before the recorder, and the browser before it watches: a start is a spike as well.
  burner = await startBurner()
  up = await startUp(['--capture-for', '2s', '--spike-cooldown', '0s', '--spike-level', '30%'])
  browser = await launchBrowser()
  await untilWatching(up)
})
afterAll(async () => {
  await browser?.close()
  burner?.stop()
  await up?.stop()
})

test.skipIf(why)('a real spike appears by itself, and its page names the function that burned', async () => {
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' })
  const { problems } = watchPage(page, up.url)
  await page.goto(up.url)
  await page.getByText('live', { exact: true }).waitFor()
  const told = up.event((event) => event.type === 'incident' && event.incident.target.pid === burner.pid)
  const burned = burner.burnUntil(told, 2500)
  const row = page.locator('.row', { hasText: `pid ${burner.pid}` })
  await row.waitFor()
  // Nobody reloads: the server told of it while the recorder still recorded.
  expect(await told).toMatchObject({ incident: { state: 'capturing' } })
  await row.click()
  await burned
  await page.locator('.flame canvas[data-boxes]').waitFor()
  await page.locator('.facts code', { hasText: 'burnInNamedFunction' }).waitFor()
  // From here on nothing comes in any more that would move the picture.
  await soon(() => page.locator('.state.capturing').count()).toBe(0)
  expect(await page.locator('h1').textContent()).toContain(`(pid ${burner.pid})`)
  await soon(() => page.locator('.functions tbody .text').first().textContent()).toContain('burnInNamedFunction')

  await page.getByRole('searchbox').fill('burnInNamed')
  await soon(async () => Number.parseFloat((await page.locator('.matched').textContent()) ?? '')).toBeGreaterThan(80)
  const { x, y } = await flamePoint(page, 0.3, 2)
  await page.mouse.click(x, y)
  await soon(() => page.evaluate<string>('location.search')).toMatch(/zoom=[0-9a-f]{8}/)
  expect(problems).toEqual([])
})
