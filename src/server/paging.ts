// Pages of lists: their cursors, which mean nothing to whoever passes them back, and reading several of them.
import { Failure } from '../model/errors.ts'
import type { Page, Position } from '../store/catalog.ts'

/** `1767323045600.inc-01k…` in base64url, so that nobody takes it apart. */
export function printCursor({ atMs, id }: Position): string {
  return Buffer.from(`${atMs}.${id}`).toString('base64url')
}

/** @throws Failure BAD_REQUEST */
export function readCursor(text: string | undefined): Position | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)\.(.+)$/s.exec(Buffer.from(text, 'base64url').toString())
  if (!match) throw new Failure('BAD_REQUEST', 'this cursor was not given by this server')
  return { atMs: Number(match[1]), id: match[2] as string }
}

/** A page of at most `limit` of one more than that, and where the next one begins. */
export function pageOf<T>(
  found: readonly T[],
  limit: number,
  position: (last: T) => Position,
): { items: T[]; nextCursor?: string } {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return found.length > limit && last ? { items, nextCursor: printCursor(position(last)) } : { items }
}

/** Rows that are in memory at once. */
const pageSize = 1000

/** The pages of a list that goes from new to old, until one ends before `sinceMs`; that one is the last. */
export async function* pagesSince<T>(
  list: (page: Page) => Promise<T[]>,
  position: (row: T) => Position,
  sinceMs: number,
): AsyncGenerator<T[]> {
  for (let after: Position | undefined; ; ) {
    const page = await list({ limit: pageSize, after })
    yield page
    const last = page.at(-1)
    if (page.length < pageSize || !last || position(last).atMs < sinceMs) return
    after = position(last)
  }
}
