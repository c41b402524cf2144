// From an alert on disk to captures: finds its target, asks the rules and their limits, joins what is being captured
// already, and carries out the steps of the rule one after the other.
import type { Logger } from 'pino'
import { newId } from '../lib/ids.ts'
import { printDurationMs } from '../lib/units.ts'
import type { Alert, AlertDecision, AlertRecord } from '../model/alert.ts'
import type { Capture, CaptureKind } from '../model/capture.ts'
import { asFailure } from '../model/errors.ts'
import { type Incident, type IncidentAlert, incidentVersion } from '../model/incident.ts'
import type { TargetCandidate } from '../model/inventory.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { Catalog } from '../store/catalog.ts'
import { type AlertTarget, targetOfAlert } from '../trigger/alert-target.ts'
import { isSameTarget } from '../trigger/limits.ts'
import type { Rule, Rules } from '../trigger/rule.ts'
import { type Firing, refusalOfRule } from '../trigger/rule-limits.ts'
import { whyNoMatch, whyNotBusy } from '../trigger/rule-match.ts'
import type { AgentHub } from './agents.ts'
import { type AlertCandidates, candidatesOfAlert } from './alert-candidates.ts'
import { askNodes } from './ask-nodes.ts'
import { type CaptureDesk, noteRefusal } from './captures.ts'
import type { DocumentKeeper } from './documents.ts'
import { isActive } from './merge.ts'

export interface AlertDeskOptions {
  readonly catalog: Catalog
  readonly agents: Pick<AgentHub, 'list' | 'ask'>
  readonly captures: () => Pick<CaptureDesk, 'begin'>
  readonly documents: () => DocumentKeeper
  readonly rules: () => Rules
  /** Keeps what became of an alert. */
  readonly keep: (record: AlertRecord) => Promise<void>
  readonly log: Logger
  readonly nowMs?: () => number
}

export interface AlertDesk {
  /** Decides about them, one after the other, soon. */
  queue(records: readonly AlertRecord[]): void
  /** They do not fire any more. */
  end(records: readonly AlertRecord[]): void
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  /** Firings that the limits count. */
  readonly firings: readonly Firing[]
  /** Takes up what an earlier run left. */
  resume(): Promise<void>
  /** Resolves when nothing is being decided any more. */
  close(): Promise<void>
}

/** Before the alert began to fire: the rule was true for a while by then, and this shows what was normal. */
const beforeMs = 60_000
/** An incident of the same target that is not older than this is the same episode. */
const sameEpisodeMs = 10 * 60_000
/** No limit of a rule looks further back. */
const rememberMs = 24 * 3_600_000
const mostFirings = 20_000
/** What waited longer than this is about another state of the world. */
const mostWaitMs = 10 * 60_000
/** An agent that is just connecting is waited for. */
const retryAfterMs = [2000, 10_000, 30_000]

