// Who runs on this node: from a process to its container, pod and workload, and back. What the agent calls.
import { isIP } from 'node:net'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../model/target.ts'
import { openCgroupView } from './cgroup-view.ts'
import { containerOfPath } from './container-cgroup.ts'
import { type TargetLog, watchCri } from './cri-watch.ts'
import { listenersOn } from './listeners.ts'
import { isLocalAddress, isNameOfNode, nodeAddresses } from './node-addresses.ts'
import { PodStore } from './pod-store.ts'
import type { Container, Pod } from './pods.ts'
import { listProcesses, type ProcessIdentity, pidsInCgroup, readProcess, startTicksOf } from './process-identity.ts'
import { idPrefixOf, meansContainer, meansPod, parseQuery, parseSelector, type Query } from './query.ts'
import { detectRuntime, type RuntimeInfo } from './runtime.ts'

export interface InventoryOptions {
  /** What this node is called, besides its hostname. */
  readonly node?: string
  /** Path of the container runtime's socket; the usual places are tried without it. */
  readonly criSocket?: string
  readonly log: TargetLog
  readonly proc?: string
  /** Between two lists of a runtime without events. */
  readonly pollMs?: number
  /** How long a question waits for the runtime to tell what is new. */
  readonly patienceMs?: number
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
   * What a person may name (query.ts has the forms): PID, container, pod, address, workload; '' for everything, with
   * the programs outside containers as the last match. Empty when there is nobody of that name.
   * @throws Failure USAGE when the selector is none
   */
  whois(query: string, options?: WhoisOptions): Promise<readonly WhoisMatch[]>
  /** A container id was seen that may be new: have its name ready before it is asked for. */
  notice(containerId: string): void
  close(): void
}

/**
 * A list takes a runtime milliseconds, of 500 containers half a second. One that hangs, as on a node in trouble, must not
 * keep anybody from what is known already: the server gives an agent 5 s to answer.
 */
const defaultPatienceMs = 4000
/** Work on processes between two turns of the event loop: an eighth of the watcher's tick. */
const sliceMs = 25

