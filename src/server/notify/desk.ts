// Tells receivers that the evidence of an incident is there: once each, also when the server is killed in between, and
// again with growing pauses where one does not take it.
//
// Every message is a row of the catalog before anything is sent, named by its incident and its receiver. It is `sending`
// from before an attempt until after it; who finds such a row when the server starts does not know whether that attempt
// arrived. It is sent again then, under the same id and with a word that it may be a repeat: nobody is told twice unless
// not to be told at all was the alternative.
import type { Logger } from 'pino'
import { backoffMs } from '../../lib/backoff.ts'
import { printDurationMs } from '../../lib/units.ts'
import { asFailure } from '../../model/errors.ts'
import type { Incident } from '../../model/incident.ts'
import { type Notice, noticeId } from '../../model/notice.ts'
import type { Catalog } from '../../store/catalog.ts'
import type { Receiver } from '../../trigger/receiver.ts'
import { receiversOf } from '../../trigger/receiver-choice.ts'
import type { Rules } from '../../trigger/rule.ts'
import { isActive } from '../merge.ts'
import { placeOf } from '../rule-limiter.ts'
import type { Delivery } from './delivery.ts'
import { messageOf, type NoticeMessage } from './message.ts'

export interface NotifyDeskOptions {
  readonly catalog: Pick<Catalog, 'incident' | 'listIncidents' | 'listCaptures' | 'updateNotice' | 'listNotices'>
  readonly rules: () => Rules
  readonly send: (receiver: Receiver, message: NoticeMessage, signal: AbortSignal) => Promise<Delivery>
  readonly linkOf: (incidentId: string) => string
  /** To be told what became of a message: pages show it. */
  readonly onOutcome?: (incident: Incident) => void
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly nowMs?: () => number
  /** Of the pauses between attempts, for tests. */
  readonly firstPauseMs?: number
}

export interface NotifyDesk {
  /**
   * To be called with an incident as it will be stored, before it is: should the server be killed in between, it is
   * concluded again, and then its rows are there.
   * @param old what is stored of it
   */
  plan(old: Incident, next: Incident): Promise<void>
  /** To be called with every incident that changed: an alert may have joined it, whose rule names other receivers. */
  note(incident: Incident): void
  /** Sends what is due. @param incidentId of one that there is news of: what waits for that is due */
  look(incidentId?: string): void
  /** Takes up what an earlier run left; to be called before anybody can bring news, and `look` after it. */
  resume(): Promise<void>
  /** Resolves when nothing is being sent any more. */
  close(): Promise<void>
}

/** With pauses of 10 s, doubled up to a quarter of an hour, ten attempts take most of an hour. */
const mostAttempts = 10
const defaultFirstPauseMs = 10_000
const longestPauseMs = 15 * 60_000
/** Nobody is woken for what was over before they went to bed: an agent was away, or the server was down. */
const mostAgeMs = 12 * 3_600_000
/** Between two steps of a rule there is a moment in which nothing is recorded. */
const settleMs = 3000
/** Functions are worth this wait: the steps of a rule until there are stacks. */
const patienceMs = 5 * 60_000
/** An alert that joins an incident later than the evidence tells its own receivers, but not when it is re-read days later. */
const recentMs = 10 * 60_000
/** An attempt under way when the server ends may finish within this. */
const closeWithinMs = 2000
/** More than receivers are sent in the time that they set for one workload. */
const mostSent = 1000
/** More than can wait for receivers that are all down, within the limits of the rules. */
const mostWaiting = 10_000

