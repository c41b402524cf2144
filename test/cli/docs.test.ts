// The pages that repeat a table of the source say what the source says.
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { renderConfigDoc } from '../../src/cli/help.ts'
import { formats } from '../../src/profile/formats.ts'
import { classes } from '../recordings/compare.ts'
import { root } from './spikecam.ts'

const text = (path: string): string => readFileSync(resolve(root, path), 'utf8')

test('docs/config.md is as `npm run docs` writes it', () => {
  expect(text('docs/config.md')).toBe(renderConfigDoc())
})

test('the layers of docs/architecture.md are those that are checked', () => {
  const source = text('test/layers.test.ts')
  const checked = source.slice(source.indexOf('const allowed'), source.indexOf('/** Files outside'))
  const rows = [...checked.matchAll(/^ {2}(\w+): \{\s*may: \[([^\]]*)\],\s*why: '([^']*)'/gm)].map(
    ([, folder, may, why]) => `| ${folder} | ${may!.replaceAll("'", '').trim() || '–'} | ${why} |`,
  )
  expect(rows.length).toBeGreaterThan(10)
  const page = text('docs/architecture.md').split('\n')
  expect(
    page.filter((line) => rows.some((row) => line.startsWith(`${row.split('|').slice(0, 2).join('|')}|`))),
  ).toEqual(rows)
})

test('docs/formats.md has the formats of the table, in its order, and says which are written', () => {
  const page = [...text('docs/formats.md').matchAll(/^\| ([\w-]+) \| [^|]+ \| (yes|) ?\|/gm)].map(([, name, yes]) => [
    name,
    yes,
  ])
  const table = formats.map(({ name, write }) => [name, write ? 'yes' : ''])
  expect(page).toEqual([...table, ['svg', 'yes'], ['html', 'yes'], ['json', 'yes'], ['text', 'yes']])
})

test('docs/formats.md explains every class that the comparison with perf sets aside', () => {
  const judged = new Set(['identical', 'unknown here', 'different', 'missing'])
  for (const name of classes.filter((each) => !judged.has(each)))
    expect(text('docs/formats.md')).toContain(`| ${name} |`)
})

test('src/README.md names every folder, and no folder that is not there', () => {
  const folders = readdirSync(resolve(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const named = [...text('src/README.md').matchAll(/`(\w+)\/`/g)].map(([, name]) => name!)
  expect(named.sort()).toEqual(folders.map(({ name }) => name).sort())
})

const madeByTheDemo = 'demo/out/'

test('paths that the pages name exist', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'src/README.md',
    'docs/architecture.md',
    'docs/formats.md',
    'docs/parity.md',
  ]
  const missing = pages.flatMap((page) =>
    [
      ...text(page).matchAll(
        /`((?:src|test|docs|scripts|demo|bench|deploy|agent|api|capture|cli|flame|model|profile|ring|server|store|symbols|target|trigger|ui)\/[\w./-]*)`/g,
      ),
    ]
      .map(([, path]) => path!)
      .filter((path) => !exists(path) && !exists(`src/${path}`) && !path.startsWith(madeByTheDemo))
      .map((path) => `${page}: ${path}`),
  )
  expect(missing).toEqual([])
})

function exists(path: string): boolean {
  try {
    return readdirSync(resolve(root, path)).length >= 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR'
  }
}
