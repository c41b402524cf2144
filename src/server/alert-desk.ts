// From an alert on disk to a decision: finds its target, asks the rules and their limits, and joins what is being
// captured already. Alerts are looked up several at once and decided one after the other, so that the limits see what
// was decided before; what was decided is written in one transaction before any of it is begun.
import type { Logger } from 'pino'
import { createPace } from '../lib/pace.ts'
import { printDurationMs } from '../lib/units.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { RuleDecision } from '../model/decision.ts'
import { asFailure } from '../model/errors.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { Catalog } from '../store/catalog.ts'
import { isSameTarget } from '../trigger/limits.ts'
import type { Rule, Rules } from '../trigger/rule.ts'
import { chooseAlertRule } from '../trigger/rule-choice.ts'
import type { AgentHub } from './agents.ts'
import { candidatesOfAlert } from './alert-candidates.ts'
import { endedWith, severityOf, toldOf, triggerOf } from './alert-incident.ts'
import type { DocumentKeeper } from './documents.ts'
import { pagesSince } from './paging.ts'
import type { RecentIncidents } from './recent-incidents.ts'
import { decideSteps, refusalEntry, type Situation, situationOf, withStepMessage } from './rule-decision.ts'
import type { RuleLimiter } from './rule-limiter.ts'
import { beforeMs, type Course, mostWaitMs, type RuleSteps } from './rule-steps.ts'

export interface AlertDeskOptions {
  readonly catalog: Pick<Catalog, 'listAlerts'>
  readonly agents: Pick<AgentHub, 'list' | 'ask'>
  readonly documents: () => Pick<DocumentKeeper, 'changeIncident'>
  readonly rules: () => Rules
  readonly incidents: Pick<RecentIncidents, 'episodeOf'>
  readonly limiter: RuleLimiter
  readonly steps: RuleSteps
  /** Keeps what became of an alert, with what the ledger is to say of it. @returns as it was kept: it may have ended */
  readonly keep: (record: AlertRecord, refusals?: readonly LedgerEntry[]) => Promise<AlertRecord>
  readonly log: Logger
  readonly nowMs?: () => number
}

export interface AlertDesk {
  /** Decides about them soon. */
  queue(records: readonly AlertRecord[]): void
  /** Somebody is back who may know what nobody else did: what waits for that waits no longer. */
  retry(): void
  /** They do not fire any more. */
  end(records: readonly AlertRecord[]): void
  /** Takes up what an earlier run left. */
  resume(): Promise<void>
  /** Resolves when nothing is being decided any more. */
  close(): Promise<void>
}

/** An agent that is just connecting is waited for. */
const retryAfterMs = [2000, 10_000, 30_000]
/** After a start of the server: agents come back with growing pauses, of up to half a minute. */
const backWithinMs = 30_000
/** An agent that has been away for longer is not about to come back. */
const goneAfterMs = 120_000
/** The first is decided about at once; in a storm one transaction is for all that come meanwhile. */
const togetherMs = 100
/** Looked up at the same time: enough to hide the way to the nodes and back, few enough for one short transaction. */
const atOnce = 32
/** When an agent is back, no more than these are tried at once: each of all nodes comes back after a start of the server. */
const mostRetried = 1000
/** Beyond this an alert is about another state of the world when its turn comes: some ten minutes of work. */
const mostWaiting = 20_000

interface Entry {
  readonly record: AlertRecord
  readonly attempt: number
}

/** What is known of an alert when it is decided about. */
type Look =
  | { readonly record: AlertRecord; readonly decisions: readonly RuleDecision[] }
  | {
      readonly record: AlertRecord
      readonly rule: Rule
      readonly because: string
      readonly found: readonly Situation[]
    }

