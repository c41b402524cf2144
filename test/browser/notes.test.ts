// Notes and pins in a real browser: written, seen by others, edited and removed, and never more than text.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { makeCapture, makeIncident } from '../nouns.ts'
import { PlayedAgent } from '../played-agent.ts'
import { startHttpReceiver } from '../receivers.ts'
import { startTestServer, until } from '../running-server.ts'
import { soon, watchPage, whyNoBrowser } from './browser.ts'
import { tabPerTest } from './tab.ts'

const tab = tabPerTest({ width: 390, height: 844 })

const answers = {
  '/events': { status: 200 },
  '/oncall': { status: 404, body: 'no such channel' },
  '/pager': { status: 503, headers: { 'retry-after': '600' } },
}

async function openIncident(id: string): Promise<void> {
  await tab.stage.agent.deliver({ type: 'incident', incident: makeIncident({ id, state: 'complete' }) })
  await tab.stage.agent.deliver({
    type: 'capture',
    capture: makeCapture({ id: `cap-${id}`, incidentId: id, state: 'complete' }),
  })
  await tab.page.goto(`${tab.stage.server.url}/incidents/${id}`)
}
const notes = () => tab.page.getByRole('region', { name: 'Notes' }).getByRole('listitem')

describe.skipIf(whyNoBrowser)('notes', () => {
  test('what somebody writes is on the page at once, with their name, also for others', async () => {
    await openIncident('inc-write')
    await tab.page.getByRole('button', { name: 'Write a note' }).click()
    // Keys of the page, such as the slash, are letters here.
    await tab.page.getByLabel('Write a note').pressSequentially('see /tmp? <img src=x onerror=alert(1)>')
    await tab.page.getByLabel('Your name').fill('ada')
    await tab.page.keyboard.press('Control+Enter')
    await soon(() => notes().allInnerTexts()).toHaveLength(1)
    await soon(() => notes().first().textContent()).toMatch(/^ada .*see \/tmp\? <img src=x onerror=alert\(1\)>$/)
    const { incident } = await tab.stage.server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-write' } })
    expect(incident.notes).toMatchObject([{ by: 'ada', text: 'see /tmp? <img src=x onerror=alert(1)>' }])
    // Another person, elsewhere: it appears without a reload.
    const by = { text: 'fixed, https://tickets.example/1.', by: 'bob' }
    await tab.stage.server.client.post('/api/v1/incidents/{id}/notes', { params: { id: 'inc-write' }, body: by })
    await soon(() => notes().allInnerTexts()).toHaveLength(2)
    expect(await notes().nth(1).getByRole('link').getAttribute('href')).toBe('https://tickets.example/1')
    // The name is remembered.
    await tab.page.getByRole('button', { name: 'Write a note' }).click()
    await soon(() => tab.page.getByLabel('Your name').inputValue()).toBe('ada')
    await tab.page.keyboard.press('Escape')
    await soon(() => tab.page.getByLabel('Your name').count()).toBe(0)
  })

  test('a note is edited, and removed only by a second click', async () => {
    await openIncident('inc-edit')
    const params = { id: 'inc-edit' }
    await tab.stage.server.client.post('/api/v1/incidents/{id}/notes', { params, body: { text: 'first' } })
    await tab.page.getByRole('button', { name: 'Edit this note' }).click()
    await tab.page.getByLabel('Edit the note').fill('second')
    await tab.page.getByRole('button', { name: 'Save' }).click()
    await soon(() => notes().first().textContent()).toMatch(/edited .*second$/)
    await tab.page.getByRole('button', { name: 'Remove this note' }).click()
    expect(await notes().count()).toBe(1)
    await tab.page.getByRole('button', { name: 'Really remove this note' }).click()
    await soon(() => notes().count()).toBe(0)
  })

  test('a pin is set and taken away with one button, and the list shows it', async () => {
    await openIncident('inc-pin')
    await tab.page.evaluate(`localStorage.setItem('spikecam.name', 'ada')`)
    const pin = tab.page.getByRole('button', { name: /^Pin/ })
    await pin.click()
    await soon(() => pin.getAttribute('aria-pressed')).toBe('true')
    const { incident } = await tab.stage.server.client.get('/api/v1/incidents/{id}', { params: { id: 'inc-pin' } })
    expect(incident.pin).toMatchObject({ by: 'ada' })
    await tab.page.getByRole('link', { name: 'Spikecam' }).click()
    await tab.page.getByText('· pinned').waitFor()
    await tab.page.goBack()
    await pin.click()
    await soon(() => pin.getAttribute('aria-pressed')).toBe('false')
  })

  test('a page that was saved has the notes and no way to change them', async () => {
    await openIncident('inc-saved')
    const params = { id: 'inc-saved' }
    await tab.stage.server.client.post('/api/v1/incidents/{id}/notes', { params, body: { text: 'for the archive' } })
    const html = await tab.stage.server.client.bytes('/api/v1/incidents/{id}/export.html', { params })
    const file = join(tab.stage.server.dataDir, 'saved.html')
    writeFileSync(file, await html.text())
    tab.problems = watchPage(tab.page, 'file:').problems
    await tab.page.goto(pathToFileURL(file).href)
    await tab.page.getByText('for the archive').waitFor()
    expect(await tab.page.getByRole('button', { name: /note|pin/i }).count()).toBe(0)
  })

  test('who was told, who was not and who will be stand on the page and in the saved one', async () => {
    await using receiver = await startHttpReceiver(({ path }) => answers[path as keyof typeof answers])
    const hook = (name: keyof typeof answers) => ({ name: name.slice(1), type: 'webhook', url: receiver.url + name })
    const rulesFile = join(tab.stage.server.dataDir, 'rules.yaml')
    const receivers = [hook('/events'), hook('/oncall'), hook('/pager')]
    // No rule for spikes: the played agent would carry out no capture, and messages would wait for it.
    const alertsOnly = { name: 'alerts', match: { source: ['alert'] } }
    writeFileSync(rulesFile, stringify({ receivers, to: receivers.map(({ name }) => name), rules: [alertsOnly] }))
    await using own = await startTestServer({ uiDir: tab.stage.uiDir, rulesFile })
    const scout = await PlayedAgent.connect(own.url)
    // Of what was long ago nobody is told.
    const times = { onsetMs: Date.now() - 20_000, noticedMs: Date.now() - 19_000, endedMs: Date.now() - 10_000 }
    await scout.deliver({ type: 'incident', incident: makeIncident({ id: 'inc-told', ...times }) })
    const whole = makeCapture({ id: 'cap-told', incidentId: 'inc-told', state: 'complete' })
    await scout.deliver({ type: 'capture', capture: whole })
    const notices = async () => (await own.client.get('/api/v1/notices', { query: {} })).notices
    await until(
      notices,
      (all) => all.length === 3 && all.every(({ state, attempts }) => state !== 'sending' && attempts > 0),
    )
    const told = () => tab.page.locator('.told li').allInnerTexts()
    const look = async (url: string): Promise<void> => {
      await tab.page.goto(url)
      // In the order of the rules; `innerText` has a line for each cell.
      await soon(async () => (await told()).map((row) => row.replace(/\s+/g, ' ')).sort()).toEqual([
        expect.stringMatching(/^Not told oncall: it answered 404: no such channel$/),
        expect.stringMatching(/^Telling pager: it answered 503, again at \d/),
        expect.stringMatching(/^Told events at \d/),
      ])
      for (const [width, height] of [
        [1440, 900],
        [390, 844],
      ] as const) {
        await tab.page.setViewportSize({ width, height })
        await soon(() => tab.page.evaluate('document.documentElement.scrollWidth')).toBe(width)
        // What they say begins in one column, whatever the word before it.
        const edges = await tab.page.evaluate<number[]>(
          `Array.from(document.querySelectorAll('.told li > :last-child'), (cell) => cell.getBoundingClientRect().left)`,
        )
        expect([edges.length, new Set(edges).size]).toEqual([3, 1])
      }
    }
    await look(`${own.url}/incidents/inc-told`)
    const html = await own.client.bytes('/api/v1/incidents/{id}/export.html', { params: { id: 'inc-told' } })
    const file = join(own.dataDir, 'told.html')
    writeFileSync(file, await html.text())
    expect(tab.problems).toEqual([])
    tab.problems = watchPage(tab.page, 'file:').problems
    await look(pathToFileURL(file).href)
    await scout.close()
  })
})
