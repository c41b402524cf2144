// Somebody with many incidents finds the one: by words, state and time, by keys alone, and by a link that was sent.
import { describe, expect, test } from 'vitest'
import type { Incident } from '../../src/model/incident.ts'
import { cart, makeIncident, someMs } from '../nouns.ts'
import type { PlayedAgent } from '../played-agent.ts'
import { soon, whyNoBrowser } from './browser.ts'
import { tabPerTest } from './tab.ts'

const hourMs = 3_600_000
const top = (name: string) => [{ function: name, selfShare: 0.9, totalShare: 0.9 }]
type ListedRow = Pick<Incident, 'id' | 'state' | 'top'> & { readonly pod: string }
/** Newest first; each of a pod, a function and a state of its own, an hour apart. */
const rows: readonly ListedRow[] = [
  { id: 'inc-web', pod: 'web-0', state: 'complete', top: top('render') },
  { id: 'inc-cart', pod: 'cart-0', state: 'complete', top: top('evilRegex') },
  { id: 'inc-old', pod: 'cart-1', state: 'failed', top: [] },
]

const deliver = (agent: PlayedAgent, { pod, ...row }: ListedRow, atMs: number) => {
  const times = { onsetMs: atMs, noticedMs: atMs + 600, endedMs: atMs + 6000 }
  return agent.deliver({
    type: 'incident',
    incident: makeIncident({
      ...times,
      target: { ...cart, pod, workload: `statefulset/${pod.replace(/-\d$/, '')}` },
      ...row,
    }),
  })
}
const tab = tabPerTest({ width: 1440, height: 900 }, async ({ agent }) => {
  for (const [hours, row] of rows.entries()) await deliver(agent, row, someMs - hours * hourMs)
})

const open = async (query = ''): Promise<void> => {
  await tab.page.goto(`${tab.stage.server.url}/${query}`)
  await tab.page.getByRole('search').waitFor()
}
/** Pods of the rows, from above. */
const pods = async (): Promise<string[]> =>
  (await tab.page.locator('.row .sentence b').allTextContents()).map((name) => name.split('/')[1] ?? name)
const query = async () => Object.fromEntries(new URLSearchParams(await tab.page.evaluate<string>('location.search')))
const words = () => tab.page.getByRole('searchbox')
const focused = () => tab.page.evaluate<string>('document.activeElement.getAttribute("href")')

describe.skipIf(whyNoBrowser)('the filter of the list', () => {
  test('words, state and time each leave what they say, and stand in the address', async () => {
    await open()
    await soon(pods).toEqual(['web-0', 'cart-0', 'cart-1'])
    await words().fill('SHOP cart-')
    await soon(pods).toEqual(['cart-0', 'cart-1'])
    await soon(() => tab.page.locator('.found').textContent()).toBe('2 incidents')
    await tab.page.getByLabel('State').selectOption('failed')
    await soon(pods).toEqual(['cart-1'])
    await soon(query).toEqual({ text: 'SHOP cart-', state: 'failed' })
    await tab.page.getByLabel('State').selectOption('any state')
    await words().fill('')
    await tab.page.getByLabel('Time').selectOption('from … to …')
    // By the clock on the wall of whoever looks, which stands in the address as a moment.
    const local = await tab.page.evaluate<string>(
      `(() => { const d = new Date(${someMs - hourMs}); return new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16) })()`,
    )
    const minute = new Date(Math.floor((someMs - hourMs) / 60_000) * 60_000).toISOString()
    await tab.page.getByLabel('from', { exact: true }).fill(local)
    await soon(pods).toEqual(['web-0', 'cart-0'])
    await soon(query).toEqual({ from: minute })
    await tab.page.getByLabel('Time').selectOption('the last hour')
    await tab.page.getByText('No incident is like that.').waitFor()
    await soon(query).toEqual({ from: expect.stringMatching(/:00\.000Z$/) })
    await tab.page.getByRole('button', { name: 'Show all' }).click()
    await soon(pods).toEqual(['web-0', 'cart-0', 'cart-1'])
    await soon(query).toEqual({})
  })

  test('a link opens what was sent, and after an incident was looked at it is still there', async () => {
    const to = new Date(someMs - hourMs / 2).toISOString()
    await open(`?text=cart&to=${to}&state=complete`)
    await soon(pods).toEqual(['cart-0'])
    expect(await words().inputValue()).toBe('cart')
    await tab.page.locator('.row').click()
    await tab.page.getByText('No capture belongs to this incident.').waitFor()
    await tab.page.goBack()
    await soon(pods).toEqual(['cart-0'])
    await soon(query).toEqual({ text: 'cart', to, state: 'complete' })
  })

  test('keys alone lead to an incident', async () => {
    await open()
    await soon(pods).toHaveLength(3)
    await tab.page.keyboard.press('/')
    await tab.page.keyboard.type('cart')
    await soon(pods).toEqual(['cart-0', 'cart-1'])
    await tab.page.keyboard.press('ArrowDown')
    await soon(focused).toBe('/incidents/inc-cart')
    await tab.page.keyboard.press('ArrowDown')
    await tab.page.keyboard.press('ArrowDown')
    await soon(focused).toBe('/incidents/inc-old')
    await tab.page.keyboard.press('ArrowUp')
    await tab.page.keyboard.press('ArrowUp')
    await tab.page.keyboard.press('Escape')
    await soon(pods).toHaveLength(3)
    await tab.page.keyboard.type('evilregex')
    await soon(pods).toEqual(['cart-0'])
    await tab.page.keyboard.press('ArrowDown')
    await tab.page.keyboard.press('Enter')
    await soon(() => tab.page.evaluate('location.pathname')).toBe('/incidents/inc-cart')
  })

  test('a telephone has room for all of it, and nothing found is said', async () => {
    await tab.page.setViewportSize({ width: 390, height: 844 })
    await open('?text=nobody&from=2026-01-01T00:00:00Z')
    await tab.page.getByText('No incident is like that.').waitFor()
    await soon(() => tab.page.locator('.found').textContent()).toBe('0 incidents')
    expect(await tab.page.evaluate('document.documentElement.scrollWidth')).toBe(390)
  })

  // The last: it adds rows to those of the others.
  test('what comes in, or changes, is in the list only where it fits', async () => {
    await deliver(tab.stage.agent, { ...rows[2]!, id: 'inc-live-1', pod: 'live-1' }, someMs - 1)
    await open('?text=live&state=failed')
    await tab.page.getByText('live', { exact: true }).waitFor()
    await soon(pods).toEqual(['live-1'])
    await deliver(tab.stage.agent, { ...rows[2]!, id: 'inc-live-2', pod: 'live-2' }, someMs)
    await soon(pods).toEqual(['live-2', 'live-1'])
    await deliver(tab.stage.agent, { ...rows[0]!, id: 'inc-live-1', pod: 'live-1' }, someMs - 1)
    await soon(pods).toEqual(['live-2'])
  })
})
