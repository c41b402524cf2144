// Spikes by the same rules as alerts: what the agent captures of one it captures by itself and at once; what is captured
// besides that, or why nothing is, is decided here, once for each incident, and kept with it.
import type { Logger } from 'pino'
import { printDurationMs } from '../lib/units.ts'
import type { RuleDecision } from '../model/decision.ts'
import type { Incident } from '../model/incident.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import { printTarget } from '../model/target.ts'
import type { Trigger } from '../model/trigger.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Rule, Rules } from '../trigger/rule.ts'
import { chooseSpikeRule } from '../trigger/rule-choice.ts'
import type { AgentHub } from './agents.ts'
import type { DocumentKeeper } from './documents.ts'
import { decideSteps, refusalEntry, situationOf, withStepMessage } from './rule-decision.ts'
import type { RuleLimiter } from './rule-limiter.ts'
import { type Course, mostWaitMs, type RuleSteps } from './rule-steps.ts'

export interface SpikeDeskOptions {
  readonly catalog: Pick<Catalog, 'listIncidents' | 'addToLedger'>
  readonly agents: Pick<AgentHub, 'ask'>
  readonly documents: () => Pick<DocumentKeeper, 'changeIncident'>
  readonly rules: () => Rules
  readonly limiter: RuleLimiter
  readonly steps: RuleSteps
  readonly log: Logger
  readonly nowMs?: () => number
}

export interface SpikeDesk {
  /** To be called with every incident that an agent brings; decides about those that are news. */
  note(incident: Incident): void
  /** Takes up what an earlier run left. */
  resume(): Promise<void>
  /** Resolves when nothing is being decided any more. */
  close(): Promise<void>
}

/** Steps follow one another, so the last one may begin this long after the spike. */
const resumeMs = 3_600_000
const resumeMost = 1000

export function createSpikeDesk(options: SpikeDeskOptions): SpikeDesk {
  const { catalog, agents, documents, rules, limiter, steps, log, nowMs = Date.now } = options
  const deciding = new Map<string, Promise<void>>()
  let isClosed = false

  const note = (incident: Incident): void => {
    const { id, trigger, decision } = incident
    if (trigger.kind !== 'spike' || decision || deciding.has(id) || isClosed) return
    const done = decide(incident)
      .catch((error) => log.error({ err: error, incident: id }, 'the rules could not be asked about a spike'))
      .finally(() => deciding.delete(id))
    deciding.set(id, done)
  }

  const decide = async (incident: Incident): Promise<void> => {
    const { decision, refusal } = await decisionOf(incident)
    const { outcome, message } = decision
    log.info({ incident: incident.id, outcome }, `besides the agent's own capture: ${message}`)
    if (refusal) await catalog.addToLedger(refusal)
    await documents().changeIncident(incident.id, (old) => ({ ...old, decision }))
    const course = courseOf({ ...incident, decision })
    if (course) await steps.begin(course)
  }

  const decisionOf = async (incident: Incident): Promise<{ decision: RuleDecision; refusal?: LedgerEntry }> => {
    const { id, target, trigger, noticedMs } = incident
    const skip = (why: string): { decision: RuleDecision } => ({
      decision: { atMs: nowMs(), target, outcome: 'skipped', message: `${printTarget(target)}: ${why}`, steps: [] },
    })
    const lateMs = nowMs() - noticedMs
    if (lateMs > mostWaitMs) return skip(`it was ${printDurationMs(lateMs)} ago when the rules could be asked`)
    const choice = chooseSpikeRule(rules(), trigger, target)
    if ('why' in choice) return skip(choice.why)
    const { rule } = choice
    const situation = await situationOf(agents, rule, { target, spike: trigger.spike ?? unknownSpike })
    const severity = trigger.spike?.cores
    const decided = decideSteps(rule, situation, {
      limiter,
      nowMs: nowMs(),
      incidentId: id,
      ...(severity === undefined ? {} : { severity }),
    })
    const { decision } = decided
    return decision.outcome === 'refused'
      ? { decision, refusal: refusalEntry(decided, target, triggerOf(incident, rule)) }
      : { decision }
  }

  const courseOf = (incident: Incident): Course | undefined => {
    const { id, decision, onsetMs, noticedMs } = incident
    if (decision?.outcome !== 'captured' || decision.rule === undefined) return undefined
    return {
      decision,
      trigger: triggerOf(incident, { name: decision.rule }),
      startsMs: onsetMs,
      decidedFromMs: noticedMs,
      settle: (captureId, message) =>
        documents().changeIncident(id, (old) =>
          old.decision ? { ...old, decision: withStepMessage(old.decision, captureId, message) } : old,
        ),
    }
  }

  return {
    note,
    resume: async () => {
      const oldestMs = nowMs() - resumeMs
      const found = await catalog.listIncidents({ limit: resumeMost })
      for (const incident of found.filter(({ noticedMs }) => noticedMs > oldestMs).reverse()) {
        const course = courseOf(incident)
        if (course) await steps.resume(course)
        else note(incident)
      }
    },
    close: async () => {
      isClosed = true
      await Promise.all(deciding.values())
    },
  }
}

/** Of an agent that did not say what it saw. */
const unknownSpike = { cause: 'level', cores: 0, baselineCores: 0, thresholdCores: 0, heldMs: 0 } as const

function triggerOf({ trigger }: Incident, { name }: Pick<Rule, 'name'>): Trigger {
  const { spike, reason } = trigger
  return { kind: 'spike', rule: name, reason, ...(spike ? { spike, severity: spike.cores } : {}) }
}
