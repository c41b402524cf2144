// The SVG flame graph in a real browser: well-formed whatever the names are, readable without scripts, alive with them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pictureAs } from '../../src/cli/picture.ts'
import { renderSvg } from '../../src/flame/svg.ts'
import { drawnTree } from '../drawn-tree.ts'
import { launchBrowser, soon, watchPage, whyNoBrowser } from './browser.ts'

const tree = drawnTree(
  'main;serve;parse@libjson.so;std::map<int, char>::at 300 10',
  'main;serve;net/http.(*conn).readRequest 150 150',
  'main;serve;<script>alert("&")</script>]]> 100 0',
  'main;gc\u0001\ud800 450 0',
)
const svg = renderSvg(tree, {
  title: 'cart & <co>',
  provenance: '1 000 samples · 0 lost',
  scale: { perSample: 1, baseFactor: 1 },
})

const folder = mkdtempSync(join(tmpdir(), 'spikecam-svg-'))
const file = join(folder, 'flame.svg')
writeFileSync(file, svg)
const url = pathToFileURL(file).href

const offline = { offline: true, viewport: { width: 1300, height: 400 } }
let browser: Browser
/** For all tests: a page of its own is a process of its own, which costs more than all that is in it. */
let page: Page
let problems: string[]
beforeAll(async () => {
  if (whyNoBrowser) return
  browser = await launchBrowser()
  page = await browser.newPage(offline)
  problems = watchPage(page, pathToFileURL(folder).href).problems
})
beforeEach(() => page?.mouse.move(0, 0))
afterEach(() => {
  expect(problems ?? []).toEqual([])
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true })
})

/** From nothing, as somebody else would: the same document at another place in it is no new one. */
async function openSvg(at = url): Promise<void> {
  await page.goto('about:blank')
  await page.goto(at)
}

/** Name, left edge and width of every box in sight. */
const boxes = () =>
  page.evaluate<[string, number, number][]>(
    `Array.from(document.querySelectorAll('g.f'), (box) => box)
       .filter((box) => box.getAttribute('display') !== 'none')
       .map((box) => [
         box.querySelector('title').textContent.split('\\n')[0],
         Math.round(box.querySelector('rect').getAttribute('x')),
         Math.round(box.querySelector('rect').getAttribute('width')),
       ])`,
  )
const labels = () =>
  page.evaluate<string[]>(
    `Array.from(document.querySelectorAll('g.f text'), (text) => text.textContent).filter(Boolean)`,
  )

describe.skipIf(whyNoBrowser)('the SVG flame graph', () => {
  test('is well-formed with the worst names, and runs nothing of them', async () => {
    await openSvg()
    // A parse error would be an element of its own in the picture.
    expect(await page.evaluate(`document.querySelector('parsererror')`)).toBeNull()
    expect(await boxes()).toEqual([
      ['all', 0, 1176],
      ['main', 0, 1176],
      ['serve', 0, 647],
      ['parse', 0, 353],
      ['std::map<int, char>::at', 0, 353],
      ['net/http.(*conn).readRequest', 353, 176],
      ['<script>alert("&")</script>]]>', 529, 118],
      ['gc\ufffd\ufffd', 647, 529],
    ])
  })

  test('click zooms, labels follow, Esc resets; the view is in the address', async () => {
    await openSvg()
    await page.locator('g.f', { hasText: 'parse' }).first().click()
    expect((await boxes()).map(([name, x, width]) => [name, x, width])).toEqual([
      ['all', 0, 1176],
      ['main', 0, 1176],
      ['serve', 0, 1176],
      ['parse', 0, 1176],
      ['std::map<int, char>::at', 0, 1176],
    ])
    const zoomed = await page.evaluate<string>('location.href')
    await page.keyboard.press('Escape')
    expect((await boxes()).length).toBe(8)
    await openSvg(zoomed)
    expect((await boxes()).length).toBe(5)
  })

  test('a label that does not fit is shortened from the left', async () => {
    await openSvg()
    expect(await labels()).toContain('http.(*conn).readRequest')
    await page.locator('g.f', { hasText: 'readRequest' }).first().click()
    expect(await labels()).toContain('net/http.(*conn).readRequest')
  })

  test('search tells the share that matches and counts nothing twice', async () => {
    await openSvg()
    await page.keyboard.press('/')
    await page.keyboard.type('parse|map')
    expect(await page.locator('#matched').textContent()).toBe('matched: 30.0 %')
    await page.locator('#search').fill('main|gc')
    expect(await page.locator('#matched').textContent()).toBe('matched: 100 %')
    await page.locator('#search').fill('libjson')
    expect(await page.locator('#matched').textContent()).toBe('matched: 30.0 %')
    await page.locator('#search').fill('(')
    expect(await page.locator('#matched').textContent()).toBe('matched: 25.0 %')
  })

  test('pointing at a box tells during and before', async () => {
    await openSvg()
    await page.locator('g.f', { hasText: 'parse' }).first().hover()
    expect(await page.locator('#details').textContent()).toBe(
      'parse  ·  libjson.so  ·  total 300 ns (30 %), before 10 ns: 30×, self 0 s',
    )
  })

  test('without scripts there are boxes, labels and native tooltips, and no dead controls', async () => {
    const still = await browser.newPage({ ...offline, javaScriptEnabled: false })
    await still.goto(url)
    expect(await still.locator('g.f').count()).toBe(8)
    expect(await still.locator('g.f text').allTextContents()).toContain('serve')
    expect(await still.locator('#controls').isVisible()).toBe(false)
    await still.close()
  })

  test('as a page it is alive too, however large', async () => {
    const place = join(folder, 'flame.html')
    writeFileSync(place, pictureAs(place, svg.replace('</svg>', `<!--${'x'.repeat(3_000_000)}--></svg>`), 'cart'))
    await openSvg(pathToFileURL(place).href)
    const picture = page.frameLocator('iframe')
    await picture.locator('g.f', { hasText: 'parse' }).first().click()
    await soon(() => picture.locator('g.f:not([display="none"])').count()).toBe(5)
  })

  test('follows a dark system', async () => {
    const background = () => page.evaluate<string>(`getComputedStyle(document.querySelector('.page')).fill`)
    await openSvg()
    expect(await background()).toBe('rgb(255, 255, 255)')
    await page.emulateMedia({ colorScheme: 'dark' })
    await openSvg()
    expect(await background()).toBe('rgb(20, 23, 28)')
  })
})
