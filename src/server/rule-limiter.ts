// What the limits of rules count: every capture of the last day, as the catalog has it, and those that were decided a
// moment ago and are not in it yet.
import { type Capture, isCaptureKind } from '../model/capture.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Rule } from '../trigger/rule.ts'
import { type Firing, type RuleRefusal, refusalOfRule, type Wish } from '../trigger/rule-limits.ts'
import { rememberMs } from '../trigger/rule-values.ts'
import { isActive } from './merge.ts'
import { pagesSince } from './paging.ts'

export interface RuleLimiter {
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  /**
   * Takes a place for a capture that is about to begin, or says which limit has none.
   * @param place its id, and the incident whose own capture does not stand in its way
   */
  take(rule: Rule, wish: Wish, place: { captureId: string; incidentId: string }): RuleRefusal | undefined
  /** It did not begin after all: it uses up nothing. */
  release(captureId: string): void
  readonly firings: readonly Firing[]
  /** Reads what an earlier run did, as far back as any limit looks. */
  resume(): Promise<void>
}

const mostFirings = 20_000

interface Remembered extends Firing {
  /** Its incident, where it is only what the agent captures of a spike by itself. */
  readonly ownOf?: string
  /** Decided, and not heard of as a capture yet. */
  readonly isPlanned?: boolean
}
/** What was decided and has not begun by then never will: its place is free again. */
const planForMs = 10 * 60_000

export function createRuleLimiter({
  catalog,
  nowMs = Date.now,
}: {
  readonly catalog: Pick<Catalog, 'listCaptures'>
  readonly nowMs?: () => number
}): RuleLimiter {
  /** By capture id, the latest news last. */
  const remembered = new Map<string, Remembered>()

  const keep = (id: string, firing: Remembered): void => {
    remembered.delete(id)
    remembered.set(id, firing)
    if (remembered.size > mostFirings) remembered.delete(remembered.keys().next().value as string)
  }
  const recent = (): Remembered[] => {
    const now = nowMs()
    return [...remembered.values()].filter(({ atMs, isPlanned }) => atMs > now - (isPlanned ? planForMs : rememberMs))
  }
  const note: RuleLimiter['note'] = (capture) => {
    const { id, trigger, target, node, kind, requestedMs, state, incidentId, order } = capture
    if (!isCaptureKind(kind)) return
    keep(id, {
      rule: trigger.rule,
      ...placeOf(target),
      node,
      kind,
      // Of a node whose clock is ahead, or from before ours was set back: a cooldown from then on would be without end.
      atMs: Math.min(requestedMs, remembered.get(id)?.atMs ?? nowMs()),
      outcome: isActive(state) ? 'running' : state === 'failed' || state === 'refused' ? 'failed' : 'done',
      ...(trigger.severity === undefined ? {} : { severity: trigger.severity }),
      ...(trigger.kind === 'spike' && !order && incidentId ? { ownOf: incidentId } : {}),
    })
  }

  return {
    note,
    take: (rule, wish, { captureId, incidentId }) => {
      const others = recent().filter(({ ownOf }) => ownOf !== incidentId)
      const refusal = refusalOfRule(rule, wish, others, nowMs())
      if (!refusal) keep(captureId, { ...wish, atMs: nowMs(), outcome: 'running', isPlanned: true })
      return refusal
    },
    release: (captureId) => void remembered.delete(captureId),
    get firings() {
      return recent()
    },
    resume: async () => {
      const oldestMs = nowMs() - rememberMs
      const found: Capture[] = []
      const position = ({ requestedMs, id }: Capture) => ({ atMs: requestedMs, id })
      for await (const page of pagesSince((page) => catalog.listCaptures(page), position, oldestMs)) {
        found.push(...page.filter(({ requestedMs }) => requestedMs > oldestMs))
        if (found.length >= mostFirings) break
      }
      for (const capture of found.reverse()) note(capture)
    },
  }
}

/** What cooldowns are of: all pods of a workload on all nodes, else the program of one node. */
export function placeOf(target: Target): Pick<Wish, 'workload' | 'namespace'> {
  const { namespace, workload, pod, containerId, node } = target
  const name = workload ?? pod
  const own = `${node}/${containerId ?? target.exe ?? printTarget(target)}`
  return { workload: name ? `${namespace ?? ''}/${name}` : own, ...(namespace ? { namespace } : {}) }
}
