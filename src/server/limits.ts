// The limits that stand behind every capture that is asked for: how many may run for one process, and on one node.
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

/**
 * @param running captures that are under way, on all nodes
 * @throws Failure REFUSED naming the guard and the setting
 */
export function requireWithinLimits(
  target: Target,
  running: readonly Pick<Capture, 'id' | 'node' | 'target'>[],
  limits: CaptureLimits = defaultCaptureLimits,
): void {
  const onNode = running.filter(({ node }) => node === target.node)
  const ofTarget = onNode.filter((capture) => isSameTarget(capture.target, target))
  const refuse = (guard: keyof CaptureLimits, what: string, found: typeof onNode): never => {
    const name = guard === 'perProcess' ? 'per-process' : 'per-node'
    const first = found[0]?.id ?? ''
    throw new Failure(
      'REFUSED',
      `${name} limit of ${limits[guard]}: ${what} is being captured by ${found.map(({ id }) => id).join(', ')}; ` +
        `wait for it, or end it with \`spikecam stop ${first}\``,
      { details: { guard: name, limit: limits[guard], running: found.map(({ id }) => id) } },
    )
  }
  if (ofTarget.length >= limits.perProcess) refuse('perProcess', printTarget(target), ofTarget)
  if (onNode.length >= limits.perNode) refuse('perNode', `node ${target.node}`, onNode)
}

/** The same process, container or node; a PID counts only together with its start where both know it. */
export function isSameTarget(a: Target, b: Target): boolean {
  if (a.node !== b.node || a.kind !== b.kind) return false
  if (a.kind === 'node') return true
  if (a.kind === 'process') {
    if (a.pid !== b.pid) return false
    return a.startTicks === undefined || b.startTicks === undefined || a.startTicks === b.startTicks
  }
  if (a.containerId !== undefined && b.containerId !== undefined) return a.containerId === b.containerId
  return a.cgroup !== undefined && a.cgroup === b.cgroup
}
