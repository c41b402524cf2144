// Who a capture is of, looked at again right before it begins, and whether that is still there while it runs.
import type { Target } from '../model/target.ts'
import type { CpuUsage } from '../target/cpu-usage.ts'
import type { Inventory } from '../target/inventory.ts'
import type { Container } from '../target/pods.ts'
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
  if (containerId === undefined && pod === undefined) return undefined
  const isOfTarget = ({ id, pod: { name, namespace: space } }: Container): boolean =>
    containerId === undefined ? name === pod && space === namespace : id === containerId
  const known = (): readonly Container[] => inventory.containers().filter(isOfTarget)
  /** An idle container is followed some looks after its start: until then it is there if the runtime says so. */
  let wasFollowed = false
  // Containers of a pod may restart one by one; it has ended when none is left.
  const isThere = (): boolean => {
    const ids = containerId === undefined ? known().map(({ id }) => id) : [containerId]
    const isFollowed = ids.some((id) => usage.follows(`c:${id}`))
    wasFollowed ||= isFollowed
    return isFollowed || (!wasFollowed && known().some(({ state }) => state === 'running'))
  }
  const what = containerId === undefined ? 'pod' : 'container'
  return isThere() ? () => (isThere() ? undefined : `the ${what} ended ${after()}`) : undefined
}
