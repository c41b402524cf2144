// One DuckDB file: opens or creates it, says plainly why it cannot, and lets changes happen one after the other.
import { randomUUID } from 'node:crypto'
import { link, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue, Json } from '@duckdb/node-api'
import { Failure } from '../model/errors.ts'
import { syncFile, syncFolder } from './durable.ts'

export type Row = Record<string, Json>

/** Steps from one schema version to the next, each one transaction: step i leads from version i to i + 1. */
export type Migrations = readonly (readonly (string | ((statement: Statement) => Promise<void>))[])[]

export interface Database {
  /** Rows of a query, as committed. */
  all(sql: string, parameters?: DuckDBValue[]): Promise<Row[]>
  /**
   * Runs `work` when all changes before it are done; several statements are one transaction.
   * @param place `first`: before other changes that wait, in the order of those that are first too
   */
  change<T>(work: (statement: Statement) => Promise<T>, place?: 'first' | 'last'): Promise<T>
  close(): Promise<void>
}

export type Statement = (sql: string, parameters?: DuckDBValue[]) => Promise<Row[]>

// One thread: the catalog is small, and the cores belong to the workloads. 256 MB is enough to sort 100 000 rows.
const settings = { threads: '1', memory_limit: '256MB' }

/**
 * Opens `path`, creating it where there is none, and brings it to the newest schema.
 * Every `change` is on disk when its promise resolves: DuckDB syncs its write-ahead log at each commit.
 * @throws Failure DATA_IN_USE, DATA_TOO_NEW, DATA_DAMAGED, DATA_NOT_WRITABLE
 */
export async function openDatabase(path: string, migrations: Migrations): Promise<Database> {
  if (!(await stat(path).catch(() => undefined))) await createDatabase(path, migrations)
  let open: Open | undefined = await openConnections(path)
  await removeLeftovers(path)
  try {
    await migrate(open.writer, migrations, path)
  } catch (error) {
    closeConnections(open)
    throw error
  }
  /** Of what DuckDB gave up, once nothing asks it any more. */
  let closing: Promise<void> = Promise.resolve()
  let opening: Promise<Open> | undefined
  const running = new Set<Promise<unknown>>()
  const waiting = { first: [] as (() => Promise<void>)[], last: [] as (() => Promise<void>)[] }
  let working: Promise<void> | undefined
  let isClosed = false

  const reopen = async (): Promise<Open> => {
    await closing
    open = await openConnections(path)
    return open
  }
  const giveUp = (bad: Open): void => {
    if (open !== bad) return
    open = undefined
    closing = Promise.allSettled(running).then(() => closeConnections(bad))
  }
  /** A disk that is full when the log is written into the file ends the instance for good, though nothing is lost. */
  const use = async <T>(work: (open: Open) => Promise<Done<T>>, isRetry = false): Promise<T> => {
    if (!open) {
      opening ??= reopen().finally(() => {
        opening = undefined
      })
    }
    const used = open ?? (await (opening as Promise<Open>))
    const run = work(used)
    running.add(run)
    try {
      const { result, isOver } = await run
      if (isOver) giveUp(used)
      return result
    } catch (error) {
      if (!isFatal(error)) throw error
      giveUp(used)
      // It was over before this began.
      if (!isRetry && /database has been invalidated/.test((error as Error).message)) return await use(work, true)
      throw error
    } finally {
      running.delete(run)
    }
  }

  const work = async (): Promise<void> => {
    for (let next = nextOf(waiting); next; next = nextOf(waiting)) await next()
    working = undefined
  }
  const change: Database['change'] = (does, place = 'last') =>
    new Promise((resolve, reject) => {
      if (isClosed) {
        reject(new Failure('INTERNAL', `${path} is closed`))
        return
      }
      // Whoever asked gets the error; the next change goes on.
      waiting[place].push(() => use(({ writer }) => transaction(writer, does)).then(resolve, reject))
      working ??= Promise.resolve().then(work)
    })
  return {
    all: (sql, parameters) =>
      use(async ({ reader }) => ({ result: await rowsOf(reader, sql, parameters), isOver: false })),
    change,
    close: async () => {
      isClosed = true
      await working
      await closing
      if (open) closeConnections(open)
      open = undefined
    },
  }
}

interface Open {
  readonly instance: DuckDBInstance
  readonly writer: DuckDBConnection
  readonly reader: DuckDBConnection
}

async function openConnections(path: string): Promise<Open> {
  const instance = await openInstance(path)
  return { instance, writer: await instance.connect(), reader: await instance.connect() }
}

function closeConnections({ instance, writer, reader }: Open): void {
  reader.closeSync()
  writer.closeSync()
  instance.closeSync()
}

/** What came of it, and whether the instance is of no use from now on. */
interface Done<T> {
  readonly result: T
  readonly isOver: boolean
}