/** Follows the container runtime from now on; works without one too, then containers have only their ids. */
export function startInventory(options: InventoryOptions): Inventory {
  const { node, criSocket, log, proc = '/proc', pollMs, patienceMs = defaultPatienceMs } = options
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

  const patiently = async (news: Promise<void>): Promise<void> => {
    const enough = new AbortController()
    const late = sleep(patienceMs, undefined, { signal: enough.signal, ref: false }).catch(() => undefined)
    await Promise.race([news, late])
    enough.abort()
  }
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
  /** Oldest first. A node has hundreds of processes and the watcher ticks five times a second: it goes in between. */
  const inspect = async (pids: Iterable<number>): Promise<InventoryProcess[]> => {
    const processes: InventoryProcess[] = []
    let beganMs = performance.now()
    for (const pid of pids) {
      const process = read(pid)
      if (process) processes.push({ ...process, runtime: detectRuntime(pid, proc) })
      if (performance.now() - beganMs < sliceMs) continue
      await setImmediate()
      beganMs = performance.now()
    }
    return processes.sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid)
  }

  /** By the container's cgroup, so that every process counts, whoever started it. */
  const pidsOf = (cgroupPath: string | undefined, id: string): number[] => {
    const path = cgroupPath && (containerOfPath(cgroupPath)?.path ?? cgroupPath)
    if (!path) return listProcesses(proc).filter((pid) => read(pid)?.containerId === id)
    const { unified, cpuacct } = cgroups.mounts
    const pids = [unified, cpuacct].flatMap((mount) => (mount ? pidsInCgroup(join(mount, path)) : []))
    return [...new Set(pids)]
  }

  const whoisPid = async (pid: number): Promise<WhoisMatch[]> => {
    const process = read(pid)
    if (!process) return []
    const { container, pod } = store.byCgroup(process.cgroup)
    return [
      {
        ...(container ? { container: view(container) } : {}),
        ...(pod ? { pod: withAddresses(pod) } : {}),
        processes: await inspect([pid]),
      },
    ]
  }

  const whoisListener = async ({ host, port }: { host: string; port: number }): Promise<WhoisMatch[]> => {
    const isIp = isIP(host) !== 0
    const isOurs = isIp ? isLocalAddress(host, proc) : isNameOfNode(host, node)
    // Whatever runs in a pod shares its network.
    const inPod = isOurs ? undefined : store.containers().find(({ pid, pod }) => pid && pod.ips.includes(host))?.pid
    if (!isOurs && inPod === undefined) return []
    const pids = await listenersOn({ address: isIp ? host : '', port }, inPod ?? 1, proc)
    const found = await Promise.all(pids.map(whoisPid))
    return found.flat()
  }

  const whoisPods = async (query: Query | undefined, options: WhoisOptions): Promise<WhoisMatch[]> => {
    const isSelected = options.selector === undefined ? () => true : parseSelector(options.selector)
    const isWanted = (pod: Pod): boolean =>
      (options.namespace ?? pod.namespace) === pod.namespace && isSelected(pod.labels)
    const matches: WhoisMatch[] = []
    const named = new Set<string>()
    for (const container of store.containers().map(view)) {
      const { pod } = container
      if (!isWanted(pod) || (query && !meansContainer(query, container))) continue
      named.add(pod.id)
      const pids = container.state === 'running' ? pidsOf(container.cgroup, container.id) : []
      matches.push({ container, pod, processes: await inspect(pids) })
    }
    // A pod without containers yet, or one named by its sandbox's id.
    for (const pod of store.pods().map(withAddresses)) {
      if (!query || named.has(pod.id) || !isWanted(pod) || !meansPod(query, pod)) continue
      matches.push({ pod, processes: await inspect(pidsOf(undefined, pod.id)) })
    }
    return matches
  }

  /** Containers that no runtime tells of, such as Docker's and podman's: known by their cgroup, so by their id alone. */
  const whoisStranger = async (prefix: string): Promise<WhoisMatch[]> => {
    const byId = new Map<string, number[]>()
    for (const pid of listProcesses(proc)) {
      const id = read(pid)?.containerId
      if (!id?.startsWith(prefix) || store.container(id) || store.pod(id)) continue
      const pids = byId.get(id)
      if (pids) pids.push(pid)
      else byId.set(id, [pid])
    }
    const matches = await Promise.all(
      [...byId].map(async ([containerId, pids]) => {
        // Who has ended since then is in no container any more.
        const processes = await inspect(pids)
        return { processes: processes.filter((each) => each.containerId === containerId) }
      }),
    )
    return matches.filter(({ processes }) => processes.length > 0)
  }

  const outsiders = async (): Promise<WhoisMatch> => {
    const processes = await inspect(listProcesses(proc))
    // Kernel threads have no command line.
    return { processes: processes.filter((each) => each.cmdline !== '' && !store.byCgroup(each.cgroup).pod) }
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
      await patiently(watch.ready)
      const query = text === '' ? undefined : parseQuery(text)
      if (query?.kind === 'pid') {
        const found = await whoisPid(query.pid)
        if (found.every((match) => match.pod || !match.processes[0]?.containerId)) return found
        await patiently(watch.nudge()) // its container may be younger than the last list
        return whoisPid(query.pid)
      }
      await patiently(watch.nudge()) // a person who asks wants to see what is there now
      if (query?.kind === 'listener') return whoisListener(query)
      const matches = await whoisPods(query, options)
      const isAnywhere = options.namespace === undefined && options.selector === undefined
      const isEverything = !query && isAnywhere
      const id = query && idPrefixOf(query)
      if (matches.length === 0 && id !== undefined && isAnywhere) return whoisStranger(id)
      return isEverything ? [...matches, await outsiders()] : matches
    },
    notice,
    close: () => watch.close(),
  }
}
