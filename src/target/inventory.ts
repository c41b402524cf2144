// Who runs on this node: from a process to its container, pod and workload, and back. What the agent calls.
import { join } from 'node:path'
import type { Target } from '../model/target.ts'
import { openCgroupView } from './cgroup-view.ts'
import { containerOfPath } from './container-cgroup.ts'
import { type TargetLog, watchCri } from './cri-watch.ts'
import { nodeAddresses } from './node-addresses.ts'
import { PodStore } from './pod-store.ts'
import type { Container, Pod } from './pods.ts'
import { listProcesses, type ProcessIdentity, pidsInCgroup, readProcess, startTicksOf } from './process-identity.ts'
import { meansContainer, meansPod, parseQuery, parseSelector, type Query } from './query.ts'
import { detectRuntime, type RuntimeInfo } from './runtime.ts'

export interface InventoryOptions {
  /** Path of the container runtime's socket; the usual places are tried without it. */
  readonly criSocket?: string
  readonly log: TargetLog
  readonly proc?: string
  /** Between two lists of a runtime without events. */
  readonly pollMs?: number
}

export interface InventoryProcess extends ProcessIdentity {
  readonly runtime: RuntimeInfo
}

/** One container and the processes in it; without container for a pod's own process (pause), without both for others. */
export interface WhoisMatch {
  readonly container?: Container
  readonly pod?: Pod
  readonly processes: readonly InventoryProcess[]
}

export interface WhoisOptions {
  /** Only pods of this namespace. */
  readonly namespace?: string
  /** Only pods whose labels match, as in `kubectl -l`. */
  readonly selector?: string
}

export interface Inventory {
  /** Resolves after the first list of the runtime, or after the first failure to reach one. */
  readonly ready: Promise<void>
  /** `containerd 1.6.20` while it answers. */
  readonly runtime: string | undefined
  /**
   * Adds what is known of a target: pod, namespace, container, workload and, from its process if that is still the same
   * one, the runtime. Never waits: what is not known yet is asked for, and the next call has it.
   */
  describe(target: Target): Target
  /** Containers that are there now, in any state. */
  containers(): readonly Container[]
  /** The container that a cgroup path or a process lies in, or did lie in within the last ten minutes. */
  containerOf(where: { readonly cgroup: string } | { readonly pid: number }): Container | undefined
  /**
   * What a person may name (query.ts has the forms): PID, container, pod, address, workload; '' for everything. Empty
   * when there is nobody of that name.
   * @throws Failure USAGE when the selector is none
   */
  whois(query: string, options?: WhoisOptions): Promise<readonly WhoisMatch[]>
  /** A container id was seen that may be new: have its name ready before it is asked for. */
  notice(containerId: string): void
  close(): void
}