const isFatal = (error: unknown): boolean => /FATAL Error|database has been invalidated/.test((error as Error).message)

const nextOf = <T>({ first, last }: { readonly first: T[]; readonly last: T[] }): T | undefined =>
  first.shift() ?? last.shift()

/**
 * Under another name first: an empty or half-written database file, left by a crash at the very first start, would be
 * refused by every later one. A link does not replace what a second process may have created meanwhile.
 */
async function createDatabase(path: string, migrations: Migrations): Promise<void> {
  const temporary = `${path}${temporaryMark}${randomUUID()}`
  const instance = await openInstance(temporary)
  const connection = await instance.connect()
  await migrate(connection, migrations, path)
  connection.closeSync()
  instance.closeSync() // writes the log into the file and removes it
  await syncFile(temporary)
  await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error
  })
  await syncFolder(dirname(path))
}

const temporaryMark = '.new-'

/** Only to be called by who holds the lock of the database itself. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = basename(path) + temporaryMark
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(prefix)) await rm(join(dirname(path), name), { force: true })
  }
}

async function openInstance(path: string): Promise<DuckDBInstance> {
  // Loaded only here: an agent is the same program, and the library would take 15 MB of every node.
  const duckdb = await import('@duckdb/node-api')
  try {
    return await duckdb.DuckDBInstance.create(path, settings)
  } catch (cause) {
    throw openFailure(path, cause as Error)
  }
}

/**
 *     IO Error: Could not set lock on file "…": Conflicting lock is held in /usr/bin/node (PID 4711). See also …
 *     IO Error: Cannot open file "…": Read-only file system
 *     IO Error: The file "…" exists, but it is not a valid DuckDB database file!
 *     IO Error: Trying to read a database file with version number 65, but we can only read versions between 64 and 64.
 */
function openFailure(path: string, cause: Error): Failure {
  const { message } = cause
  const options = { cause, details: { reason: message } }
  if (message.includes('Could not set lock')) {
    const pid = /\(PID (\d+)\)/.exec(message)?.[1]
    return new Failure('DATA_IN_USE', `${path} is in use by ${pid ? `process ${pid}` : 'another process'}`, options)
  }
  if (/database file with version number/.test(message)) {
    return new Failure('DATA_TOO_NEW', `${path} was written by a version with a newer storage format`, options)
  }
  if (/Cannot open file/.test(message)) {
    return new Failure('DATA_NOT_WRITABLE', `cannot write ${path}: ${message.replace(/^.*": /, '')}`, options)
  }
  return new Failure('DATA_DAMAGED', `${path} cannot be read as a catalog: ${message}`, options)
}

async function migrate(connection: DuckDBConnection, migrations: Migrations, path: string): Promise<void> {
  await rowsOf(connection, 'CREATE TABLE IF NOT EXISTS meta (key TEXT, value TEXT)')
  const [row] = await rowsOf(connection, `SELECT value FROM meta WHERE key = 'schema'`)
  const version = Number(row?.value ?? 0)
  if (version > migrations.length) {
    throw new Failure(
      'DATA_TOO_NEW',
      `${path} has schema ${version}; this version of spikecam knows up to ${migrations.length}`,
      { details: { schema: version, known: migrations.length } },
    )
  }
  for (let next = version; next < migrations.length; next++) {
    await transaction(connection, async (statement) => {
      for (const work of migrations[next] as Migrations[number]) {
        if (typeof work === 'string') await statement(work)
        else await work(statement)
      }
      await statement(`DELETE FROM meta WHERE key = 'schema'`)
      await statement(`INSERT INTO meta VALUES ('schema', $1)`, [String(next + 1)])
    })
  }
}

async function transaction<T>(
  connection: DuckDBConnection,
  work: (statement: Statement) => Promise<T>,
): Promise<Done<T>> {
  await connection.run('BEGIN')
  try {
    const result = await work((sql, parameters) => rowsOf(connection, sql, parameters))
    const isOver = await commit(connection)
    return { result, isOver }
  } catch (error) {
    // A failed COMMIT has ended the transaction already; the first error is the one that says why.
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/**
 *     FATAL Error: Transaction COMMIT succeeded and is durable, but the autocheckpoint failed. Reopen the database …
 * @returns whether the instance has ended with it
 */
async function commit(connection: DuckDBConnection): Promise<boolean> {
  try {
    await connection.run('COMMIT')
    return false
  } catch (error) {
    if (/COMMIT succeeded and is durable/.test((error as Error).message)) return true
    throw error
  }
}

async function rowsOf(connection: DuckDBConnection, sql: string, parameters?: DuckDBValue[]): Promise<Row[]> {
  const result = await connection.runAndReadAll(sql, parameters)
  return result.getRowObjectsJson() as Row[]
}
