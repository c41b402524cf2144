// Which captures this node was told to take, on disk: an order that comes again, because the server was killed or the
// connection cut in between, is not carried out twice, also after a restart of the agent.
//
//   {"id":"cap-01k8…","atMs":1763713200000}
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../model/errors.ts'

export interface OrderBook {
  /**
   * Notes an order. @returns false when it was noted before; durable when it resolves, unless the disk takes nothing: then
   * it is carried out all the same, and once more only if the agent is started anew meanwhile
   */
  take(id: string): Promise<boolean>
}

/** The server tells nothing again that is older than ten minutes; a day also covers a clock that was set. */
const rememberMs = 24 * 3_600_000

export interface OrderBookOptions {
  /** Captures that are in the spool: had, even where the file was lost. */
  readonly known?: readonly string[]
  readonly nowMs?: () => number
  /** Told in a sentence when an order could not be noted. */
  readonly onLoss?: (what: string) => void
}

/**
 * @throws Failure DATA_NOT_WRITABLE
 */
export async function openOrderBook(
  path: string,
  { known = [], nowMs = Date.now, onLoss = () => undefined }: OrderBookOptions = {},
): Promise<OrderBook> {
  const taken = new Map(known.map((id) => [id, nowMs()]))
  for (const { id, atMs } of await readOrders(path)) if (atMs > nowMs() - rememberMs) taken.set(id, atMs)
  const line = (id: string, atMs: number): string => `${JSON.stringify({ id, atMs })}\n`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await write(path, 'w', [...taken].map(([id, atMs]) => line(id, atMs)).join(''))
  } catch (cause) {
    throw new Failure('DATA_NOT_WRITABLE', `the agent cannot keep its orders in ${path}`, { cause })
  }
  return {
    take: async (id) => {
      if (taken.has(id)) return false
      const atMs = nowMs()
      for (const [each, takenMs] of taken) {
        if (takenMs > atMs - rememberMs) break // in the order in which they came
        taken.delete(each)
      }
      taken.set(id, atMs) // before the next await: the same order may come twice at once
      await write(path, 'a', line(id, atMs)).catch((error: Error) =>
        onLoss(`order ${id} is only in memory: ${error.message}`),
      )
      return true
    },
  }
}

/** A line that a crash cut short is none: its order was not begun. */
async function readOrders(path: string): Promise<{ id: string; atMs: number }[]> {
  const text = await readFile(path, 'utf8').catch(() => '') // the first start
  return text.split('\n').flatMap((each) => {
    try {
      const { id, atMs } = JSON.parse(each) as { id?: unknown; atMs?: unknown }
      return typeof id === 'string' && typeof atMs === 'number' ? [{ id, atMs }] : []
    } catch {
      return []
    }
  })
}

async function write(path: string, flags: 'a' | 'w', text: string): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