/** Follows the container runtime from now on; works without one too, then containers have only their ids. */
export function startInventory({ criSocket, log, proc = '/proc', pollMs }: InventoryOptions): Inventory {
  const cgroups = openCgroupView({ proc })
  let addresses = nodeAddresses(proc)
  const read = (pid: number): ProcessIdentity | undefined => readProcess(pid, { proc, absolute: cgroups.absolute })
  const store = new PodStore((pid) => read(pid)?.cgroup)
  const watch = watchCri({
    log,
    hostRoot: join(proc, '1/root'),
    ...(criSocket ? { criSocket } : {}),
    ...(pollMs ? { pollMs } : {}),
    refresh: (cri) => {
      addresses = nodeAddresses(proc)
      return store.refresh(cri)
    },
  })
  /** Ids that the runtime does not know (Docker's, podman's): asked about once. */
  const strangers = new Set<string>()

  const notice = (containerId: string): void => {
    if (store.container(containerId) || store.pod(containerId) || strangers.has(containerId)) return
    if (strangers.size > 10_000) strangers.clear()
    strangers.add(containerId)
    void watch.nudge()
  }

  const placeOf = (target: Target): { container?: Container; pod?: Pod } => {
    const id = target.containerId
    const byId = id === undefined ? undefined : store.container(id)
    if (byId) return { container: byId, pod: byId.pod }
    const process = target.pid === undefined || target.cgroup ? undefined : sameProcess(target)
    const found = store.byCgroup(target.cgroup ?? process?.cgroup ?? '')
    const sandbox = id === undefined ? undefined : store.pod(id)
    return found.pod || !sandbox ? found : { pod: sandbox }
  }
  const sameProcess = (target: Target): ProcessIdentity | undefined => {
    const process = target.pid === undefined ? undefined : read(target.pid)
    return process && (target.startTicks ?? process.startTicks) === process.startTicks ? process : undefined
  }

  const withAddresses = (pod: Pod): Pod => (pod.hostNetwork ? { ...pod, ips: addresses } : pod)
  const view = (container: Container): Container => ({ ...container, pod: withAddresses(container.pod) })
  const withRuntime = (process: ProcessIdentity): InventoryProcess => ({
    ...process,
    runtime: detectRuntime(process.pid, proc),
  })

  /** By the container's cgroup, so that every process counts, whoever started it. */
  const processesOf = (cgroupPath: string | undefined, id: string): InventoryProcess[] => {
    const path = cgroupPath && (containerOfPath(cgroupPath)?.path ?? cgroupPath)
    const { unified, cpuacct } = cgroups.mounts
    const pids = path
      ? [unified, cpuacct].flatMap((mount) => (mount ? pidsInCgroup(join(mount, path)) : []))
      : listProcesses(proc).filter((pid) => read(pid)?.containerId === id)
    return [...new Set(pids)]
      .map((pid) => read(pid))
      .filter((process) => process !== undefined)
      .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
      .map(withRuntime)
  }

  const whoisPid = (pid: number): WhoisMatch[] => {
    const process = read(pid)
    if (!process) return []
    const { container, pod } = store.byCgroup(process.cgroup)
    return [
      {
        ...(container ? { container: view(container) } : {}),
        ...(pod ? { pod: withAddresses(pod) } : {}),
        processes: [withRuntime(process)],
      },
    ]
  }
  const whoisPods = (query: Query | undefined, options: WhoisOptions): WhoisMatch[] => {
    const isSelected = options.selector === undefined ? () => true : parseSelector(options.selector)
    const isWanted = (pod: Pod): boolean =>
      (options.namespace ?? pod.namespace) === pod.namespace && isSelected(pod.labels)
    const containers = store
      .containers()
      .map(view)
      .filter((each) => isWanted(each.pod) && (!query || meansContainer(query, each)))
    const named = new Set(containers.map((each) => each.pod.id))
    return [
      ...containers.map((container) => ({
        container,
        pod: container.pod,
        processes: container.state === 'running' ? processesOf(container.cgroup, container.id) : [],
      })),
      // A pod without containers yet, or one named by its sandbox's id.
      ...store
        .pods()
        .map(withAddresses)
        .filter((pod) => query && !named.has(pod.id) && isWanted(pod) && meansPod(query, pod))
        .map((pod) => ({ pod, processes: processesOf(undefined, pod.id) })),
    ]
  }

  return {
    ready: watch.ready,
    get runtime() {
      return watch.runtime
    },
    describe: (target) => {
      if (target.kind === 'node') return target
      const { container, pod } = placeOf(target)
      if (!container && target.containerId) notice(target.containerId)
      const pid = target.pid
      const isSame = pid !== undefined && (target.startTicks ?? -1) === startTicksOf(pid, proc)
      return {
        ...target,
        ...(isSame && target.runtime === undefined ? { runtime: detectRuntime(pid, proc).runtime } : {}),
        ...(container ? { container: container.name, containerId: container.id } : {}),
        ...(pod ? { pod: pod.name, namespace: pod.namespace, workload: pod.workload } : {}),
      }
    },
    containers: () => store.containers().map(view),
    containerOf: (where) => {
      const cgroup = 'cgroup' in where ? where.cgroup : read(where.pid)?.cgroup
      return cgroup === undefined ? undefined : store.byCgroup(cgroup).container
    },
    whois: async (text, options = {}) => {
      await watch.ready
      const query = text === '' ? undefined : parseQuery(text)
      if (query?.kind === 'pid') {
        const found = whoisPid(query.pid)
        if (found.every((match) => match.pod || !match.processes[0]?.containerId)) return found
        await watch.nudge() // its container may be younger than the last list
        return whoisPid(query.pid)
      }
      await watch.nudge() // a person who asks wants to see what is there now
      return whoisPods(query, options)
    },
    notice,
    close: () => watch.close(),
  }
}
