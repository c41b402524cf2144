// The limits that stand behind every capture, whoever asks for it: how many may run for one target, and on one node.
// The server asks before it gives an order, the agent before it records deeper for a spike that it noticed itself.
import type { Capture } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { printTarget, type Target } from '../model/target.ts'

export interface CaptureLimits {
  /** Two deep recordings of one process disturb it and each other. */
  readonly perProcess: number
  /** 2: what a node of two cores can carry without being felt; 10 is the most a node can be set to. */
  readonly perNode: number
}

export const defaultCaptureLimits: CaptureLimits = { perProcess: 1, perNode: 2 }

type Running = Pick<Capture, 'id' | 'node' | 'target'>

export interface Refusal {
  readonly guard: 'per-process' | 'per-node'
  readonly limit: number
  /** What is at its limit, in words. */
  readonly what: string
  /** Captures that hold the places. */
  readonly running: readonly string[]
}

/** @param running captures that are under way, on all nodes; @returns undefined when one more may begin */
export function refusalOf(
  target: Target,
  running: readonly Running[],
  limits: CaptureLimits = defaultCaptureLimits,
): Refusal | undefined {
  const onNode = running.filter(({ node }) => node === target.node)
  const ofTarget = onNode.filter((capture) => isSameTarget(capture.target, target))
  const ids = (captures: readonly Running[]): string[] => captures.map(({ id }) => id)
  if (ofTarget.length >= limits.perProcess) {
    return { guard: 'per-process', limit: limits.perProcess, what: printTarget(target), running: ids(ofTarget) }
  }
  if (onNode.length < limits.perNode) return undefined
  return { guard: 'per-node', limit: limits.perNode, what: `node ${target.node}`, running: ids(onNode) }
}

/** @throws Failure REFUSED naming the guard and what would change it */
export function requireWithinLimits(target: Target, running: readonly Running[], limits?: CaptureLimits): void {
  const refusal = refusalOf(target, running, limits)
  if (!refusal) return
  const { guard, limit, what, running: ids } = refusal
  const raise = guard === 'per-node' ? ', or allow more with --captures-per-node' : ''
  throw new Failure(
    'REFUSED',
    `${guard} limit of ${limit}: ${what} is being captured by ${ids.join(', ')}; ` +
      `wait for it, or end it with \`spikecam stop ${ids[0] ?? ''}\`${raise}`,
    { details: { guard, limit, running: ids } },
  )
}

/** The same process, container, pod or node; a PID counts only together with its start where both know it. */
export function isSameTarget(a: Target, b: Target): boolean {
  if (a.node !== b.node || a.kind !== b.kind) return false
  if (a.kind === 'node') return true
  if (a.kind === 'process') {
    if (a.pid !== b.pid) return false
    return a.startTicks === undefined || b.startTicks === undefined || a.startTicks === b.startTicks
  }
  if (a.containerId !== undefined && b.containerId !== undefined) return a.containerId === b.containerId
  // A pod as a whole has no container id.
  return a.cgroup !== undefined && a.cgroup === b.cgroup
}