export function createNotifyDesk(options: NotifyDeskOptions): NotifyDesk {
  const { catalog, rules, send, linkOf, onOutcome, log, nowMs = Date.now, firstPauseMs = defaultFirstPauseMs } = options
  /** By id; what has to be sent. */
  const waiting = new Map<string, Notice>()
  /** Those that have a row: in a storm of alerts the disk is not asked about each. */
  const planned = new Set<string>()
  /** By receiver: one that hangs holds up no other, and gets no second message while it looks at the first. */
  const busy = new Map<string, Promise<void>>()
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  /** Forgets it where there is nothing more to be done. */
  const keep = async (notice: Notice): Promise<Notice> => {
    const kept = (await catalog.updateNotice(notice.id, () => notice)) as Notice
    if (kept.state === 'waiting' || kept.state === 'sending') waiting.set(kept.id, kept)
    else waiting.delete(kept.id)
    return kept
  }

  const plan: NotifyDesk['plan'] = async (old, next) => {
    if (!isReady(next)) return
    const isFirst = !(isReady(old) && old.evidenceMs !== undefined)
    const newestAlertMs = Math.max(0, ...(next.alerts ?? []).map(({ receivedMs }) => receivedMs))
    const now = nowMs()
    if (!isFirst && now - newestAlertMs > recentMs) return
    for (const receiver of receiversOf(rules(), next)) {
      const id = noticeId(next.id, receiver)
      if (planned.has(id)) continue
      const whom = { id, incidentId: next.id, receiver, about: placeOf(next.target).workload }
      const fresh: Notice = { ...whom, state: 'waiting', atMs: now, attempts: 0, nextMs: now }
      const kept = await catalog.updateNotice(id, (known) => (known ? undefined : fresh))
      if (kept?.state === 'waiting' && !waiting.has(id)) waiting.set(id, kept)
      if (planned.size >= mostWaiting) planned.clear()
      planned.add(id)
    }
  }

  const look = (incidentId?: string): void => {
    if (isClosed) return
    clearTimeout(timer)
    const now = nowMs()
    for (const notice of waiting.values()) {
      if (notice.incidentId === incidentId && notice.attempts === 0) waiting.set(notice.id, { ...notice, nextMs: now })
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (const notice of [...waiting.values()].sort((a, b) => a.atMs - b.atMs)) {
      if (busy.has(notice.receiver)) continue // looks again when it is done
      const dueMs = notice.nextMs ?? now
      if (dueMs > now) nextMs = Math.min(nextMs, dueMs)
      else busy.set(notice.receiver, attempt(notice))
    }
    if (nextMs < Number.POSITIVE_INFINITY) {
      timer = setTimeout(() => look(), nextMs - now)
      timer.unref()
    }
  }

  const attempt = async (notice: Notice): Promise<void> => {
    try {
      await tell(notice)
    } catch (error) {
      log.error({ err: error, notice: notice.id }, 'what became of a notification could not be kept')
      // Until the disk takes it again. By then it may have arrived, if it was the end that could not be written down.
      const last = waiting.get(notice.id) ?? notice
      const unsure = last.attempts > notice.attempts ? { unsure: true } : {}
      waiting.set(notice.id, { ...last, ...unsure, nextMs: nowMs() + firstPauseMs })
    } finally {
      busy.delete(notice.receiver)
      look()
    }
    if (waiting.get(notice.id)?.attempts === notice.attempts) return // it waits for what is still to come
    const incident = onOutcome && (await catalog.incident(notice.incidentId).catch(() => undefined)) // only for pages
    if (incident) onOutcome(incident)
  }

  const tell = async (notice: Notice): Promise<void> => {
    const { receiver: name, incidentId } = notice
    const receiver = rules().receivers.find((each) => each.name === name)
    if (!receiver) return end(notice, 'failed', `there is no receiver ${name} in the rules any more`)
    const incident = await catalog.incident(incidentId)
    if (!incident) return end(notice, 'failed', 'its incident is not there any more')
    const ageMs = nowMs() - incident.noticedMs
    if (ageMs > mostAgeMs) return end(notice, 'failed', `its beginning was noticed ${printDurationMs(ageMs)} ago`)
    if (nowMs() - notice.atMs < patienceMs && (await hasMoreToCome(incident))) {
      waiting.set(notice.id, { ...notice, nextMs: nowMs() + settleMs })
      return
    }
    const known = await justTold(notice, receiver)
    if (known) return end(notice, 'skipped', known)
    const begun = await keep({ ...notice, state: 'sending', attempts: notice.attempts + 1 })
    const isUnsure = notice.unsure === true
    const message = messageOf(incident, { id: notice.id, link: linkOf(incidentId), isUnsure })
    const delivery = await send(receiver, message, ending.signal).catch((error): Delivery => {
      // A secret that is not where it was: somebody may be replacing it.
      return { isDelivered: false, why: asFailure(error).message, isFinal: false, isUnsure: false }
    })
    if (!delivery.isDelivered) {
      const after = delivery.isUnsure ? { ...begun, unsure: true } : begun
      if (delivery.isFinal) return end(after, 'failed', delivery.why)
      return notSent(after, delivery.why, delivery.retryAfterMs)
    }
    const { nextMs: _, ...done } = begun
    await keep({ ...done, state: 'sent', sentMs: nowMs(), message: delivery.answer })
    log.info({ incident: incidentId, receiver: name, attempts: begun.attempts }, 'told that the evidence is there')
  }

  /** There are stacks yet to come, or the incident is about to be concluded again. */
  const hasMoreToCome = async (incident: Incident): Promise<boolean> => {
    if (!isReady(incident) || incident.evidenceMs === undefined) return true
    if (incident.top.length > 0) return false
    if (nowMs() - incident.evidenceMs < settleMs) return true
    const captures = await catalog.listCaptures({ incidentId: incident.id, limit: 100 })
    return captures.some(({ state }) => isActive(state))
  }

  const notSent = async (notice: Notice, why: string, retryAfterMs = 0): Promise<void> => {
    const { attempts } = notice
    if (attempts >= mostAttempts) return end(notice, 'failed', `${why} (after ${attempts} attempts)`)
    const pauseMs = backoffMs(Math.max(0, attempts - 1), { firstMs: firstPauseMs, maxMs: longestPauseMs })
    const nextMs = nowMs() + Math.min(longestPauseMs, Math.max(pauseMs, retryAfterMs))
    await keep({ ...notice, state: 'waiting', message: why, nextMs: Math.round(nextMs) })
    log.warn({ incident: notice.incidentId, receiver: notice.receiver, attempts, nextMs }, `not told: ${why}`)
  }

  /** Why it has nothing new for this receiver; undefined when it has, or an earlier attempt may have told half of it. */
  const justTold = async ({ receiver, about, attempts }: Notice, { every }: Receiver): Promise<string | undefined> => {
    if (attempts > 0 || every === 0) return undefined
    const sinceMs = nowMs() - every
    const sent = await catalog.listNotices({ states: ['sent'], limit: mostSent })
    const before = sent.find((each) => each.receiver === receiver && each.about === about && sentAfter(each, sinceMs))
    if (!before) return undefined
    const ago = printDurationMs(nowMs() - (before.sentMs ?? 0))
    return `it was told of ${about} ${ago} ago (${before.incidentId}), and wants to hear of it every ${printDurationMs(every)}`
  }

  const end = async (notice: Notice, state: 'failed' | 'skipped', why: string): Promise<void> => {
    const { nextMs: _, ...rest } = notice
    await keep({ ...rest, state, message: why })
    const level = state === 'failed' ? 'error' : 'info'
    log[level]({ incident: notice.incidentId, receiver: notice.receiver }, `not told: ${why}`)
  }

  return {
    plan,
    note: (incident) => {
      plan(incident, incident).then(
        () => look(),
        (error) => log.error({ err: error, incident: incident.id }, 'receivers of an alert could not be noted'),
      )
    },
    look,
    resume: async () => {
      for (const notice of await catalog.listNotices({ states: ['waiting', 'sending'], limit: mostWaiting })) {
        const isCut = notice.state === 'sending'
        await keep({ ...notice, state: 'waiting', nextMs: nowMs(), ...(isCut ? { unsure: true } : {}) })
      }
      // Alerts that joined right before the end: their incidents are not concluded again.
      for (const incident of await catalog.listIncidents({ limit: 50 })) await plan(incident, incident)
    },
    close: async () => {
      isClosed = true
      clearTimeout(timer)
      const abort = setTimeout(() => ending.abort(), closeWithinMs)
      await Promise.all(busy.values())
      clearTimeout(abort)
    },
  }
}

const sentAfter = ({ sentMs = 0 }: Notice, sinceMs: number): boolean => sentMs > sinceMs

/** Something was recorded. */
const isReady = ({ state }: Incident): boolean => state === 'complete' || state === 'partial'
