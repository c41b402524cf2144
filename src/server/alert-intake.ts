// Takes alerts in: each firing once, on disk before it is acknowledged, and many requests in one transaction.
import type { HookAnswer } from '../api/shapes.ts'
import { newId } from '../lib/ids.ts'
import { createPace } from '../lib/pace.ts'
import type { Alert, AlertMessage, AlertRecord } from '../model/alert.ts'
import { Failure } from '../model/errors.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import type { Catalog } from '../store/catalog.ts'
import { pagesSince } from './paging.ts'

export interface AlertIntakeOptions {
  readonly catalog: Pick<Catalog, 'saveAlerts' | 'unresolvedAlerts' | 'listAlerts'>
  /** Told of records that are on disk. */
  onQueued(records: readonly AlertRecord[]): void
  onResolved(records: readonly AlertRecord[]): void
  readonly nowMs?: () => number
  readonly mostOpen?: number
}

export interface AlertIntake {
  /** Resolves when everything new is on disk, not before `resume` has. @throws Failure OVERLOADED when too much waits to be written */
  take(message: AlertMessage): Promise<HookAnswer>
  /**
   * The latest state of a firing, and what the ledger says of it, in one transaction.
   * @returns as it was kept: what was resolved meanwhile stays resolved
   */
  replace(record: AlertRecord, refusals?: readonly LedgerEntry[]): Promise<AlertRecord>
  /** Takes up what an earlier run left. */
  resume(): Promise<void>
}

/** What tells a repeat, and what is written when it ends. */
interface Open {
  readonly id: string
  readonly startsMs: number | undefined
  readonly group: string
  /** The record as JSON: of ten thousand that fire at once, as objects they take five times the memory. */
  text: string
  /** Resolves when the record is on disk. */
  readonly kept: Promise<void>
}

/** Maps have the oldest first. */
function keepNewest<K, V>(map: Map<K, V>, most: number): void {
  while (map.size > most) map.delete(map.keys().next().value as K)
}

function openOf(record: AlertRecord, kept: Promise<void>): Open {
  const { id, alert } = record
  return { id, startsMs: alert.startsMs, group: alert.group, text: JSON.stringify(record), kept }
}
const recordOf = ({ text }: Open): AlertRecord => JSON.parse(text) as AlertRecord

/** A transaction costs some 5 ms of CPU, with one alert or with thirty; nobody notices that 202 comes so much later. */
const togetherMs = 20
/** Waiting for the disk: at 300 bytes each some 15 MB; a disk that is slower than that is refused more. */
const mostWaiting = 50_000
/** Beyond these the oldest are forgotten, some 100 MB of them: who sends so many without an end repeats none of them. */
const defaultMostOpen = 100_000
/** Of firings that ended: their repeats come late by minutes, from an Alertmanager whose peer was quicker. */
const mostEnded = 10_000
const endedForMs = 3_600_000
/** A firing that nobody resolves is forgotten after this: senders repeat what still fires every few hours. */
const forgetAfterMs = 7 * 24 * 3_600_000

