// A page for each test of a file, which must do nothing wrong: no errors, no requests to elsewhere.
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { watchPage, whyNoBrowser } from './browser.ts'
import { openStage, type Stage } from './stage.ts'

export interface Tab {
  readonly stage: Stage
  /** One for all tests: pages after the first find the compiled scripts in its cache. */
  readonly context: BrowserContext
  /** Of the test that runs; one that needs another puts it here, and it is closed and judged all the same. */
  page: Page
  problems: string[]
}

/**
 * A page of its own for every test would be a process of its own, which costs four times as much as the document in it:
 * tests of a file go on in the same page, each from an empty document, at the same size, by the same light.
 * @param prepare what all tests of the file look at, before the first
 */
export function tabPerTest(
  viewport: { readonly width: number; readonly height: number },
  prepare?: (stage: Stage) => Promise<void>,
): Tab {
  const tab: { -readonly [K in keyof Tab]?: Tab[K] } = {}
  let own: { readonly page: Page; readonly problems: string[] } | undefined
  beforeAll(async () => {
    if (whyNoBrowser) return
    tab.stage = await openStage()
    await prepare?.(tab.stage)
    tab.context = await tab.stage.browser.newContext({ viewport, reducedMotion: 'reduce' })
  })
  afterAll(() => tab.stage?.close())
  beforeEach(async () => {
    if (!tab.context) return
    if (!own || own.page.isClosed()) {
      const page = await tab.context.newPage()
      own = { page, ...watchPage(page, 'http://127.0.0.1:') }
    } else {
      await own.page.setViewportSize(viewport)
      await own.page.emulateMedia({ colorScheme: 'light' })
      // Where the pointer was left it would point at something of the next test.
      await own.page.mouse.move(0, 0)
    }
    own.problems.length = 0
    tab.page = own.page
    tab.problems = own.problems
  })
  afterEach(async ({ task }) => {
    if (!own) return
    // What failed may have left a key or a button pressed.
    const isWhole = task.result?.state !== 'fail'
    if (!own.page.isClosed()) await (isWhole ? own.page.goto('about:blank') : own.page.close())
    if (tab.page !== own.page) await tab.page?.close()
    expect(tab.problems ?? []).toEqual([])
  })
  // Whole before the first test begins; without a browser no test does.
  return tab as Tab
}
