import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openOrderBook } from './order-book.ts'

const folder = mkdtempSync(join(tmpdir(), 'spikecam-orders-'))
const path = join(folder, 'agent', 'orders.jsonl')
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('an order is taken once, also across a restart, also by two at once', async () => {
  const book = await openOrderBook(path)
  expect(await Promise.all([book.take('cap-a'), book.take('cap-a')])).toEqual([true, false])
  const again = await openOrderBook(path, { known: ['cap-spooled'] })
  expect(await again.take('cap-a')).toBe(false)
  expect(await again.take('cap-spooled')).toBe(false)
  expect(await again.take('cap-b')).toBe(true)
})

test('a line that was cut short is no order; what is older than a day is forgotten', async () => {
  const day = 24 * 3_600_000
  const book = await openOrderBook(path, { nowMs: () => 1000 })
  await book.take('cap-old')
  appendFileSync(path, '{"id":"cap-cut","at')
  const next = await openOrderBook(path, { nowMs: () => 2000 + day })
  expect(readFileSync(path, 'utf8')).toBe('')
  expect(await next.take('cap-cut')).toBe(true)
  expect(await next.take('cap-old')).toBe(true)
})

test('an order that the disk does not take is carried out all the same, once, and it is told', async () => {
  const said: string[] = []
  const book = await openOrderBook(path, { onLoss: (what) => said.push(what) })
  rmSync(folder, { recursive: true, force: true })
  expect([await book.take('cap-a'), await book.take('cap-a')]).toEqual([true, false])
  expect(said[0]).toMatch(/^order cap-a is only in memory: ENOENT/)
})
