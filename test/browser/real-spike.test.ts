// The whole product once: the real program records, a real process burns, and a person watches it in a browser.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { perfVersion } from '../../src/capture/perf.ts'
import { type Burner, type Program, startBurner, startUp } from '../e2e/program.ts'
import { flamePoint, launchBrowser, watchPage, whyNoBrowser } from './browser.ts'

const canRecord = process.getuid?.() === 0 && (await perfVersion()) !== undefined
const why = whyNoBrowser ?? (canRecord ? undefined : 'needs root and perf')

let up: Program
let burner: Burner
let browser: Browser
let page: Page
beforeAll(async () => {
  if (why) return
  // A low level, so that the burner fires also where a neighbour takes half of its core.
  up = await startUp(['--capture-for', '2s', '--spike-cooldown', '0s', '--spike-level', '30%'])
  burner = await startBurner()
  browser = await launchBrowser()
  await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
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
  const burned = burner.burn(2500)
  const row = page.locator('.row', { hasText: `pid ${burner.pid}` })
  await row.waitFor()
  // It is there while the process still burns or the recorder still records: nobody reloads.
  expect(await row.locator('.badge').textContent()).toBe('capturing')
  await row.click()
  await burned
  await page.locator('.flame canvas[data-boxes]').waitFor()
  expect(await page.locator('h1').textContent()).toContain(`(pid ${burner.pid})`)
  await page.locator('.facts code', { hasText: 'burnInNamedFunction' }).waitFor()
  expect(await page.locator('.functions tbody .text').first().textContent()).toContain('burnInNamedFunction')

  await page.getByRole('searchbox').fill('burnInNamed')
  await page.locator('.matched').waitFor()
  const matched = Number.parseFloat((await page.locator('.matched').textContent()) ?? '')
  expect(matched).toBeGreaterThan(80)
  const { x, y } = await flamePoint(page, 0.3, 2)
  await page.mouse.click(x, y)
  expect(new URLSearchParams(await page.evaluate<string>('location.search')).get('zoom')).toMatch(/^[0-9a-f]{8}$/)
  expect(problems).toEqual([])
})
