// docs/http-api.md names every route of the table, and no other.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { routes } from '../src/api/routes.ts'

test('the page and the table have the same routes', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/http-api.md'), 'utf8')
  const documented = [...text.matchAll(/^\| `([A-Z]+ \/\S*)` \|/gm)].map((match) => match[1])
  const known = Object.values(routes).map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  expect(documented.toSorted()).toEqual(known.toSorted())
})
