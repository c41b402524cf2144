// A page of its own for each test of a file, which must do nothing wrong: no errors, no requests to elsewhere.
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

/** @param prepare what all tests of the file look at, before the first */
export function tabPerTest(
  viewport: { readonly width: number; readonly height: number },
  prepare?: (stage: Stage) => Promise<void>,
): Tab {
  const tab: { -readonly [K in keyof Tab]?: Tab[K] } = {}
  beforeAll(async () => {
    if (whyNoBrowser) return
    tab.stage = await openStage()
    await prepare?.(tab.stage)
    tab.context = await tab.stage.browser.newContext({ viewport, reducedMotion: 'reduce' })
  })
  afterAll(() => tab.stage?.close())
  beforeEach(async () => {
    if (!tab.context) return
    tab.page = await tab.context.newPage()
    tab.problems = watchPage(tab.page, 'http://127.0.0.1:').problems
  })
  afterEach(async () => {
    await tab.page?.close()
    expect(tab.problems ?? []).toEqual([])
  })
  // Whole before the first test begins; without a browser no test does.
  return tab as Tab
}
