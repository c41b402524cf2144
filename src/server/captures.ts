// Captures under way: those that people ask for, and what becomes of one whose agent falls silent.
import type { Logger } from 'pino'
import type { CaptureAccepted, CaptureRequest } from '../api/shapes.ts'
import { newId } from '../lib/ids.ts'
import { printDurationMs } from '../lib/units.ts'
import {
  type Capture,
  type CaptureKind,
  captureVersion,
  defaultForMs,
  kindsWithRing,
  type ProbeOptions,
} from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import { type Incident, incidentVersion } from '../model/incident.ts'
import type { TargetCandidate, TargetSelector } from '../model/inventory.ts'
import type { LedgerEntry } from '../model/ledger.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { Trigger } from '../model/trigger.ts'
import type { Catalog } from '../store/catalog.ts'
import { type CaptureLimits, requireWithinLimits } from '../trigger/limits.ts'
import type { AgentHub } from './agents.ts'
import { connectedNodes, findCandidates } from './ask-nodes.ts'
import type { DocumentKeeper } from './documents.ts'
import { activeStates, isActive } from './merge.ts'
import type { Store } from './store.ts'

export interface CaptureDeskOptions {
  readonly store: Store
  readonly agents: Pick<AgentHub, 'list' | 'get' | 'send' | 'ask'>
  readonly documents: () => DocumentKeeper
  readonly limits: CaptureLimits
  readonly log: Logger
  /** A capture whose agent has been away for this long is given up, until the agent returns with the rest. */
  readonly graceMs?: number
  readonly nowMs?: () => number
}

export interface CaptureOrder {
  readonly id: string
  readonly incidentId: string
  readonly target: Target
  /** Of a spike: what a rule wants besides the capture that the agent takes without being told. */
  readonly trigger: Trigger
  readonly kind: CaptureKind
  readonly lookBackMs: number
  readonly forMs: number
  readonly options?: ProbeOptions
}

/** What is known of an incident before its first capture; it begins with that where no onset is known. */
export type Opening = Pick<Incident, 'noticedMs' | 'asked' | 'baseline' | 'alerts'> & { readonly onsetMs?: number }

export interface CaptureDesk {
  /** @throws Failure REFUSED, DISK_FULL, NOT_FOUND (no such agent), BAD_REQUEST (which node?), UNREACHABLE */
  start(request: CaptureRequest): Promise<CaptureAccepted>
  /**
   * Carries out what was decided: limits, disk, documents, and the order to the agent.
   * @param opening of the incident; absent when it exists
   * @throws Failure REFUSED, DISK_FULL (both are in the ledger then), UNREACHABLE
   */
  begin(order: CaptureOrder, opening?: Opening): Promise<void>
  /** Tells an agent that has connected again what it may never have heard; it leaves alone what it has. */
  tellAgain(node: string): Promise<void>
  /** Tells the agent to end it early. @throws Failure NOT_FOUND, UNREACHABLE */
  stop(id: string): Promise<Capture>
  /** To be called with every capture that is stored. */
  note(capture: Capture): void
  /** Takes up what an earlier run left under way. */
  resume(): Promise<void>
  /** Gives up captures whose agent is gone; also runs by itself. */
  sweep(): Promise<void>
  close(): void
}

/** Long enough for an agent to restart or a network to come back, short enough for somebody who waits. */
const defaultGraceMs = 60_000
/** After the end of a recording: symbols, compression and the upload of some 10 MB over a slow link. */
const deliveryMs = 10 * 60_000
const defaultLookBackMs = 60_000
/** An order that was not heard for so long is about another state of the world; `sweep` gives it up. */
const tellAgainMs = 10 * 60_000
/** How often silent agents are looked for: a small part of the time that they are given. */
const sweepEveryMs = (graceMs: number): number => Math.min(5000, Math.max(50, graceMs / 10))

interface ActiveCapture {
  capture: Capture
  /** When the server heard of it last. */
  newsMs: number
}

