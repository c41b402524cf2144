// A real Chromium for tests; playwright-core drives, the distribution brings the browser.
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Reason why browser tests cannot run here; undefined when they can. */
export const whyNoBrowser = existsSync(executablePath)
  ? undefined
  : `there is no ${executablePath}: apt-get install chromium`

/** From cold files, beside four other test files; Playwright itself gives up after 30 s. */
const launchMs = 120_000

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    timeout: launchMs,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}

/** What a page did that it should not: errors, and requests to anywhere but `allowed`. */
export function watchPage(page: Page, allowed: string): { readonly problems: string[] } {
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(allowed) && !/^(data|blob):/.test(url)) problems.push(`request: ${url}`)
  })
  return { problems }
}

/** What a page shows follows what was done by a moment: asks until it is as expected. */
export const soon = <T>(ask: () => T | Promise<T>) => expect.poll(ask, { interval: 20 })

/** Height of a row of the flame graph, as src/ui/flame-painter.ts draws it. */
const rowPx = 19

/** The middle of a place in the flame graph: `share` of its width, in a row counted from the upper edge. */
export async function flamePoint(page: Page, share: number, row: number): Promise<{ x: number; y: number }> {
  const box = await page.locator('.flame').boundingBox()
  if (!box) throw new Error('no flame graph on this page')
  return { x: box.x + share * box.width, y: box.y + (row + 0.5) * rowPx }
}
