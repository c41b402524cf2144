// Who a capture is of, looked at again right before it begins, and whether that is still there while it runs.
import type { Target } from '../model/target.ts'
import type { CpuUsage } from '../target/cpu-usage.ts'
import type { Inventory } from '../target/inventory.ts'
import { readProcess, startTicksOf } from '../target/process-identity.ts'

/** A PID without its start time is whoever has it now; with it, that one and nobody who comes after. */
export function identify(target: Target, inventory: Pick<Inventory, 'describe'>): Target {
  const process = target.pid === undefined || target.startTicks !== undefined ? undefined : readProcess(target.pid)
  if (!process) return inventory.describe(target)
  const { startTicks, comm, cmdline, cgroup } = process
  return inventory.describe({ cgroup, ...target, startTicks, comm, cmdline })
}

/**
 * Watches a target from now on.
 * @returns a function that gives a sentence once the target has ended; undefined for one whose end cannot be seen
 */
export function watchTarget(
  target: Target,
  { usage, inventory }: { usage: Pick<CpuUsage, 'follows'>; inventory: Pick<Inventory, 'containers'> },
): (() => string | undefined) | undefined {
  const { kind, pid, startTicks, containerId, pod, namespace } = target
  const beganMs = performance.now()
  const after = (): string => `after ${((performance.now() - beganMs) / 1000).toFixed(1)} s of the capture`
  if (kind === 'process') {
    if (pid === undefined || startTicks === undefined || startTicksOf(pid) !== startTicks) return undefined
    return () => (startTicksOf(pid) === startTicks ? undefined : `the process ended ${after()}`)
  }
  if (containerId !== undefined) {
    const key = `c:${containerId}`
    if (!usage.follows(key)) return undefined
    return () => (usage.follows(key) ? undefined : `the container ended ${after()}`)
  }
  if (pod === undefined) return undefined
  const keysOfPod = (): string[] =>
    inventory
      .containers()
      .filter((each) => each.pod.name === pod && each.pod.namespace === namespace)
      .map((each) => `c:${each.id}`)
  if (!keysOfPod().some((key) => usage.follows(key))) return undefined
  // Containers of a pod may restart one by one; it has ended when none is left.
  return () => (keysOfPod().some((key) => usage.follows(key)) ? undefined : `the pod ended ${after()}`)
}