export function createCaptureDesk(options: CaptureDeskOptions): CaptureDesk {
  const { store, agents, documents, limits, log, graceMs = defaultGraceMs, nowMs = Date.now } = options
  const { catalog, guard } = store
  const active = new Map<string, ActiveCapture>()
  const openedMs = nowMs()

  const note = (capture: Capture): void => {
    if (isActive(capture.state)) active.set(capture.id, { capture, newsMs: nowMs() })
    else active.delete(capture.id)
  }

  /** Whom the request means, asked of the nodes where it does not say it for good. */
  const chooseTarget = async ({ target, select }: CaptureRequest): Promise<Chosen> => {
    if ((target === undefined) === (select === undefined)) {
      throw new Failure('BAD_REQUEST', 'a capture is of one `target`, or of what `select` means')
    }
    const named = target ? selectorOf(target) : select
    if (target && !named) return { target: { ...target, node: onlyNode(agents, target.node) } }
    const { candidates } = await findCandidates(agents, named as TargetSelector)
    const [busiest, ...others] = candidates
    const nodes = new Set(candidates.map((each) => each.target.node))
    if (busiest?.target.kind === 'process' && nodes.size > 1 && /^(pid\/)?\d+$/.test(named?.name ?? '')) {
      // The same number on another node is another program.
      throw new Failure('BAD_REQUEST', `${named?.name} is on ${[...nodes].join(' and on ')}; name the node (--on)`)
    }
    return { target: busiest!.target, ...(others.length > 0 ? { others } : {}) }
  }

  const start: CaptureDesk['start'] = async (request) => {
    const { target, others } = await chooseTarget(request)
    const { kind, options, forMs = defaultForMs[kind] } = request
    const lookBackMs = request.lookBackMs ?? defaultLookBackMs
    const now = nowMs()
    const id = newId('cap-', now)
    const incidentId = newId('inc-', now)
    const reason = request.reason ?? `asked for ${printTarget(target)}`
    const forced = options?.force ? { forced: options.force } : {}
    const trigger = { kind: 'manual' as const, rule: 'manual', reason, ...forced }
    const order = { id, incidentId, target, trigger, kind, lookBackMs, forMs, ...(options ? { options } : {}) }
    await begin(order, { noticedMs: now, asked: kind })
    return { id, incidentId, target, ...(others ? { others } : {}) }
  }

  const begin: CaptureDesk['begin'] = async (order, opening) => {
    const { id, incidentId, target, trigger, kind, forMs, options } = order
    const lookBackMs = kindsWithRing.includes(kind) ? order.lookBackMs : 0
    const now = nowMs()
    const capture: Capture = {
      version: captureVersion,
      id,
      incidentId,
      node: target.node,
      target,
      trigger,
      kind,
      state: 'recording',
      requestedMs: now,
      fromMs: now - lookBackMs,
      toMs: now + forMs,
      probes: [],
      order: { lookBackMs, forMs, ...(options ? { options } : {}) },
    }
    // What a rule adds to a spike runs beside the capture that the agent takes of it, which attaches to nothing.
    const isOwn = (each: Capture): boolean =>
      trigger.kind === 'spike' && each.incidentId === incidentId && each.order === undefined
    const others = [...active.values()].map((each) => each.capture).filter((each) => each.id !== id && !isOwn(each))
    try {
      requireWithinLimits(target, others, limits)
      note(capture) // before the next await: who asks at the same moment must see it
      await guard.require(0)
    } catch (error) {
      active.delete(id)
      const { code, message, details } = asFailure(error)
      if (code !== 'REFUSED' && code !== 'DISK_FULL') throw error
      await noteRefusal(catalog, { target, trigger, kind, guard: String(details.guard), message }, now)
      throw error
    }
    if (opening) {
      const { onsetMs = capture.fromMs } = opening
      const incident = { version: incidentVersion, id: incidentId, node: target.node, target, trigger } as const
      await documents().keepIncident({ ...incident, state: 'capturing', top: [], ...opening, onsetMs })
    }
    await documents().keepCapture(capture)
    // Nobody waits for what a rule decided: it is told when the agent is back, or given up by `sweep`.
    if (!tell(capture) && trigger.kind === 'manual') {
      const message = `the agent of node ${target.node} went away just now`
      await documents().keepCapture({ ...capture, state: 'failed', message })
      throw new Failure('UNREACHABLE', message)
    }
  }

  /**
   * @param lateMs since it was to be told: it still begins with the same moment
   * @returns false when no agent of its node is connected
   */
  const tell = ({ id, incidentId, node, target, trigger, kind, order }: Capture, lateMs = 0): boolean => {
    if (!order) return false
    const lookBackMs = kindsWithRing.includes(kind) ? order.lookBackMs + lateMs : 0
    return agents.send(node, {
      type: 'start-capture',
      captureId: id,
      ...(incidentId ? { incidentId } : {}),
      rule: trigger.rule,
      reason: trigger.reason,
      triggerKind: trigger.kind,
      captureKind: kind,
      target,
      lookBackMs,
      forMs: order.forMs,
      ...(order.options ? { options: order.options } : {}),
    })
  }

  const tellAgain: CaptureDesk['tellAgain'] = async (node) => {
    for (const capture of await catalog.listCaptures({ node, states: activeStates, limit: 1000 })) {
      const lateMs = Math.max(0, nowMs() - capture.requestedMs)
      if (lateMs < tellAgainMs) tell(capture, lateMs)
    }
  }

  const stop: CaptureDesk['stop'] = async (id) => {
    const capture = await catalog.capture(id)
    if (!capture) throw new Failure('NOT_FOUND', `there is no capture ${id}`)
    if (!isActive(capture.state)) return capture
    if (!agents.send(capture.node, { type: 'stop-capture', captureId: id })) {
      throw new Failure('UNREACHABLE', `the agent of node ${capture.node} is not connected`)
    }
    return capture
  }

  /** Why nothing more will come, or undefined while it may. */
  const whyLost = ({ capture, newsMs }: ActiveCapture, now: number): string | undefined => {
    const agent = agents.get(capture.node)
    const quietMs = now - newsMs
    if (!agent?.connected) {
      const awayMs = now - Math.max(agent?.lastSeenMs ?? 0, openedMs)
      if (awayMs < graceMs) return undefined
      return `the agent of node ${capture.node} has been away for ${printDurationMs(awayMs)}`
    }
    if (agent.startedMs > capture.requestedMs && quietMs > graceMs) {
      return `the agent of node ${capture.node} was restarted during the capture`
    }
    if (now > capture.toMs + deliveryMs && quietMs > deliveryMs) {
      return `the agent of node ${capture.node} has said nothing of it for ${printDurationMs(quietMs)}`
    }
    return undefined
  }

  const giveUp = async (capture: Capture, why: string): Promise<void> => {
    const artifacts = await catalog.artifactsOf([capture.id])
    // What the agent stored meanwhile stays: the merge keeps the further state.
    await documents().keepCapture({ ...capture, state: artifacts.length > 0 ? 'partial' : 'failed', message: why })
    log.warn({ capture: capture.id }, `capture given up: ${why}`)
  }

  const sweep = async (): Promise<void> => {
    const now = nowMs()
    for (const entry of [...active.values()]) {
      const why = whyLost(entry, now)
      if (why) await giveUp(entry.capture, why)
    }
  }
  const timer = setInterval(() => {
    sweep().catch((error) => log.error({ err: error }, 'captures without news could not be looked at'))
  }, sweepEveryMs(graceMs))
  timer.unref()

  return {
    start,
    begin,
    tellAgain,
    stop,
    note,
    sweep,
    resume: async () => {
      for (const capture of await catalog.listCaptures({ states: activeStates, limit: 10_000 })) note(capture)
    },
    close: () => clearInterval(timer),
  }
}

