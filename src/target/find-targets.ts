// From what a person names to whom a capture would be of: one candidate per pod, or per container or process where those
// are what was named.
//
//   pod/cart-0, deploy/cart, -l app=cart     each pod: its one container, or the whole pod where it has several
//   container/1be3a4c0, -c app               each container
//   pid/4242, --process server.js            each process
//   10.4.2.17:8080                           the container of who listens there, outside of containers the process
import { dirname } from 'node:path/posix'
import { nearest } from '../lib/nearest.ts'
import type { TargetCandidate, TargetSelector } from '../model/inventory.ts'
import { commandName, type Target } from '../model/target.ts'
import { containerOfPath } from './container-cgroup.ts'
import type { InventoryProcess, WhoisMatch } from './inventory.ts'
import type { Container, Pod } from './pods.ts'
import { meansPod, parseQuery, type Query } from './query.ts'

export interface FindTargetsOptions {
  readonly node: string
  /** CPU that a process uses now, in cores. */
  coresOf(process: InventoryProcess): number
}

export interface FoundTargets {
  /** Busiest first. */
  readonly candidates: readonly TargetCandidate[]
  /** What is known of that name when there is no candidate: its containers do not run, or have other names. */
  readonly why?: string
}

/**
 * @param matches what `Inventory.whois` gives for the name, namespace and labels of the selector
 * @throws Failure USAGE when the name cannot be read
 */
export function findTargets(
  matches: readonly WhoisMatch[],
  select: TargetSelector,
  { node, coresOf }: FindTargetsOptions,
): FoundTargets {
  const query = select.name === undefined ? undefined : parseQuery(select.name)
  const total = (processes: readonly InventoryProcess[]): number =>
    processes.reduce((sum, process) => sum + coresOf(process), 0)
  const candidate = (target: Target, processes: readonly InventoryProcess[]): TargetCandidate => {
    const busiest = processes.toSorted((a, b) => coresOf(b) - coresOf(a))[0]
    return { target: { ...target, ...(busiest && processTarget(busiest)) }, cores: total(processes) }
  }
  const wanted = matches.filter(({ container }) => !select.container || container?.name === select.container)
  if (wanted.length === 0 && matches.length > 0) {
    const names = [...new Set(matches.flatMap(({ container }) => container?.name ?? []))]
    return { candidates: [], why: `no container ${select.container}; there is: ${names.join(', ') || 'none'}` }
  }
  const running = wanted.filter((match) => match.processes.length > 0)
  if (running.length === 0 && wanted.length > 0) return { candidates: [], why: wanted.map(describeEnd).join('; ') }

  const byCores = (a: TargetCandidate, b: TargetCandidate): number => b.cores - a.cores
  const processTargets = (
    { container, pod, processes }: WhoisMatch,
    isMeant = (_: InventoryProcess) => true,
  ): TargetCandidate[] =>
    processes.filter(isMeant).map((process) => {
      const { cgroup, containerId } = process
      const place = { cgroup, ...(containerId ? { containerId } : {}) }
      return candidate({ kind: 'process', node, ...place, ...names(container, pod) }, [process])
    })
  const wantedProcess = select.process
  if (query?.kind === 'pid' || wantedProcess !== undefined) {
    const isMeant = (process: InventoryProcess) => wantedProcess === undefined || isProcess(process, wantedProcess)
    const candidates = running.flatMap((match) => processTargets(match, isMeant))
    const why = candidates.length > 0 || running.length === 0 ? {} : { why: noSuchProcess(running, select) }
    return { candidates: candidates.sort(byCores), ...why }
  }
  const containerTarget = ({ container, pod, processes }: WhoisMatch): TargetCandidate => {
    const cgroup = container?.cgroup ?? processes[0]?.cgroup
    const path = cgroup && (containerOfPath(cgroup)?.path ?? cgroup)
    const id = container?.id ?? processes[0]?.containerId
    const own = { ...names(container, pod), ...(path ? { cgroup: path } : {}), ...(id ? { containerId: id } : {}) }
    return candidate({ kind: 'container', node, ...own }, processes)
  }
  if (query?.kind === 'listener') {
    const isInContainer = ({ processes }: WhoisMatch) => processes[0]?.containerId !== undefined
    const candidates = running.flatMap((match) =>
      isInContainer(match) ? [containerTarget(match)] : processTargets(match),
    )
    return { candidates: uniqueContainers(candidates).sort(byCores) }
  }
  const candidates = groupByPod(running).flatMap((group) => {
    const isWhole = select.container === undefined && isPodNamed(query, group[0]?.pod)
    const folder = isWhole && group.length > 1 ? podCgroup(group) : undefined
    if (folder === undefined) return group.map(containerTarget)
    const processes = group.flatMap((match) => match.processes)
    return [candidate({ kind: 'container', node, ...names(undefined, group[0]?.pod), cgroup: folder }, processes)]
  })
  return { candidates: candidates.sort(byCores) }
}