export function createAlertIntake({
  catalog,
  onQueued,
  onResolved,
  nowMs = Date.now,
  mostOpen = defaultMostOpen,
}: AlertIntakeOptions): AlertIntake {
  /** By series; those that fire as far as we know. */
  const open = new Map<string, Open>()
  /** By series; when the firing began that has ended. */
  const endedStarts = new Map<string, number>()
  /** By id; when those ended that were not decided about by then. */
  const endedEarly = new Map<string, number>()
  const waiting = new Map<string, AlertRecord>()
  let waitingRefusals: LedgerEntry[] = []
  const pace = createPace(togetherMs)
  let ready = (): void => undefined
  const isReady = new Promise<void>((resolve) => {
    ready = resolve
  })
  let writing: Promise<void> | undefined
  let next: Promise<void> | undefined

  /** All that comes while one transaction runs goes into the next; of one record the latest. */
  const save = (records: readonly AlertRecord[], refusals: readonly LedgerEntry[] = []): Promise<void> => {
    for (const record of records) waiting.set(record.id, record)
    waitingRefusals.push(...refusals)
    next ??= (async () => {
      await writing?.catch(() => undefined) // who waited for that one has been told
      await pace()
      const batch = [...waiting.values()]
      const entries = waitingRefusals
      waiting.clear()
      waitingRefusals = []
      next = undefined
      writing = catalog.saveAlerts(batch, entries)
      await writing
    })()
    return next
  }

  const isRepeat = (known: Open, alert: Alert): boolean =>
    alert.startsMs === undefined || known.startsMs === undefined || known.startsMs === alert.startsMs
  const noteEnd = (series: string, startsMs: number | undefined): void => {
    endedStarts.delete(series)
    if (startsMs !== undefined) keepNewest(endedStarts.set(series, startsMs), mostEnded)
  }

  return {
    take: async (message) => {
      // Before that nobody knows what is a repeat: a sender that was not answered sends again when we are back.
      await isReady
      const now = nowMs()
      if (waiting.size > mostWaiting) {
        // 503, not 429: Alertmanager repeats a message only after a status of 5xx (notify/util.go, Retrier).
        throw new Failure('OVERLOADED', `${waiting.size} alerts wait to be written; the disk is too slow`, {
          details: { guard: 'intake', limit: mostWaiting },
        })
      }
      const fresh: AlertRecord[] = []
      const resolved: AlertRecord[] = []
      const ended = new Map<string, Open>()
      const repeats: Promise<void>[] = []
      let late = 0
      const resolve = (series: string, known: Open, atMs: number): void => {
        const record = recordOf(known)
        const isDecided = record.state !== 'queued'
        // What was not decided about stays in the queue, with its end: a start of the server takes it up from there.
        resolved.push({ ...record, ...(isDecided ? { state: 'resolved' } : {}), resolvedMs: atMs })
        if (!isDecided) endedEarly.set(record.id, atMs)
        open.delete(series)
        ended.set(series, known)
        noteEnd(series, known.startsMs)
      }
      for (const alert of message.alerts) {
        const known = open.get(alert.series)
        if (alert.status === 'resolved') {
          if (known && isRepeat(known, alert)) resolve(alert.series, known, alert.endsMs ?? now)
        } else if (known && isRepeat(known, alert)) repeats.push(known.kept)
        else if (alert.startsMs !== undefined && endedStarts.get(alert.series) === alert.startsMs) late++
        else {
          if (known) resolve(alert.series, known, now) // it began anew, and its end was never told
          const record = { id: newId('alr-', now), receivedMs: now, alert, state: 'queued' as const, decisions: [] }
          fresh.push(record)
          keepNewest(open.set(alert.series, openOf(record, Promise.resolve())), mostOpen)
        }
      }
      const groups = new Set(message.resolvedGroups)
      if (groups.size > 0) {
        for (const [series, known] of [...open]) if (groups.has(known.group)) resolve(series, known, now)
      }
      if (fresh.length + resolved.length > 0) {
        // One may begin and end in the same message: the end is what is kept.
        const kept = save([...fresh, ...resolved])
        kept.catch(() => undefined) // told to everybody who waits for it below
        const own = (series: string, id: string): Open | undefined => {
          const known = open.get(series)
          return known?.id === id ? known : undefined
        }
        for (const { id, alert } of fresh) {
          const known = own(alert.series, id)
          if (known) open.set(alert.series, { ...known, kept })
        }
        try {
          await kept
        } catch (error) {
          // Not on disk, so not known, neither that they began nor that they ended: the sender repeats it.
          for (const { id, alert } of fresh) if (own(alert.series, id)) open.delete(alert.series)
          const began = new Set(fresh.map(({ id }) => id))
          for (const [series, known] of ended) {
            endedEarly.delete(known.id)
            endedStarts.delete(series)
            if (!began.has(known.id) && !open.has(series)) open.set(series, known)
          }
          throw error
        }
        // Before what may still fail: they are on disk, and a repeat of them would be taken for known.
        if (fresh.length > 0) onQueued(fresh)
        if (resolved.length > 0) onResolved(resolved)
      }
      // A repeat must not be acknowledged before the first one is safe.
      await Promise.all(repeats)
      const told = (records: readonly AlertRecord[]) => records.map(({ id, alert }) => ({ id, name: alert.name }))
      return {
        accepted: told(fresh),
        resolved: told(resolved),
        repeated: repeats.length + late,
        skipped: [...message.skipped],
        truncated: message.truncated,
      }
    },
    replace: async (record, refusals) => {
      const known = open.get(record.alert.series)
      const isOpen = known?.id === record.id
      if (isOpen) known.text = JSON.stringify(record)
      const resolvedMs = record.resolvedMs ?? endedEarly.get(record.id) ?? nowMs()
      endedEarly.delete(record.id)
      const next = isOpen ? record : { ...record, state: 'resolved' as const, resolvedMs }
      await save([next], refusals)
      return next
    },
    resume: async () => {
      const now = nowMs()
      const stale: AlertRecord[] = []
      const queued: AlertRecord[] = []
      for (const record of await catalog.unresolvedAlerts()) {
        const isQueued = record.state === 'queued'
        const isStale = record.receivedMs < now - forgetAfterMs
        if (isQueued) queued.push(record)
        else if (isStale) stale.push({ ...record, state: 'resolved' })
        if (!isStale && record.resolvedMs === undefined)
          open.set(record.alert.series, openOf(record, Promise.resolve()))
      }
      if (stale.length > 0) await save(stale)
      const sinceMs = now - endedForMs
      const position = ({ receivedMs, id }: AlertRecord) => ({ atMs: receivedMs, id })
      for await (const page of pagesSince((page) => catalog.listAlerts(page), position, sinceMs)) {
        for (const { alert, state, receivedMs } of page) {
          // The newest firing of a series comes first.
          if (state === 'resolved' && receivedMs > sinceMs && !endedStarts.has(alert.series))
            noteEnd(alert.series, alert.startsMs)
        }
        if (endedStarts.size >= mostEnded) break
      }
      ready()
      if (queued.length > 0) onQueued(queued)
    },
  }
}
