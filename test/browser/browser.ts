// A real Chromium and a freshly built UI for tests; playwright-core drives, the distribution brings the browser.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'

const root = resolve(import.meta.dirname, '../..')
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Reason why browser tests cannot run here; undefined when they can. */
export const whyNoBrowser = existsSync(executablePath)
  ? undefined
  : `there is no ${executablePath}: apt-get install chromium`

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
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

/** Builds app and offline page from source into a folder of their own. */
export async function buildUi(): Promise<{ dir: string; remove(): void }> {
  const dir = mkdtempSync(join(tmpdir(), 'spikecam-ui-'))
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const args = [vite, 'build', '--config', join(root, 'src/ui/vite.config.ts'), '--outDir', dir, '--logLevel', 'warn']
  // Vitest sets NODE_ENV=test, which would bundle the development build of React.
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } })
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
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

/** Height of a row of the flame graph, as src/ui/flame-painter.ts draws it. */
const rowPx = 19

/** The middle of a place in the flame graph: `share` of its width, in a row counted from the upper edge. */
export async function flamePoint(page: Page, share: number, row: number): Promise<{ x: number; y: number }> {
  const box = await page.locator('.flame').boundingBox()
  if (!box) throw new Error('no flame graph on this page')
  return { x: box.x + share * box.width, y: box.y + (row + 0.5) * rowPx }
}