export function createAlertDesk(options: AlertDeskOptions): AlertDesk {
  const { catalog, agents, documents, rules, incidents, limiter, steps, keep, log, nowMs = Date.now } = options
  const waiting: Entry[] = []
  const pace = createPace(togetherMs)
  const delayed = new Map<NodeJS.Timeout, Entry>()
  /** Agents that were let in. */
  let arrivals = 0
  let working: Promise<void> | undefined
  /** What was decided is being written and begun: incidents that are not there yet cannot be told that they ended. */
  let beginning: Promise<void> = Promise.resolve()
  const openedMs = nowMs()
  let isClosed = false

  const skip = (message: string, more: Partial<RuleDecision> = {}): RuleDecision => ({
    atMs: nowMs(),
    outcome: 'skipped',
    message,
    steps: [],
    ...more,
  })

  const work = async (): Promise<void> => {
    while (waiting.length > 0 && !isClosed) {
      await pace()
      const looks = await Promise.all(waiting.splice(0, atOnce).map(lookUp))
      await decideAll(looks.filter((look) => look !== undefined))
    }
    working = undefined
  }

  /** @returns undefined when it is to be tried again later */
  const lookUp = async ({ record, attempt }: Entry): Promise<Look | undefined> => {
    const { alert, receivedMs } = record
    const waitedMs = nowMs() - receivedMs
    if (waitedMs > mostWaitMs) {
      return { record, decisions: [skip(`it waited ${printDurationMs(waitedMs)} for its turn`, { guard: 'waited' })] }
    }
    const choice = chooseAlertRule(rules(), alert)
    if ('why' in choice) return { record, decisions: [skip(choice.why)] }
    const { rule, wanted } = choice
    const before = arrivals
    try {
      const { candidates, because } = await candidatesOfAlert(agents, wanted)
      const some = candidates.slice(0, rule.limits.maxTargets)
      const found = await Promise.all(some.map(({ target }) => situationOf(agents, rule, { target })))
      return { record, rule, because, found }
    } catch (error) {
      const { message } = asFailure(error)
      if (arrivals !== before) {
        push({ record, attempt }) // who came meanwhile was not asked
        return undefined
      }
      const waitMs = Math.min(retryAfterMs[attempt] ?? 0, missingForMs())
      if (waitMs > 0) {
        later({ record, attempt: attempt + 1 }, waitMs)
        return undefined
      }
      return { record, decisions: [skip(message, { rule: rule.name, guard: 'no-target', because: wanted.because })] }
    }
  }

  /** Who is meant may be on a node whose agent is not back yet: for how long that may still be so. */
  const missingForMs = (): number => {
    const all = agents.list()
    if (all.length === 0) return Number.POSITIVE_INFINITY
    const now = nowMs()
    const gone = all.filter(({ connected }) => !connected).map(({ lastSeenMs }) => lastSeenMs + goneAfterMs - now)
    return Math.max(openedMs + backWithinMs - now, ...gone)
  }

  const later = (entry: Entry, waitMs: number): void => {
    const timer = setTimeout(() => {
      delayed.delete(timer)
      push(entry)
    }, waitMs)
    delayed.set(timer, entry)
  }

  /** Never rejects. */
  const decideAll = async (looks: readonly Look[]): Promise<void> => {
    let open: { record: AlertRecord; refusals: LedgerEntry[] }[] = []
    const flush = (): Promise<void> => {
      const done = begin(open)
      open = []
      beginning = done.catch(() => undefined) // told to who waits for it below
      return done
    }
    const begin = async (decided: typeof open): Promise<void> => {
      let kept: AlertRecord[]
      try {
        kept = await Promise.all(decided.map(({ record, refusals }) => keep(record, refusals)))
      } catch (error) {
        // Not on disk, so not begun; the next start decides anew.
        for (const { captureId } of decided.flatMap(({ record }) => record.decisions.flatMap((each) => each.steps)))
          limiter.release(captureId)
        throw error
      }
      for (const record of kept) {
        for (const { outcome, message } of record.decisions) log.info({ alert: record.alert.name, outcome }, message)
        for (const course of coursesOf(record)) await steps.begin(course)
        if (record.state === 'resolved') endIncidentsOf(record)
      }
    }
    const isBeingOpened = (target: Target): boolean =>
      open.some(({ record }) => record.decisions.some((each) => each.target && isSameTarget(each.target, target)))
    for (const look of looks) {
      try {
        // Its incident is the one that another alert of these is about to open.
        if ('found' in look && look.found.some(({ target }) => isBeingOpened(target))) await flush()
        open.push(await decide(look))
      } catch (error) {
        const failure = asFailure(error)
        log.error({ err: failure, alert: look.record.id }, 'an alert could not be decided about')
        open.push({ record: withDecisions(look.record, [skip(failure.message)]), refusals: [] })
      }
    }
    await flush().catch((error) => log.error({ err: error }, 'what was decided about alerts could not be kept'))
  }

  const decide = async (look: Look): Promise<{ record: AlertRecord; refusals: LedgerEntry[] }> => {
    const { record } = look
    if ('decisions' in look) return { record: withDecisions(record, look.decisions), refusals: [] }
    const decisions: RuleDecision[] = []
    const refusals: LedgerEntry[] = []
    const { rule, because, found } = look
    for (const situation of found) {
      const joined = await join(record, { rule, because }, situation)
      if (joined) {
        decisions.push({ ...joined, because })
        continue
      }
      const decided = decideSteps(rule, situation, { limiter, nowMs: nowMs(), ...severityOf(record.alert) })
      decisions.push({ ...decided.decision, because })
      if (decided.decision.outcome === 'refused') {
        refusals.push(refusalEntry(decided, situation.target, triggerOf(record, rule.name)))
      }
    }
    return { record: withDecisions(record, decisions), refusals }
  }

  /** It has its evidence already: the one of the spike began with the spike, which no alert can. */
  const join = async (
    { alert, id, receivedMs }: AlertRecord,
    { rule, because }: { rule: Rule; because: string },
    { target, whyNot }: Situation,
  ): Promise<RuleDecision | undefined> => {
    if (whyNot) return undefined
    const incidentId = incidents.episodeOf(target)
    if (!incidentId) return undefined
    const told = toldOf(alert, { id, receivedMs, rule: rule.name, because })
    await documents().changeIncident(incidentId, (old) => {
      const others = (old.alerts ?? []).filter((each) => each.id !== id)
      return { ...old, alerts: [...others, told] }
    })
    const message = `${printTarget(target)} is incident ${incidentId} already, whose evidence has the beginning`
    return { atMs: nowMs(), rule: rule.name, target, outcome: 'joined', message, incidentId, steps: [] }
  }

  const coursesOf = (first: AlertRecord): Course[] => {
    let record = first
    const settle: Course['settle'] = async (captureId, message) => {
      record = withDecisions(
        record,
        record.decisions.map((each) => withStepMessage(each, captureId, message)),
      )
      await keep(record)
    }
    return record.decisions.flatMap((decision) => {
      if (decision.outcome !== 'captured' || decision.rule === undefined) return []
      const { alert, receivedMs } = record
      const startsMs = Math.min(alert.startsMs ?? receivedMs, receivedMs)
      const opening = {
        onsetMs: startsMs,
        noticedMs: receivedMs,
        baseline: { fromMs: startsMs - beforeMs, toMs: startsMs },
        alerts: [toldOf(alert, { ...record, rule: decision.rule, because: decision.because })],
      }
      const trigger = triggerOf(record, decision.rule)
      return [{ decision, trigger, startsMs, decidedFromMs: receivedMs, opening, settle }]
    })
  }

  const endIncidentsOf = ({ id, decisions, resolvedMs }: AlertRecord): void => {
    for (const { incidentId } of decisions) {
      if (!incidentId) continue
      documents()
        .changeIncident(incidentId, (old) => endedWith(old, id, resolvedMs ?? nowMs()))
        .catch((error) => log.error({ err: error }, 'the end of an alert could not be kept'))
    }
  }

  const push = (entry: Entry): void => {
    if (isClosed) return
    if (waiting.length >= mostWaiting) {
      const message = `${mostWaiting} alerts wait for their turn: there are more than can be looked at in time`
      const { record } = entry
      keep(withDecisions(record, [skip(message, { guard: 'overload' })])).catch((error) =>
        log.error({ err: error }, 'that an alert was dropped could not be kept'),
      )
      return
    }
    waiting.push(entry)
    working ??= Promise.resolve().then(work)
  }

  return {
    queue: (records) => {
      for (const record of records) push({ record, attempt: 0 })
    },
    retry: () => {
      arrivals++
      if (delayed.size > mostRetried) return
      for (const [timer, { record, attempt }] of [...delayed]) {
        clearTimeout(timer)
        delayed.delete(timer)
        // Not counted: who is meant may be on the node that comes back last.
        push({ record, attempt: attempt - 1 })
      }
    },
    end: (records) => {
      void beginning.then(() => {
        for (const record of records) endIncidentsOf(record)
      })
    },
    resume: async () => {
      for (const record of await decidedLately(catalog, nowMs() - resumeMs)) {
        for (const course of coursesOf(record)) await steps.resume(course)
      }
    },
    close: async () => {
      isClosed = true
      for (const timer of delayed.keys()) clearTimeout(timer)
      await working
    },
  }
}

/** Steps follow one another, so the last one of a decision may be this much younger than its alert. */
const resumeMs = 3_600_000

/** Also those that are resolved since: what was decided is carried out. */
async function decidedLately(catalog: Pick<Catalog, 'listAlerts'>, sinceMs: number): Promise<AlertRecord[]> {
  const found: AlertRecord[] = []
  const position = ({ receivedMs, id }: AlertRecord) => ({ atMs: receivedMs, id })
  for await (const page of pagesSince((page) => catalog.listAlerts(page), position, sinceMs)) {
    found.push(...page.filter(({ decisions }) => decisions.some(({ outcome }) => outcome === 'captured')))
  }
  return found
}

function withDecisions(record: AlertRecord, decisions: readonly RuleDecision[]): AlertRecord {
  return { ...record, state: record.state === 'queued' ? 'open' : record.state, decisions: [...decisions] }
}
