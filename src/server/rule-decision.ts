// What a rule decides about one target: its condition, its guards, what fits, and the limits. The same for alerts and
// for spikes.
import { newId } from '../lib/ids.ts'
import type { RuleDecision } from '../model/decision.ts'
import { asFailure } from '../model/errors.ts'
import type { Vitals } from '../model/inventory.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { SpikeEvidence, Trigger } from '../model/trigger.ts'
import type { Rule } from '../trigger/rule.ts'
import { type CpuNow, whyNotBusy } from '../trigger/rule-condition.ts'
import { needsVitals, planSteps, printPlan } from '../trigger/rule-steps.ts'
import type { AgentHub } from './agents.ts'
import { placeOf, type RuleLimiter } from './rule-limiter.ts'

/** A target as a rule finds it. */
export interface Situation {
  readonly target: Target
  readonly source: 'alert' | 'spike'
  /** Absent where the rule does not ask, or the node does not answer. */
  readonly vitals: Vitals | undefined
  /** Why the condition of the rule does not hold. */
  readonly whyNot: string | undefined
}

/** Asks the node what the rule wants to know; never rejects. @param spike what the agent saw, which counts for a spike */
export async function situationOf(
  agents: Pick<AgentHub, 'ask'>,
  rule: Rule,
  { target, spike }: { readonly target: Target; readonly spike?: SpikeEvidence | undefined },
): Promise<Situation> {
  const source = spike ? 'spike' : 'alert'
  if (rule.when === 'firing' && !needsVitals(rule)) return { target, source, vitals: undefined, whyNot: undefined }
  let silence = ''
  const vitals = await agents.ask(target.node, { about: 'vitals', target }).catch((error: unknown) => {
    silence = asFailure(error).message
    return undefined
  })
  if (rule.when === 'firing') return { target, source, vitals, whyNot: undefined }
  // Who waits without having been starved into it wants no more than it gets.
  const waitingCores = spike?.cause === 'contention' ? spike.waitingCores : undefined
  const now: CpuNow | undefined = vitals && (spike ? { ...vitals, ...spike, waitingCores } : vitals)
  const whyNot = now ? whyNotBusy(rule.when, now) : `how busy it is could not be asked: ${silence}`
  return { target, source, vitals, whyNot }
}

export interface Deciding {
  readonly limiter: Pick<RuleLimiter, 'take'>
  readonly nowMs: number
  /** How bad it is, as whoever told of it measures. */
  readonly severity?: number
  /** Of the spike; an alert opens one. */
  readonly incidentId?: string
}

export interface Decided {
  readonly decision: RuleDecision
  /** What it is about: the first that would be captured, else the first that a guard forbids. */
  readonly kind: string
}

/** Takes the places that it needs at the limiter. */
export function decideSteps(
  rule: Rule,
  { target, source, vitals, whyNot }: Situation,
  { limiter, nowMs, severity, incidentId = newId('inc-', nowMs) }: Deciding,
): Decided {
  const plan = planSteps(rule, vitals, source)
  const [first] = plan.steps
  const kind = (first ?? plan.left.find((each) => each.guard) ?? rule.do[0])?.kind ?? 'cpu'
  const decide = (outcome: RuleDecision['outcome'], why: string, more: Partial<RuleDecision> = {}): Decided => {
    const message = `${printTarget(target)}: ${why}`
    return { decision: { atMs: nowMs, rule: rule.name, target, outcome, message, steps: [], ...more }, kind }
  }
  if (whyNot) return decide('skipped', whyNot)
  if (!first) {
    const guard = plan.left.find((each) => each.guard)?.guard
    return guard ? decide('refused', printPlan(plan), { guard }) : decide('skipped', `nothing ${printPlan(plan)}`)
  }
  // Named before anything is begun: who is killed and comes back begins nothing twice.
  const steps = plan.steps.map(({ kind, forMs }) => ({ kind, forMs, captureId: newId('cap-', nowMs) }))
  const wish = {
    rule: rule.name,
    ...placeOf(target),
    node: target.node,
    kind: first.kind,
    ...(severity === undefined ? {} : { severity }),
  }
  const refusal = limiter.take(rule, wish, { captureId: steps[0]!.captureId, incidentId })
  if (refusal) return decide('refused', refusal.message, { guard: refusal.guard })
  return decide('captured', printPlan(plan), { incidentId, steps })
}

/** The row of the ledger about a decision that refused. */
export function refusalEntry(
  { decision: { atMs, guard, message }, kind }: Decided,
  target: Target,
  trigger: Trigger,
): LedgerEntry {
  const id = newId('trg-', atMs)
  return {
    id,
    atMs,
    node: target.node,
    target,
    trigger,
    kind,
    outcome: 'refused',
    ...(guard ? { guard } : {}),
    message,
  }
}

export function withStepMessage(decision: RuleDecision, captureId: string, message: string): RuleDecision {
  const steps = decision.steps.map((step) => (step.captureId === captureId ? { ...step, message } : step))
  return { ...decision, steps }
}
