// Events put into what the pages have asked for already.
import { QueryClient } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { makeIncident, someMs } from '../../test/nouns.ts'
import { applyEvent } from './queries.ts'

test('an incident that changes stays where it is in the list; a new one stands with the newest', () => {
  const queries = new QueryClient()
  const of = (id: string, agoMs: number) => makeIncident({ id, noticedMs: someMs - agoMs })
  const pages = [{ incidents: [of('b', 100), of('c', 200)], nextCursor: 'x' }, { incidents: [of('e', 400)] }]
  queries.setQueryData(['incidents'], { pages, pageParams: ['', 'x'] })
  const shown = () =>
    queries
      .getQueryData<{ pages: typeof pages }>(['incidents'])
      ?.pages.map(({ incidents }) => incidents.map(({ id, state }) => `${id} ${state}`))

  applyEvent(queries, { type: 'incident', incident: { ...of('e', 400), state: 'failed' } })
  expect(shown()).toEqual([['b capturing', 'c capturing'], ['e failed']])
  applyEvent(queries, { type: 'incident', incident: of('a', 0) })
  expect(shown()).toEqual([['a capturing', 'b capturing', 'c capturing'], ['e failed']])
})