export function createAlertDesk(options: AlertDeskOptions): AlertDesk {
  const { catalog, agents, captures, documents, rules, keep, log, nowMs = Date.now } = options
  const waiting: { record: AlertRecord; attempt: number }[] = []
  /** By capture id, of alerts: which record goes on when it ends. */
  const steps = new Map<string, AlertRecord>()
  /** By capture id, the latest news last. */
  const remembered = new Map<string, Firing>()
  const timers = new Set<NodeJS.Timeout>()
  let working: Promise<void> | undefined
  let isClosed = false

  const remember = (capture: Capture): void => {
    const { id, trigger, target, node, kind, requestedMs, state } = capture
    const outcome = isActive(state) ? 'running' : state === 'failed' || state === 'refused' ? 'failed' : 'done'
    remembered.delete(id)
    remembered.set(id, {
      rule: trigger.rule,
      workload: workloadOf(target),
      ...(target.namespace ? { namespace: target.namespace } : {}),
      node,
      kind: kind as CaptureKind,
      atMs: requestedMs,
      outcome,
      ...(trigger.severity === undefined ? {} : { severity: trigger.severity }),
    })
    if (remembered.size > mostFirings) remembered.delete(remembered.keys().next().value as string)
  }

  const firings = (): Firing[] => {
    const oldestMs = nowMs() - rememberMs
    return [...remembered.values()].filter(({ atMs }) => atMs > oldestMs)
  }

  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !isClosed; next = waiting.shift()) {
      const { record, attempt } = next
      try {
        await decide(record, attempt)
      } catch (error) {
        const failure = asFailure(error)
        log.error({ err: failure, alert: record.id }, 'an alert could not be decided about')
        await finish(record, [skip(failure.message)]).catch(() => undefined) // the disk, which is logged already
      }
    }
    working = undefined
  }

  const skip = (message: string, more: Partial<AlertDecision> = {}): AlertDecision => ({
    atMs: nowMs(),
    outcome: 'skipped',
    message,
    steps: [],
    ...more,
  })

  const finish = async (record: AlertRecord, decisions: AlertDecision[]): Promise<AlertRecord> => {
    const next: AlertRecord = { ...record, state: record.state === 'queued' ? 'open' : record.state, decisions }
    await keep(next)
    for (const { outcome, message } of decisions) log.info({ alert: record.alert.name, outcome }, message)
    return next
  }

  const decide = async (record: AlertRecord, attempt: number): Promise<void> => {
    const { alert } = record
    if (nowMs() - record.receivedMs > mostWaitMs) {
      await finish(record, [skip(`it waited ${printDurationMs(nowMs() - record.receivedMs)} for its turn`)])
      return
    }
    const match = matchRule(rules(), alert)
    if ('why' in match) {
      await finish(record, [skip(match.why)])
      return
    }
    const { rule, wanted } = match
    let meant: AlertCandidates
    try {
      meant = await candidatesOfAlert(agents, wanted)
    } catch (error) {
      const failure = asFailure(error)
      const waitMs = retryAfterMs[attempt]
      if (waitMs !== undefined && agents.list().every(({ connected }) => !connected)) {
        const timer = setTimeout(() => {
          timers.delete(timer)
          push({ record, attempt: attempt + 1 })
        }, waitMs)
        timers.add(timer)
        return
      }
      await finish(record, [skip(failure.message, { rule: rule.name, guard: 'no-target', because: wanted.because })])
      return
    }
    const decisions: AlertDecision[] = []
    const { candidates, because } = meant
    for (const { target, cores } of candidates.slice(0, rule.limits.maxTargets)) {
      decisions.push({ ...(await decideTarget(record, rule, { target, cores })), because })
    }
    const next = await finish(record, decisions)
    for (const decision of decisions) {
      if (decision.outcome === 'captured') await startStep(next, decision, 0)
    }
  }

  const decideTarget = async (
    { alert, id, receivedMs }: AlertRecord,
    rule: Rule,
    { target, cores }: TargetCandidate,
  ): Promise<AlertDecision> => {
    const about = { rule: rule.name, target }
    const busy = rule.when === 'firing' ? undefined : whyNotBusy(rule.when, await usageOf(target, cores))
    if (busy) return skip(`${printTarget(target)}: ${busy}`, about)
    const told: IncidentAlert = toldOf(alert, { id, receivedMs })
    const episode = await episodeOf(target)
    const isCovered = episode?.trigger.kind === 'spike' || episode?.trigger.kind === 'alert'
    if (episode && isCovered) {
      await documents().keepIncident({ ...episode, alerts: [...(episode.alerts ?? []), told] })
      return {
        atMs: nowMs(),
        ...about,
        outcome: 'joined',
        message: `${printTarget(target)} is incident ${episode.id} already, whose evidence has the beginning`,
        incidentId: episode.id,
        steps: [],
      }
    }
    const [first] = rule.do
    const wish = {
      rule: rule.name,
      workload: workloadOf(target),
      ...(target.namespace ? { namespace: target.namespace } : {}),
      node: target.node,
      kind: first?.kind ?? 'cpu',
      ...(alert.value === undefined ? {} : { severity: alert.value }),
    }
    const refusal = refusalOfRule(rule, wish, firings(), nowMs())
    if (refusal) {
      const { guard, message } = refusal
      const trigger = { kind: 'alert' as const, rule: rule.name, reason: reasonOf(alert) }
      await noteRefusal(catalog, { target, trigger, kind: wish.kind, guard, message }, nowMs())
      return {
        atMs: nowMs(),
        ...about,
        outcome: 'refused',
        guard,
        message: `${printTarget(target)}: ${message}`,
        steps: [],
      }
    }
    return {
      atMs: nowMs(),
      ...about,
      outcome: 'captured',
      message: `${printTarget(target)}: ${rule.do.map(({ kind }) => kind).join(', ')}`,
      incidentId: newId('inc-', nowMs()),
      // Named before anything is begun: who is killed and comes back begins nothing twice.
      steps: rule.do.map(({ kind, forMs }) => ({ kind, forMs, captureId: newId('cap-', nowMs()) })),
    }
  }

  const startStep = async (record: AlertRecord, decision: AlertDecision, index: number): Promise<void> => {
    const step = decision.steps[index]
    const { target, incidentId, rule } = decision
    if (!step || !target || !incidentId || !rule || isClosed) return
    const { alert } = record
    const severity = alert.value === undefined ? {} : { severity: alert.value }
    const trigger = { kind: 'alert' as const, rule, reason: reasonOf(alert), ...severity }
    const startsMs = Math.min(alert.startsMs ?? record.receivedMs, record.receivedMs)
    const order = {
      id: step.captureId,
      incidentId,
      target,
      trigger,
      kind: step.kind as CaptureKind,
      lookBackMs: Math.max(beforeMs, nowMs() - startsMs + beforeMs),
      forMs: step.forMs,
    }
    steps.set(step.captureId, record)
    const isKnown = (await catalog.incident(incidentId)) !== undefined
    const open = (): Incident => ({
      version: incidentVersion,
      id: incidentId,
      node: target.node,
      target,
      trigger,
      state: 'capturing',
      onsetMs: startsMs,
      noticedMs: record.receivedMs,
      baseline: { fromMs: startsMs - beforeMs, toMs: startsMs },
      top: [],
      alerts: [toldOf(alert, record)],
    })
    try {
      await captures().begin(order, isKnown ? undefined : open)
    } catch (error) {
      steps.delete(step.captureId)
      const failure = asFailure(error)
      log.warn({ alert: record.id, kind: step.kind }, `not captured: ${failure.message}`)
      // One step that is refused or fails does not spoil those after it.
      await startStep(record, decision, index + 1)
    }
  }

  const note = (capture: Capture): void => {
    remember(capture)
    const record = steps.get(capture.id)
    if (!record || isActive(capture.state)) return
    steps.delete(capture.id)
    const decision = record.decisions.find((each) => each.steps.some(({ captureId }) => captureId === capture.id))
    const index = decision?.steps.findIndex(({ captureId }) => captureId === capture.id) ?? -1
    if (!decision || index < 0) return
    startStep(record, decision, index + 1).catch((error) =>
      log.error({ err: error }, 'a step of a rule could not begin'),
    )
  }

  /** The newest incident of the same target that is the same episode. */
  const episodeOf = async (target: Target): Promise<Incident | undefined> => {
    const { node, namespace, pod } = target
    const found = await catalog.listIncidents({
      node,
      ...(namespace ? { namespace } : {}),
      ...(pod ? { pod } : {}),
      limit: 20,
    })
    const oldestMs = nowMs() - sameEpisodeMs
    return found.find(
      (incident) => (incident.endedMs ?? incident.noticedMs) > oldestMs && isSameTarget(incident.target, target),
    )
  }

  const usageOf = async (target: Target, cores: number) => {
    const { answers } = await askNodes(agents, target.node, { about: 'usage' })
    const rows = answers.flatMap(({ answer }) => answer.rows)
    const row = rows.find((each) => isSameTarget(each.target, target))
    if (!row) return { cores }
    const { limitCores, requestCores } = row
    return {
      cores: row.cores,
      ...(limitCores === undefined ? {} : { limitCores }),
      ...(requestCores === undefined ? {} : { requestCores }),
    }
  }

  const push = (entry: { record: AlertRecord; attempt: number }): void => {
    if (isClosed) return
    waiting.push(entry)
    working ??= Promise.resolve().then(work)
  }

  return {
    queue: (records) => {
      for (const record of records) push({ record, attempt: 0 })
    },
    end: (records) => {
      for (const { id, decisions, resolvedMs } of records) {
        for (const { incidentId } of decisions) {
          if (!incidentId) continue
          catalog
            .updateIncident(incidentId, (old) => old && endedWith(old, id, resolvedMs ?? nowMs()))
            .catch((error) => log.error({ err: error }, 'the end of an alert could not be kept'))
        }
      }
    },
    note,
    get firings() {
      return firings()
    },
    resume: async () => {
      const recent = await catalog.listCaptures({ limit: mostFirings })
      for (const capture of recent.reverse()) remember(capture)
      for (const record of await catalog.unresolvedAlerts()) {
        if (record.state === 'queued') continue // the intake brings it
        for (const decision of record.decisions) await resumeSteps(record, decision)
      }
    },
    close: async () => {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      await working
    },
  }

  /** Goes on with the first step that was not begun. */
  async function resumeSteps(record: AlertRecord, decision: AlertDecision): Promise<void> {
    for (const [index, { captureId }] of decision.steps.entries()) {
      const capture = await catalog.capture(captureId)
      if (!capture) {
        if (nowMs() - record.receivedMs < mostWaitMs) await startStep(record, decision, index)
        return
      }
      if (isActive(capture.state)) {
        steps.set(captureId, record)
        return
      }
    }
  }
}

