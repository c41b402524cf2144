// The catalog in one DuckDB file: a table for each noun, the document as JSON, beside it the keys it is looked up by.
// No indexes and no primary keys: tables of some 100 000 rows are scanned in a millisecond, ids are unique because all
// changes go through one queue, and a log without index entries is the simplest one to replay after a crash.
import { stat } from 'node:fs/promises'
import type { DuckDBValue } from '@duckdb/node-api'
import { AlertRecord } from '../model/alert.ts'
import { Artifact, type Capture, type CaptureState, upgradeCapture } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { Incident } from '../model/incident.ts'
import { LedgerEntry } from '../model/ledger.ts'
import { Notice, type NoticeState } from '../model/notice.ts'
import type { UsageSeries } from '../model/usage.ts'
import type { Catalog, CatalogCounts, HeldArtifact, Page } from './catalog.ts'
import { type Database, type Migrations, openDatabase, type Row, type Statement } from './duckdb.ts'
import { wordsOf, wordsOfIncident } from './incident-keys.ts'

const migrations: Migrations = [
  [
    `CREATE TABLE incidents (id TEXT, at_ms DOUBLE, node TEXT, namespace TEXT, pod TEXT, container TEXT, state TEXT,
       pinned BOOLEAN, doc TEXT)`,
    `CREATE TABLE captures (id TEXT, at_ms DOUBLE, incident_id TEXT, node TEXT, namespace TEXT, pod TEXT,
       container TEXT, state TEXT, pinned BOOLEAN, doc TEXT)`,
    `CREATE TABLE artifacts (id TEXT, at_ms DOUBLE, capture_id TEXT, sha256 TEXT, size_bytes DOUBLE,
       evicted_ms DOUBLE, doc TEXT)`,
    'CREATE TABLE usage (capture_id TEXT, name TEXT, start_ms DOUBLE, step_ms DOUBLE, cores DOUBLE[])',
    'CREATE TABLE ledger (id TEXT, at_ms DOUBLE, node TEXT, outcome TEXT, doc TEXT)',
  ],
  ['CREATE TABLE alerts (id TEXT, at_ms DOUBLE, state TEXT, doc TEXT)'],
  ['CREATE TABLE notices (id TEXT, at_ms DOUBLE, incident_id TEXT, state TEXT, doc TEXT)'],
  [
    'ALTER TABLE incidents ADD COLUMN onset_ms DOUBLE',
    'ALTER TABLE incidents ADD COLUMN ended_ms DOUBLE',
    'ALTER TABLE incidents ADD COLUMN evidence_ms DOUBLE',
    'ALTER TABLE incidents ADD COLUMN words TEXT',
  ],
  // A step of its own: DuckDB changes no rows of a table in the transaction that changes its columns.
  [fillIncidentKeys],
]

/** Rows of one INSERT: a storm of alerts is some thousand of them, and each statement costs a third of a millisecond. */
const rowsAtOnce = 200

/** Version of the tables above, for those who ask what a folder holds. */
export const catalogSchema = migrations.length

/**
 * @param path the database file; its folder exists
 * @param onUnreadable told of rows that lists leave out because their document is of no known form
 * @throws Failure DATA_IN_USE, DATA_TOO_NEW, DATA_DAMAGED, DATA_NOT_WRITABLE
 */
export async function openDuckdbCatalog(
  path: string,
  { onUnreadable = () => undefined }: { onUnreadable?: (problem: Failure) => void } = {},
): Promise<Catalog> {
  return catalogOf(path, await openDatabase(path, migrations), onUnreadable)
}

/** `node = ?` and what stands for the question mark; without a value it does not apply. */
type Condition = readonly [sql: string, value: DuckDBValue | undefined]

type Table = 'incidents' | 'captures' | 'artifacts' | 'ledger' | 'alerts' | 'notices'

