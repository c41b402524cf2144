// Notes and pins in a real browser: written, seen by others, edited and removed, and never more than text.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeCapture, makeIncident } from '../nouns.ts'
import { soon, watchPage, whyNoBrowser } from './browser.ts'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
let context: BrowserContext
let page: Page
let problems: string[]
beforeAll(async () => {
  if (whyNoBrowser) return
  stage = await openStage()
  context = await stage.browser.newContext({ viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' })
})
afterAll(() => stage?.close())
beforeEach(async () => {
  if (whyNoBrowser) return
  page = await context.newPage()
  problems = watchPage(page, 'http://127.0.0.1:').problems
})
afterEach(async () => {
  await page?.close()
  expect(problems ?? []).toEqual([])
})

async function openIncident(id: string): Promise<void> {
  await stage.agent.deliver({ type: 'incident', incident: makeIncident({ id, state: 'complete' }) })
  await stage.agent.deliver({
    type: 'capture',
    capture: makeCapture({ id: `cap-${id}`, incidentId: id, state: 'complete' }),
  })
  await page.goto(`${stage.server.url}/incidents/${id}`)
}
const notes = () => page.getByRole('region', { name: 'Notes' }).getByRole('listitem')

describe.skipIf(whyNoBrowser)('notes', () => {
  test('what somebody writes is on the page at once, with their name, also for others', async () => {
    await openIncident('inc-write')
    await page.getByRole('button', { name: 'Write a note' }).click()
    // Keys of the page, such as the slash, are letters here.
    await page.getByLabel('Write a note').pressSequentially('see /tmp? <img src=x onerror=alert(1)>')
    await page.getByLabel('Your name').fill('ada')
    await page.keyboard.press('Control+Enter')
    await soon(() => notes().allInnerTexts()).toHaveLength(1)
    await soon(() => notes().first().textContent()).toMatch(/^ada .*see \/tmp\? <img src=x onerror=alert\(1\)>$/)
    const { incident } = await stage.server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-write' } })
    expect(incident.notes).toMatchObject([{ by: 'ada', text: 'see /tmp? <img src=x onerror=alert(1)>' }])
    // Another person, elsewhere: it appears without a reload.
    const by = { text: 'fixed, https://tickets.example/1.', by: 'bob' }
    await stage.server.client.post('/api/v1/incidents/{id}/notes', { params: { id: 'inc-write' }, body: by })
    await soon(() => notes().allInnerTexts()).toHaveLength(2)
    expect(await notes().nth(1).getByRole('link').getAttribute('href')).toBe('https://tickets.example/1')
    // The name is remembered.
    await page.getByRole('button', { name: 'Write a note' }).click()
    await soon(() => page.getByLabel('Your name').inputValue()).toBe('ada')
    await page.keyboard.press('Escape')
    await soon(() => page.getByLabel('Your name').count()).toBe(0)
  })

  test('a note is edited, and removed only by a second click', async () => {
    await openIncident('inc-edit')
    const params = { id: 'inc-edit' }
    await stage.server.client.post('/api/v1/incidents/{id}/notes', { params, body: { text: 'first' } })
    await page.getByRole('button', { name: 'Edit this note' }).click()
    await page.getByLabel('Edit the note').fill('second')
    await page.getByRole('button', { name: 'Save' }).click()
    await soon(() => notes().first().textContent()).toMatch(/edited .*second$/)
    await page.getByRole('button', { name: 'Remove this note' }).click()
    expect(await notes().count()).toBe(1)
    await page.getByRole('button', { name: 'Really remove this note' }).click()
    await soon(() => notes().count()).toBe(0)
  })

  test('a pin is set and taken away with one button, and the list shows it', async () => {
    await openIncident('inc-pin')
    await page.evaluate(`localStorage.setItem('spikecam.name', 'ada')`)
    const pin = page.getByRole('button', { name: /^Pin/ })
    await pin.click()
    await soon(() => pin.getAttribute('aria-pressed')).toBe('true')
    const { incident } = await stage.server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-pin' } })
    expect(incident.pin).toMatchObject({ by: 'ada' })
    await page.getByRole('link', { name: 'Spikecam' }).click()
    await page.getByText('· pinned').waitFor()
    await page.goBack()
    await pin.click()
    await soon(() => pin.getAttribute('aria-pressed')).toBe('false')
  })

  test('a page that was saved has the notes and no way to change them', async () => {
    await openIncident('inc-saved')
    const params = { id: 'inc-saved' }
    await stage.server.client.post('/api/v1/incidents/{id}/notes', { params, body: { text: 'for the archive' } })
    const html = await stage.server.client.bytes('/api/v1/incidents/{id}/export.html', { params })
    const file = join(stage.server.dataDir, 'saved.html')
    writeFileSync(file, await html.text())
    problems = watchPage(page, 'file:').problems
    await page.goto(pathToFileURL(file).href)
    await page.getByText('for the archive').waitFor()
    expect(await page.getByRole('button', { name: /note|pin/i }).count()).toBe(0)
  })
})
