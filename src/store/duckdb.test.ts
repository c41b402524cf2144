// A database whose log cannot be written into its file, as where the disk is full: it goes on, and loses nothing.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openDatabase } from './duckdb.ts'

const folder = temporaryFolder()

test('when DuckDB gives the instance up after a commit, the commit counts, and reads and changes go on', async () => {
  const path = join(folder, 'full.duckdb')
  const open = () => openDatabase(path, [['CREATE TABLE numbers (n INTEGER)']])
  const database = await open()
  const add = (n: number) => database.change((statement) => statement(`INSERT INTO numbers VALUES (${n})`))
  const all = async () => (await database.all('SELECT n FROM numbers ORDER BY n')).map(({ n }) => n)
  await add(1)
  const breakIt = async () => {
    // DuckDB's own switch for tests: the next checkpoint fails before it is whole.
    await database.change((statement) => statement(`SET GLOBAL debug_checkpoint_abort = 'before_header'`))
    await database.change((statement) => statement(`SET GLOBAL checkpoint_threshold = '0KB'`))
  }
  await breakIt()
  await add(2)
  expect(await all()).toEqual([1, 2])
  await add(3)
  await breakIt()
  // Several at once: one meets the end, the others find a new instance.
  await Promise.all([add(4), add(5), all(), all(), add(6)])
  expect(await all()).toEqual([1, 2, 3, 4, 5, 6])
  await expect(database.change((statement) => statement('INSERT INTO nothing VALUES (1)'))).rejects.toThrow('nothing')
  await database.close()
  const again = await open()
  expect(await again.all('SELECT count(*)::INTEGER AS count FROM numbers')).toEqual([{ count: 6 }])
  await again.close()
})