function catalogOf(path: string, database: Database, onUnreadable: (problem: Failure) => void): Catalog {
  const find = async <T>(table: Table, id: string, parse: (row: Row) => T, ask: Statement = database.all) => {
    const [row] = await ask(`SELECT * FROM ${table} WHERE id = $1`, [id])
    if (!row) return undefined
    const read = readRow(table, row, parse)
    if (read instanceof Failure) throw read
    return read
  }

  const list = async <T>(
    table: Table,
    conditions: readonly Condition[],
    { limit, after }: Page,
    parse: (row: Row) => T,
  ): Promise<T[]> => {
    const parameters: DuckDBValue[] = []
    const place = (value: DuckDBValue): string => `$${parameters.push(value)}`
    const wheres = conditions.flatMap(([sql, value]) => (value === undefined ? [] : [sql.replace('?', place(value))]))
    if (after) wheres.push(`(at_ms, id) < (${place(after.atMs)}, ${place(after.id)})`)
    const where = wheres.length > 0 ? `WHERE ${wheres.join(' AND ')}` : ''
    const newest = 'ORDER BY at_ms DESC, id DESC'
    // Sorted by the keys alone: with their documents, those of 100 000 rows would be read to show fifty.
    const rows = await database.all(
      `SELECT * FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} ${where} ${newest} LIMIT ${Math.trunc(limit)}) ${newest}`,
      parameters,
    )
    return parsed(table, rows, parse, onUnreadable)
  }
  /** Reads, changes and writes a row in one transaction. */
  const update = <T extends { id: string }>(
    table: Table,
    id: string,
    options: { parse(row: Row): T; keys(document: T): Record<string, DuckDBValue> },
    change: (old: T | undefined) => T | undefined,
    entry?: (first: T) => LedgerEntry,
  ): Promise<T | undefined> =>
    database.change(async (statement) => {
      const old = await find(table, id, options.parse, statement)
      const next = change(old)
      if (next === undefined) return old
      const columns = { ...options.keys(next), doc: JSON.stringify(next) }
      const names = Object.keys(columns)
      const values = Object.values(columns)
      const places = names.map((_, index) => `$${index + 2}`)
      await statement(
        old
          ? `UPDATE ${table} SET ${names.map((name, index) => `${name} = ${places[index]}`).join(', ')} WHERE id = $1`
          : `INSERT INTO ${table} (id, ${names.join(', ')}) VALUES ($1, ${places.join(', ')})`,
        [id, ...values],
      )
      if (!old && entry) await insertLedger(statement, [entry(next)])
      return next
    })

  return {
    updateIncident: (id, change) => {
      const keys = (incident: Incident) => ({
        at_ms: incident.noticedMs,
        node: incident.node,
        ...placeKeys(incident.target),
        state: incident.state,
        pinned: incident.pin !== undefined,
        ...lookupKeys(incident),
      })
      return update('incidents', id, { parse: parseIncident, keys }, change)
    },
    incident: (id) => find('incidents', id, parseIncident),
    listIncidents: ({ node, namespace, pod, state, text, fromMs, toMs, ...page }) => {
      const conditions: Condition[] = [
        ['node = ?', node],
        ['namespace = ?', namespace],
        ['pod = ?', pod],
        ['state = ?', state],
        // greatest() passes over the NULL of what has not ended.
        ['greatest(at_ms, ended_ms, evidence_ms) >= ?', fromMs],
        ['onset_ms <= ?', toMs],
        ...wordsOf(text).map((word): Condition => ['contains(words, ?)', word]),
      ]
      return list('incidents', conditions, page, parseIncident)
    },

    updateCapture: (id, change, entry) => {
      const keys = (capture: Capture) => ({
        at_ms: capture.requestedMs,
        incident_id: capture.incidentId ?? null,
        node: capture.node,
        ...placeKeys(capture.target),
        state: capture.state,
      })
      return update('captures', id, { parse: parseCapture, keys }, change, entry)
    },
    capture: (id) => find('captures', id, parseCapture),
    listCaptures: ({ incidentId, node, states, ...page }) => {
      const conditions: Condition[] = [['incident_id = ?', incidentId], ['node = ?', node], anyOf(states)]
      return list('captures', conditions, page, parseCapture)
    },

    putArtifact: (artifact) =>
      database.change(async (statement) => {
        if ((await statement('SELECT id FROM artifacts WHERE id = $1', [artifact.id])).length > 0) return
        await statement('INSERT INTO artifacts VALUES ($1, $2, $3, $4, $5, NULL, $6)', [
          artifact.id,
          artifact.createdMs,
          artifact.captureId,
          artifact.sha256,
          artifact.sizeBytes,
          JSON.stringify(artifact),
        ])
      }),
    artifact: (id) => find('artifacts', id, parseArtifact),
    artifactsOf: async (captureIds) => {
      if (captureIds.length === 0) return []
      const rows = await database.all(
        `SELECT * FROM artifacts WHERE capture_id IN (${placesFor(captureIds)}) ORDER BY at_ms, id`,
        [...captureIds],
      )
      return parsed('artifacts', rows, parseArtifact, onUnreadable)
    },
    artifactsNamed: async (beginning) => {
      const rows = await database.all(
        'SELECT * FROM artifacts WHERE evicted_ms IS NULL AND contains(doc, $1) ORDER BY at_ms, id',
        // As JSON.stringify writes it, without the quote at the end.
        [`"name":${JSON.stringify(beginning).slice(0, -1)}`],
      )
      return parsed('artifacts', rows, parseArtifact, onUnreadable).filter(({ name }) => name.startsWith(beginning))
    },
    heldArtifacts: async () => {
      const rows = await database.all(
        `SELECT a.id, a.sha256, a.size_bytes, a.at_ms, coalesce(i.pinned, false) AS pinned
         FROM artifacts a LEFT JOIN captures c ON c.id = a.capture_id LEFT JOIN incidents i ON i.id = c.incident_id
         WHERE a.evicted_ms IS NULL ORDER BY a.at_ms, a.id`,
      )
      return rows.map(
        (row): HeldArtifact => ({
          id: row.id as string,
          sha256: row.sha256 as string,
          sizeBytes: row.size_bytes as number,
          createdMs: row.at_ms as number,
          pinned: row.pinned as boolean,
        }),
      )
    },
    markEvicted: (artifactIds, atMs) =>
      database.change(async (statement) => {
        for (const id of artifactIds) await statement('UPDATE artifacts SET evicted_ms = $2 WHERE id = $1', [id, atMs])
      }),

    putSeries: (captureId, series) =>
      database.change(async (statement) => {
        await statement('DELETE FROM usage WHERE capture_id = $1', [captureId])
        for (const { name, startMs, stepMs, cores } of series) {
          const values = `[${cores.map((value) => value ?? 'NULL').join(', ')}]`
          await statement('INSERT INTO usage VALUES ($1, $2, $3, $4, $5::DOUBLE[])', [
            captureId,
            name,
            startMs,
            stepMs,
            values,
          ])
        }
      }),
    seriesOf: async (captureIds) => {
      if (captureIds.length === 0) return []
      const rows = await database.all(
        `SELECT name, start_ms, step_ms, cores FROM usage WHERE capture_id IN (${placesFor(captureIds)})
         ORDER BY start_ms, name`,
        [...captureIds],
      )
      return rows.map(
        (row): UsageSeries => ({
          name: row.name as string,
          startMs: row.start_ms as number,
          stepMs: row.step_ms as number,
          cores: row.cores as (number | null)[],
        }),
      )
    },

    addToLedger: (entry) =>
      database.change(async (statement) => {
        await insertLedger(statement, [entry])
      }),
    listLedger: (page) => list('ledger', [], page, (row) => LedgerEntry.parse(document(row))),

    saveAlerts: (records, ledger = []) =>
      database.change(async (statement) => {
        for (let from = 0; from < records.length; from += rowsAtOnce) {
          const some = records.slice(from, from + rowsAtOnce)
          const ids = some.map(({ id }) => id)
          await statement(`DELETE FROM alerts WHERE id IN (${placesFor(ids)})`, ids)
          const values = some.flatMap((record) => [record.id, record.receivedMs, record.state, JSON.stringify(record)])
          await statement(`INSERT INTO alerts VALUES ${tuples(some.length, 4)}`, values)
        }
        await insertLedger(statement, ledger)
      }, 'first'),
    alert: (id) => find('alerts', id, parseAlert),
    unresolvedAlerts: async () => {
      const rows = await database.all(`SELECT * FROM alerts WHERE state != 'resolved' ORDER BY at_ms, id`)
      return parsed('alerts', rows, parseAlert, onUnreadable)
    },
    listAlerts: (page) => list('alerts', [], page, parseAlert),

    updateNotice: (id, change) => {
      const keys = ({ atMs, incidentId, state }: Notice) => ({ at_ms: atMs, incident_id: incidentId, state })
      return update('notices', id, { parse: parseNotice, keys }, change)
    },
    listNotices: ({ incidentId, states, ...page }) =>
      list('notices', [['incident_id = ?', incidentId], anyOf(states)], page, parseNotice),

    counts: async () => {
      const count = 'count(*)::DOUBLE AS count'
      const [incidents] = await database.all(`SELECT ${count} FROM incidents`)
      const [artifacts] = await database.all(`SELECT ${count}, count(evicted_ms)::DOUBLE AS evicted FROM artifacts`)
      const states = await database.all(`SELECT state, ${count} FROM captures GROUP BY state`)
      const notices = await database.all(`SELECT state, ${count} FROM notices GROUP BY state`)
      return {
        incidents: incidents?.count as number,
        captures: Object.fromEntries(states.map((row) => [row.state as CaptureState, row.count as number])),
        artifacts: artifacts?.count as number,
        evicted: artifacts?.evicted as number,
        notices: Object.fromEntries(notices.map((row) => [row.state as NoticeState, row.count as number])),
      } satisfies CatalogCounts
    },
    sizeBytes: async () => (await fileSize(path)) + (await fileSize(`${path}.wal`)),
    close: () => database.close(),
  }
}

