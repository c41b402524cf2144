// docs/errors.md and the error table say the same, in both directions.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { renderErrorsDoc } from '../scripts/errors-doc.ts'
import { exitCodes, failures } from '../src/model/errors.ts'

const text = readFileSync(join(import.meta.dirname, '../docs/errors.md'), 'utf8')
const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (\d+) \| (.+) \|$/gm)]

test('every code of the table is on the page with its status, exit code and advice, and no other', () => {
  const documented = Object.fromEntries(
    rows.map(([, code, status, exit, advice]) => [
      code,
      { status: Number(status), exit: Number(exit), advice: advice?.replaceAll('\\|', '|') },
    ]),
  )
  expect(documented).toEqual(failures)
})

test('every exit code is explained', () => {
  const explained = [...text.matchAll(/^\| (\d+) \| \S.+ \|$/gm)].map((match) => Number(match[1]))
  const used = new Set([0, ...Object.values(failures).map(({ exit }) => exit), ...Object.values(exitCodes)])
  expect(new Set(explained)).toEqual(used)
})

test('the page is as `npm run docs` writes it', () => {
  expect(text).toBe(renderErrorsDoc())
})
