// The embedded catalog: the conformance list, and what only a file can get wrong.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { describeCatalog } from '../../test/catalog-conformance.ts'
import { makeIncident, someMs } from '../../test/nouns.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { catalogSchema, openDuckdbCatalog } from './duckdb-catalog.ts'

const folder = temporaryFolder()
const fileOf = (name: string): string => join(folder, `${name}.duckdb`)

describeCatalog('DuckDB catalog', () => openDuckdbCatalog(fileOf('conformance')))

test('what was stored is there after closing and opening', async () => {
  const first = await openDuckdbCatalog(fileOf('reopen'))
  await first.updateIncident('inc-1', () => makeIncident({ id: 'inc-1' }))
  await first.close()
  const second = await openDuckdbCatalog(fileOf('reopen'))
  expect(await second.incident('inc-1')).toEqual(makeIncident({ id: 'inc-1' }))
  await second.close()
  await expect(second.updateIncident('inc-2', () => undefined)).rejects.toMatchObject({ code: 'INTERNAL' })
})

test('a schema of a newer version is left alone', async () => {
  const catalog = await openDuckdbCatalog(fileOf('newer'))
  await catalog.close()
  const instance = await DuckDBInstance.create(fileOf('newer'))
  const connection = await instance.connect()
  await connection.run(`UPDATE meta SET value = '999' WHERE key = 'schema'`)
  connection.closeSync()
  instance.closeSync()
  await expect(openDuckdbCatalog(fileOf('newer'))).rejects.toMatchObject({
    code: 'DATA_TOO_NEW',
    details: { schema: 999, known: catalogSchema },
  })
})

test('a catalog that another process holds is named with that process', async () => {
  const catalog = await openDuckdbCatalog(fileOf('locked'))
  await catalog.close()
  const script = `
    const { DuckDBInstance } = await import('@duckdb/node-api')
    globalThis.kept = await DuckDBInstance.create(process.argv[1]) // what nobody holds is collected, and its file let go
    process.stdout.write('open')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, fileOf('locked')], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await expect(openDuckdbCatalog(fileOf('locked'))).rejects.toMatchObject({
    code: 'DATA_IN_USE',
    message: expect.stringContaining(`process ${child.pid}`),
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
})

test('a file that is no database, or an empty one, is said to be damaged', async () => {
  writeFileSync(fileOf('text'), 'not a database, but long enough to be looked at. '.repeat(1000))
  await expect(openDuckdbCatalog(fileOf('text'))).rejects.toMatchObject({ code: 'DATA_DAMAGED' })
  writeFileSync(fileOf('empty'), '')
  await expect(openDuckdbCatalog(fileOf('empty'))).rejects.toMatchObject({ code: 'DATA_DAMAGED' })
})

test('what a crash at the very first start left behind is removed', async () => {
  writeFileSync(`${fileOf('first')}.new-1234`, 'half')
  const catalog = await openDuckdbCatalog(fileOf('first'))
  await catalog.close()
  expect(readdirSync(folder).filter((name) => name.startsWith('first'))).toEqual(['first.duckdb'])
})

test('a row of no known form is told, and the others are listed', async () => {
  const path = fileOf('unreadable')
  const first = await openDuckdbCatalog(path)
  await first.updateIncident('inc-good', () => makeIncident({ id: 'inc-good' }))
  await first.updateIncident('inc-bad', () => makeIncident({ id: 'inc-bad' }))
  await first.close()
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  await connection.run(`UPDATE incidents SET doc = '{"version": 7}' WHERE id = 'inc-bad'`)
  connection.closeSync()
  instance.closeSync()
  const problems: string[] = []
  const catalog = await openDuckdbCatalog(path, { onUnreadable: (problem) => problems.push(problem.message) })
  expect((await catalog.listIncidents({ limit: 9 })).map(({ id }) => id)).toEqual(['inc-good'])
  expect(problems).toEqual(['row inc-bad of incidents in the catalog is of no known form'])
  await expect(catalog.incident('inc-bad')).rejects.toMatchObject({ code: 'DATA_DAMAGED' })
  await catalog.close()
})

/** Changes a file that no catalog has open. */
async function changeFile(path: string, ...statements: string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  for (const sql of statements) await connection.run(sql)
  connection.closeSync()
  instance.closeSync()
}

test('incidents that an earlier version wrote are found by words and times, and one of no known form stays', async () => {
  const path = fileOf('earlier')
  const first = await openDuckdbCatalog(path)
  await first.updateIncident('inc-long', () => makeIncident({ id: 'inc-long', noticedMs: 1000, endedMs: 9000 }))
  await first.close()
  await changeFile(
    path,
    // More than are changed at once.
    `INSERT INTO incidents SELECT i.* REPLACE ('inc-' || k AS id, replace(doc, 'inc-long', 'inc-' || k) AS doc)
     FROM incidents i, range(1000, 1201) t(k)`,
    `UPDATE incidents SET doc = 'null' WHERE id = 'inc-1000'`,
    // As schema 3 has it.
    ...['onset_ms', 'ended_ms', 'evidence_ms', 'words'].map((name) => `ALTER TABLE incidents DROP COLUMN ${name}`),
    `UPDATE meta SET value = '3' WHERE key = 'schema'`,
  )
  const catalog = await openDuckdbCatalog(path)
  const found = async (filter: object) => (await catalog.listIncidents({ limit: 999, ...filter })).map(({ id }) => id)
  expect(await found({ text: 'INC-1200' })).toEqual(['inc-1200'])
  expect(await found({ text: 'inc-1' })).toHaveLength(200)
  expect(await found({ fromMs: 8999, text: 'inc-long' })).toEqual(['inc-long'])
  expect(await found({ fromMs: 9001, text: 'inc-long' })).toEqual([])
  expect(await found({ toMs: someMs - 1_000_000, text: 'inc-long' })).toEqual([])
  await catalog.close()
})

test('thousands of incidents are searched and listed within the memory that a catalog has', async () => {
  const path = fileOf('many')
  const first = await openDuckdbCatalog(path)
  const names = Array.from({ length: 20 }, (_, i) => `f${i}${'<T>'.repeat(330)}`) // as long as names of C++ may be
  const top = names.map((name) => ({ function: name, selfShare: 0, totalShare: 0 }))
  await first.updateIncident('inc-0', () => makeIncident({ id: 'inc-0', top }))
  await first.close()
  await changeFile(
    path,
    `INSERT INTO incidents SELECT i.* REPLACE ('inc-' || k AS id, at_ms - k AS at_ms) FROM incidents i, range(1, 2100) t(k)`,
  )
  const catalog = await openDuckdbCatalog(path)
  expect(await catalog.listIncidents({ limit: 51 })).toHaveLength(51)
  expect(await catalog.listIncidents({ limit: 1, text: 'inc-0 f19' })).toHaveLength(1)
  expect(await catalog.listIncidents({ limit: 51, fromMs: 1, toMs: someMs })).toHaveLength(51)
  await catalog.close()
})
