// The embedded catalog: the conformance list, and what only a file can get wrong.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import { describeCatalog } from '../../test/catalog-conformance.ts'
import { makeIncident } from '../../test/nouns.ts'
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
