// Takes alerts in: each firing once, on disk before it is acknowledged, and many requests in one transaction.
import type { HookAnswer } from '../api/shapes.ts'
import { newId } from '../lib/ids.ts'
import { createPace } from '../lib/pace.ts'
import type { Alert, AlertMessage, AlertRecord } from '../model/alert.ts'
import { Failure } from '../model/errors.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import type { Catalog } from '../store/catalog.ts'

export interface AlertIntakeOptions {
  readonly catalog: Pick<Catalog, 'saveAlerts' | 'unresolvedAlerts'>
  /** Told of records that are on disk. */
  onQueued(records: readonly AlertRecord[]): void
  onResolved(records: readonly AlertRecord[]): void
  readonly nowMs?: () => number
}

export interface AlertIntake {
  /** Resolves when everything new is on disk, not before `resume` has. @throws Failure OVERLOADED when too much waits to be written */
  take(message: AlertMessage): Promise<HookAnswer>
  /** The latest state of a firing, and what the ledger says of it, in one transaction. */
  replace(record: AlertRecord, refusals?: readonly LedgerEntry[]): Promise<void>
  /** Takes up what an earlier run left. */
  resume(): Promise<void>
}

interface Open {
  record: AlertRecord
  /** Resolves when the record is on disk. */
  readonly kept: Promise<void>
}

/** A transaction costs some 5 ms of CPU, with one alert or with thirty; nobody notices that 202 comes so much later. */
const togetherMs = 20
/** Waiting for the disk: at 300 bytes each some 15 MB; a disk that is slower than that is refused more. */
const mostWaiting = 50_000
/** A firing that nobody resolves is forgotten after this: senders repeat what still fires every few hours. */
const forgetAfterMs = 7 * 24 * 3_600_000

export function createAlertIntake({
  catalog,
  onQueued,
  onResolved,
  nowMs = Date.now,
}: AlertIntakeOptions): AlertIntake {
  /** By series; those that fire as far as we know. */
  const open = new Map<string, Open>()
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

  const isRepeat = (known: Alert, alert: Alert): boolean =>
    alert.startsMs === undefined || known.startsMs === undefined || known.startsMs === alert.startsMs

  const resolve = (known: Open, atMs: number): AlertRecord => {
    const record: AlertRecord = { ...known.record, state: 'resolved', resolvedMs: atMs }
    open.delete(record.alert.series)
    return record
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
      const repeats: Promise<void>[] = []
      for (const alert of message.alerts) {
        const known = open.get(alert.series)
        if (alert.status === 'resolved') {
          if (known && isRepeat(known.record.alert, alert)) resolved.push(resolve(known, alert.endsMs ?? now))
        } else if (known && isRepeat(known.record.alert, alert)) repeats.push(known.kept)
        else {
          if (known) resolved.push(resolve(known, now)) // it began anew, and its end was never told
          fresh.push({ id: newId('alr-', now), receivedMs: now, alert, state: 'queued', decisions: [] })
          open.set(alert.series, { record: fresh.at(-1) as AlertRecord, kept: Promise.resolve() })
        }
      }
      const groups = new Set(message.resolvedGroups)
      if (groups.size > 0) {
        for (const known of [...open.values()]) {
          if (groups.has(known.record.alert.group)) resolved.push(resolve(known, now))
        }
      }
      if (fresh.length + resolved.length > 0) {
        const kept = save([...resolved, ...fresh])
        kept.catch(() => undefined) // told to everybody who waits for it below
        for (const record of fresh) {
          if (open.get(record.alert.series)?.record === record) open.set(record.alert.series, { record, kept })
        }
        try {
          await kept
        } catch (error) {
          // Not on disk, so not known: the sender repeats it.
          for (const record of fresh) {
            if (open.get(record.alert.series)?.record.id === record.id) open.delete(record.alert.series)
          }
          throw error
        }
      }
      // A repeat must not be acknowledged before the first one is safe.
      await Promise.all(repeats)
      if (fresh.length > 0) onQueued(fresh)
      if (resolved.length > 0) onResolved(resolved)
      const told = (records: readonly AlertRecord[]) => records.map(({ id, alert }) => ({ id, name: alert.name }))
      return {
        accepted: told(fresh),
        resolved: told(resolved),
        repeated: repeats.length,
        skipped: [...message.skipped],
        truncated: message.truncated,
      }
    },
    replace: async (record, refusals) => {
      const known = open.get(record.alert.series)
      // Resolved meanwhile: that stays.
      const next =
        known?.record.id === record.id
          ? record
          : { ...record, state: 'resolved' as const, resolvedMs: record.resolvedMs ?? nowMs() }
      if (known?.record.id === record.id) known.record = record
      await save([next], refusals)
    },
    resume: async () => {
      const now = nowMs()
      const stale: AlertRecord[] = []
      const queued: AlertRecord[] = []
      for (const record of await catalog.unresolvedAlerts()) {
        if (record.receivedMs < now - forgetAfterMs) stale.push({ ...record, state: 'resolved' })
        else {
          open.set(record.alert.series, { record, kept: Promise.resolve() })
          if (record.state === 'queued') queued.push(record)
        }
      }
      if (stale.length > 0) await save(stale)
      ready()
      if (queued.length > 0) onQueued(queued)
    },
  }
}