/** The first rule that matches; why none did, each with its reason. */
export function matchRule(
  { rules }: Rules,
  alert: Alert,
): { readonly rule: Rule; readonly wanted: AlertTarget } | { readonly why: string } {
  const whys: string[] = []
  for (const rule of rules) {
    const wanted = targetOfAlert(alert, rule.resolve)
    if (!wanted) {
      whys.push(`rule ${rule.name}: no label names a target (${rule.resolve.join(', ')})`)
      continue
    }
    const { namespace, node, workload, pod } = wanted
    const why = whyNoMatch(rule, {
      source: 'alert',
      name: alert.name,
      labels: { ...alert.context, ...alert.labels },
      ...(namespace ? { namespace } : {}),
      ...(node ? { node } : {}),
      workload: workload ?? pod ?? node ?? '',
    })
    if (!why) return { rule, wanted }
    whys.push(`rule ${rule.name}: ${why}`)
  }
  return { why: whys.join('; ') || 'there is no rule' }
}

/** What cooldowns are of: all pods of a workload on all nodes, else the program of one node. */
function workloadOf(target: Target): string {
  const { namespace = '', workload, pod, containerId, node } = target
  if (workload) return `${namespace}/${workload}`
  if (pod) return `${namespace}/${pod}`
  return `${node}/${containerId ?? target.exe ?? printTarget(target)}`
}

const reasonOf = ({ name, annotations }: Alert): string =>
  `alert ${name}${annotations.summary ? `: ${annotations.summary}` : ''}`

function toldOf(alert: Alert, { id, receivedMs }: { id: string; receivedMs: number }): IncidentAlert {
  const summary = alert.annotations.summary ?? alert.annotations.message ?? alert.annotations.description
  return {
    id,
    name: alert.name,
    receivedMs,
    ...(alert.startsMs === undefined ? {} : { startsMs: alert.startsMs }),
    ...(summary ? { summary } : {}),
    ...(alert.url ? { url: alert.url } : {}),
  }
}

/** The last alert that ends also ends an incident that it began. */
function endedWith(incident: Incident, alertId: string, resolvedMs: number): Incident {
  const alerts = incident.alerts?.map((each) => (each.id === alertId ? { ...each, resolvedMs } : each))
  if (!alerts) return incident
  const isOver = incident.trigger.kind === 'alert' && alerts.every((each) => each.resolvedMs !== undefined)
  return { ...incident, alerts, ...(isOver ? { endedMs: resolvedMs } : {}) }
}