/** Names of what runs that come near to the one that nobody has, as they would have to be written. */
export function nearNames(containers: readonly Container[], name: string): string[] {
  const query = parseQuery(name)
  const pods = containers.map(({ pod }) => `pod/${pod.name}`)
  const workloads = containers.map(({ pod }) => pod.workload)
  const known =
    query.kind === 'pod'
      ? query.namespace === undefined
        ? pods
        : containers.map(({ pod }) => `${pod.namespace}/${pod.name}`)
      : query.kind === 'workload'
        ? workloads
        : query.kind === 'word'
          ? containers.flatMap(({ name: own, pod }) => [own, pod.name])
          : []
  const left = new Set([...known, ...(query.kind === 'word' ? [...workloads, ...pods] : [])])
  const near: string[] = []
  // Three: enough to choose from, few enough for one line.
  while (near.length < 3) {
    const next = nearest(name, left)
    if (next === undefined) break
    near.push(next)
    left.delete(next)
  }
  return near
}

const names = (container: Container | undefined, pod: Pod | undefined): Partial<Target> => ({
  ...(container ? { container: container.name, containerId: container.id } : {}),
  ...(pod ? { pod: pod.name, namespace: pod.namespace, workload: pod.workload } : {}),
})

function processTarget({ pid, startTicks, comm, cmdline, runtime }: InventoryProcess): Partial<Target> {
  return { pid, startTicks, comm, cmdline, runtime: runtime.runtime }
}

/** By PID, on the host or in the container, or by a part of the command line. */
export function isProcess({ pid, containerPid, comm, cmdline }: InventoryProcess, wanted: string): boolean {
  if (/^\d+$/.test(wanted)) return pid === Number(wanted) || containerPid === Number(wanted)
  // Not whoever asks: `spikecam capture cpu --process server.js` has it in its own command line.
  return (
    comm === wanted ||
    cmdline.replaceAll(`--process ${wanted}`, '').replaceAll(`--process=${wanted}`, '').includes(wanted)
  )
}

function noSuchProcess(running: readonly WhoisMatch[], { process }: TargetSelector): string {
  const there = running.flatMap((match) => match.processes)
  const list = there
    .slice(0, 5)
    .map(({ pid, comm, cmdline }) => `${commandName({ kind: 'process', node: '', comm, cmdline })} (pid ${pid})`)
  return `no process ${process}; there is: ${list.join(', ')}${there.length > 5 ? ', …' : ''}`
}

/** `shop/cart-0/app has ended with code 137 (OOMKilled)`. */
function describeEnd({ container, pod }: WhoisMatch): string {
  const name = [pod?.namespace, pod?.name, container?.name].filter(Boolean).join('/')
  if (!container) return `nothing runs in ${name}`
  if (container.state !== 'exited') return `${name} is ${container.state}, and has no process`
  const code = container.exitCode === undefined ? '' : ` with code ${container.exitCode}`
  return `${name} has ended${code}${container.reason ? ` (${container.reason})` : ''}`
}

/** Workers of one container that share a socket are one target, that of the busiest. */
function uniqueContainers(candidates: readonly TargetCandidate[]): TargetCandidate[] {
  const seen = new Map<string, TargetCandidate>()
  for (const each of candidates) {
    const key = each.target.containerId ?? `pid ${each.target.pid}`
    const known = seen.get(key)
    if (!known || known.cores < each.cores) seen.set(key, each)
  }
  return [...seen.values()]
}

/** In the order of the matches; what has no pod stands alone. */
function groupByPod(matches: readonly WhoisMatch[]): WhoisMatch[][] {
  const groups = new Map<string, WhoisMatch[]>()
  for (const match of matches) {
    const key = match.pod?.id ?? match.container?.id ?? `pid ${match.processes[0]?.pid}`
    const group = groups.get(key)
    if (group) group.push(match)
    else groups.set(key, [match])
  }
  return [...groups.values()]
}

/** Labels name pods, and so does everything else that means more than one of a pod's containers. */
function isPodNamed(query: Query | undefined, pod: Pod | undefined): boolean {
  return pod !== undefined && (query === undefined || meansPod(query, pod))
}

/** The folder in which all containers of a pod lie; undefined where a runtime puts them elsewhere. */
function podCgroup(group: readonly WhoisMatch[]): string | undefined {
  const folders = new Set(
    group.map(({ container, processes }) => {
      const inside = containerOfPath(container?.cgroup ?? processes[0]?.cgroup ?? '')
      return inside?.podUid ? dirname(inside.path) : undefined
    }),
  )
  return folders.size === 1 ? [...folders][0] : undefined
}
