// The rule file while it changes: half written, swapped as a ConfigMap is, wrong, or waiting for a secret.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openRuleBook, type RuleBook } from './rule-book.ts'

const folder = temporaryFolder()
/** It looks when the tests tell it to. */
const never = 2 ** 31 - 1

/** A book of a file with these words, in a folder of its own. */
async function openBook(name: string, text: string) {
  const dir = join(folder, name)
  mkdirSync(dir)
  const file = join(dir, 'rules.yaml')
  writeFileSync(file, text)
  const errors: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => errors.push(JSON.parse(line).msg) })
  const book = await openRuleBook({ file, dataDir: dir, log, lookEveryMs: never })
  return { book, dir, file, errors, [Symbol.dispose]: () => book.close() }
}
const names = (book: RuleBook) => book.rules.rules.map(({ name }) => name)
/** Twice: what differs from look to look is still being written. */
const look = async (book: RuleBook) => {
  await book.look()
  await book.look()
}

test('a file is read once it is as it was a look ago: half of one is not taken for the whole', async () => {
  using open = await openBook('half', 'rules: [{ name: first }]')
  const { book, file, errors } = open
  writeFileSync(file, 'rules:\n  - name: second\n')
  await book.look()
  expect(names(book)).toEqual(['first'])
  writeFileSync(file, 'rules:\n  - name: second\n  - name: third\n')
  await look(book)
  expect(names(book)).toEqual(['second', 'third'])
  expect(errors).toEqual([])
})

test('a link that is swapped, as that of a ConfigMap is, brings the new rules; a file that is gone leaves the old ones', async () => {
  using open = await openBook('swap', '')
  const { dir } = open
  for (const version of ['1', '2']) {
    mkdirSync(join(dir, version))
    writeFileSync(join(dir, version, 'rules.yaml'), `rules: [{ name: version-${version} }]`)
  }
  symlinkSync('1', join(dir, '..data'))
  const file = join(dir, '..data', 'rules.yaml')
  const log = pino({ level: 'silent' })
  const book = await openRuleBook({ file, dataDir: dir, log, lookEveryMs: never })
  symlinkSync('2', join(dir, '..data-new'))
  renameSync(join(dir, '..data-new'), join(dir, '..data'))
  await look(book)
  expect(names(book)).toEqual(['version-2'])
  rmSync(join(dir, '2'), { recursive: true })
  await look(book)
  expect(names(book)).toEqual(['version-2'])
  expect(book.problem).toContain('ENOENT')
  book.close()
})

test('rules that only lack a secret come into force when it is there, and are complained about once', async () => {
  using open = await openBook('secret', 'rules: [{ name: first }]')
  const { book, dir, file, errors } = open
  const secret = join(dir, 'slack')
  writeFileSync(file, `receivers: [{ name: a, type: slack, url: { file: ${secret} } }]\nrules: [{ name: second }]`)
  await look(book)
  await look(book)
  expect(names(book)).toEqual(['first'])
  expect(errors).toEqual([`the old rules stay in force: ${book.problem}`])
  writeFileSync(secret, 'https://hooks.example/T0/B1')
  await look(book)
  expect([names(book), book.problem]).toEqual([['second'], undefined])
})