/** A refused attempt is a row in the ledger. */
export async function noteRefusal(
  catalog: Pick<Catalog, 'addToLedger'>,
  { target, ...refusal }: Pick<LedgerEntry, 'target' | 'trigger' | 'kind' | 'guard' | 'message'>,
  atMs: number,
): Promise<void> {
  await catalog.addToLedger({
    id: newId('trg-', atMs),
    atMs,
    node: target.node,
    target,
    outcome: 'refused',
    ...refusal,
  })
}

interface Chosen {
  readonly target: Target
  readonly others?: TargetCandidate[]
}

/** @throws Failure NOT_FOUND, BAD_REQUEST when there are several */
function onlyNode(agents: Pick<AgentHub, 'list'>, node: string | undefined): string {
  const nodes = connectedNodes(agents, node)
  if (nodes.length > 1) throw new Failure('BAD_REQUEST', `name the node of the target; connected: ${nodes.join(', ')}`)
  return nodes[0]!
}

const wholeId = /^[0-9a-f]{64}$/

/**
 * What has to be looked up before a capture may begin; undefined for a target that says for good who it is, also one
 * that has ended since: the ring may still hold samples of it.
 * @throws Failure BAD_REQUEST when the target does not say which process or container it is
 */
function selectorOf(target: NonNullable<CaptureRequest['target']>): TargetSelector | undefined {
  const { kind, pid, startTicks, containerId, cgroup, pod, namespace, container, node } = target
  const where = node === undefined ? {} : { node }
  if (kind === 'node') return undefined
  if (kind === 'process') {
    if (pid === undefined) throw new Failure('BAD_REQUEST', 'a process is named by its pid')
    return startTicks === undefined ? { name: `pid/${pid}`, ...where } : undefined
  }
  if (cgroup || wholeId.test(containerId ?? '')) return undefined
  if (containerId) return { name: `container/${containerId}`, ...where }
  if (!pod) throw new Failure('BAD_REQUEST', 'a container is named by its containerId, cgroup or pod')
  return { name: `pod/${pod}`, ...(namespace ? { namespace } : {}), ...(container ? { container } : {}), ...where }
}
