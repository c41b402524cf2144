// Whether a rule may fire now: cooldown, rates and what runs already. Judged by the ledger, so that neither a restart
// nor a reload forgets what was done; refused attempts and failures use up nothing.
import { backoffMs } from '../lib/backoff.ts'
import { printDurationMs } from '../lib/units.ts'
import type { CaptureKind } from '../model/capture.ts'
import type { Rule } from './rule.ts'
import type { Rate } from './rule-values.ts'

/** One capture that a rule asked for, as the ledger has it. */
export interface Firing {
  readonly rule: string
  readonly workload: string
  readonly namespace?: string
  readonly node: string
  readonly kind: CaptureKind
  readonly atMs: number
  readonly outcome: 'running' | 'done' | 'failed'
  /** How bad it was, as the occasion told; equal units for one rule and workload. */
  readonly severity?: number
}

export type Wish = Omit<Firing, 'atMs' | 'outcome'>

export interface RuleRefusal {
  readonly guard: 'cooldown' | 'per-workload' | 'per-namespace' | 'per-node' | 'fleet' | 'back-off'
  readonly message: string
  /** When it may fire again, where that is a matter of time alone. */
  readonly untilMs?: number
}

/** Clearly worse: a fifth more than what was captured already. */
const worseFactor = 1.2

/** From ten seconds to ten minutes. No jitter: who asks twice has to get the same answer. */
const backOff = { firstMs: 10_000, maxMs: 600_000, random: () => 1 }

/** @param history firings of all rules, of at least the longest span that the limits name */
export function refusalOfRule(
  rule: Rule,
  wish: Wish,
  history: readonly Firing[],
  nowMs: number,
): RuleRefusal | undefined {
  const { limits } = rule
  const own = history.filter(({ rule: name, workload }) => name === rule.name && workload === wish.workload)
  const failing = backOffOf(own.filter(({ kind }) => kind === wish.kind))
  if (failing && failing.untilMs > nowMs)
    return refuse('back-off', `${failing.count} attempts failed in a row`, failing.untilMs, nowMs)

  const counted = own.filter(({ outcome }) => outcome !== 'failed')
  const last = newest(counted.filter(({ kind }) => kind === wish.kind))
  if (last && nowMs < last.atMs + limits.cooldown) {
    const isWorse =
      limits.onlyIfWorse &&
      wish.severity !== undefined &&
      last.severity !== undefined &&
      wish.severity >= last.severity * worseFactor
    if (!isWorse) {
      const why = `captured ${printDurationMs(nowMs - last.atMs)} ago (cooldown ${printDurationMs(limits.cooldown)})`
      return refuse('cooldown', why, last.atMs + limits.cooldown, nowMs)
    }
  }
  const sameKind = counted.filter(({ kind }) => kind === wish.kind)
  const workload = overRate(sameKind, limits.perWorkload, nowMs)
  if (workload)
    return refuse('per-workload', `${rateText(limits.perWorkload)} of this workload are used up`, workload, nowMs)
  const fleet = overRate(
    history.filter(({ outcome, rule: name }) => outcome !== 'failed' && name === rule.name),
    limits.fleet,
    nowMs,
  )
  if (fleet) return refuse('fleet', `${rateText(limits.fleet)} of this rule are used up`, fleet, nowMs)

  const running = history.filter(({ outcome }) => outcome === 'running')
  const onNode = running.filter(({ node }) => node === wish.node)
  if (onNode.length >= limits.perNode) {
    return {
      guard: 'per-node',
      message: `${onNode.length} captures run on node ${wish.node} (perNode ${limits.perNode})`,
    }
  }
  const inNamespace = running.filter(({ namespace }) => wish.namespace !== undefined && namespace === wish.namespace)
  if (inNamespace.length >= limits.perNamespace) {
    return {
      guard: 'per-namespace',
      message: `${inNamespace.length} captures run in namespace ${wish.namespace} (perNamespace ${limits.perNamespace})`,
    }
  }
  return undefined
}

function refuse(guard: RuleRefusal['guard'], why: string, untilMs: number, nowMs: number): RuleRefusal {
  return { guard, message: `${why}; again in ${printDurationMs(untilMs - nowMs)}`, untilMs }
}

const newest = (firings: readonly Firing[]): Firing | undefined =>
  firings.reduce<Firing | undefined>((best, each) => (best && best.atMs >= each.atMs ? best : each), undefined)

/** @returns when the oldest of those that count leaves the window; undefined while there is room */
function overRate(firings: readonly Firing[], { count, perMs }: Rate, nowMs: number): number | undefined {
  const times = firings.map(({ atMs }) => atMs).filter((atMs) => atMs > nowMs - perMs)
  if (times.length < count) return undefined
  const freed = times.sort((a, b) => b - a)[count - 1]
  return freed === undefined ? undefined : freed + perMs
}

/** Failures since the last success, and until when they are waited out. */
function backOffOf(firings: readonly Firing[]): { count: number; untilMs: number } | undefined {
  const ordered = [...firings].sort((a, b) => b.atMs - a.atMs)
  const success = ordered.findIndex(({ outcome }) => outcome !== 'failed')
  const failed = success < 0 ? ordered : ordered.slice(0, success)
  const last = failed[0]
  if (!last) return undefined
  return { count: failed.length, untilMs: last.atMs + backoffMs(failed.length - 1, backOff) }
}

function rateText({ count, perMs }: Rate): string {
  return `${count} in ${printDurationMs(perMs)}`
}