/** Without those that cannot be read. */
function parsed<T>(
  table: Table,
  rows: readonly Row[],
  parse: (row: Row) => T,
  onUnreadable: (problem: Failure) => void = () => undefined,
): T[] {
  return rows.flatMap((row) => {
    const read = readRow(table, row, parse)
    if (!(read instanceof Failure)) return [read as T]
    onUnreadable(read)
    return []
  })
}

function readRow<T>(table: Table, row: Row, parse: (row: Row) => T): T | Failure {
  try {
    return parse(row)
  } catch (cause) {
    return new Failure('DATA_DAMAGED', `row ${String(row.id)} of ${table} in the catalog is of no known form`, {
      cause,
    })
  }
}

async function insertLedger(statement: Statement, entries: readonly LedgerEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += rowsAtOnce) {
    const some = entries.slice(from, from + rowsAtOnce)
    const values = some.flatMap((entry) => [entry.id, entry.atMs, entry.node, entry.outcome, JSON.stringify(entry)])
    await statement(`INSERT INTO ledger VALUES ${tuples(some.length, 5)}`, values)
  }
}

/** `($1, $2), ($3, $4)` */
function tuples(rows: number, columns: number): string {
  const tuple = (row: number) => Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`)
  return Array.from({ length: rows }, (_, row) => `(${tuple(row).join(', ')})`).join(', ')
}

const document = (row: Row): unknown => JSON.parse(row.doc as string)
const parseIncident = (row: Row): Incident => Incident.parse(document(row))
const parseCapture = (row: Row): Capture => upgradeCapture(document(row))
const parseAlert = (row: Row): AlertRecord => AlertRecord.parse(document(row))
const parseNotice = (row: Row): Notice => Notice.parse(document(row))
const parseArtifact = (row: Row): Artifact => {
  const artifact = Artifact.parse(document(row))
  return row.evicted_ms === null ? artifact : { ...artifact, evictedMs: row.evicted_ms as number }
}

const anyOf = (states: readonly string[] | undefined): Condition => [
  `list_contains(string_split(?, ','), state)`,
  states?.join(','),
]

function placeKeys(target: Incident['target']): Record<string, DuckDBValue> {
  return {
    namespace: target.namespace ?? null,
    pod: target.pod ?? null,
    container: target.container ?? target.containerId ?? null,
  }
}

function lookupKeys(incident: Incident): Record<string, DuckDBValue> {
  const { onsetMs, endedMs = null, evidenceMs = null } = incident
  return { onset_ms: onsetMs, ended_ms: endedMs, evidence_ms: evidenceMs, words: wordsOfIncident(incident) }
}

/**
 * Of incidents that an earlier version wrote. One of no known form is found by neither; lists leave it out anyway. All
 * are changed by one statement: a change of 200 rows among 100 000 costs as much as one of all.
 */
async function fillIncidentKeys(statement: Statement): Promise<void> {
  await statement('CREATE TEMP TABLE keys (id TEXT, onset_ms DOUBLE, ended_ms DOUBLE, evidence_ms DOUBLE, words TEXT)')
  const [last] = await statement('SELECT max(rowid)::DOUBLE AS rowid FROM incidents')
  for (let from = 0; from <= ((last?.rowid ?? -1) as number); from += rowsAtOnce) {
    const rows = await statement(`SELECT * FROM incidents WHERE rowid >= ${from} AND rowid < ${from + rowsAtOnce}`)
    const found = parsed('incidents', rows, parseIncident)
    if (found.length === 0) continue
    const values = found.flatMap((incident) => [incident.id, ...Object.values(lookupKeys(incident))])
    await statement(`INSERT INTO keys VALUES ${tuples(found.length, 5)}`, values)
  }
  await statement(
    `UPDATE incidents SET onset_ms = keys.onset_ms, ended_ms = keys.ended_ms, evidence_ms = keys.evidence_ms,
       words = keys.words FROM keys WHERE incidents.id = keys.id`,
  )
  await statement('DROP TABLE keys')
}

/** `$1, $2, $3` */
const placesFor = (values: readonly unknown[]): string => values.map((_, index) => `$${index + 1}`).join(', ')

async function fileSize(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0 // the log is not there right after a checkpoint
}
