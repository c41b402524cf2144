// The context of a target in a few lines that people read: what held it back, what it holds, how its node does.
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import type { ContextCgroup, ContextNode, Pressure, Pressures, TargetContext } from './context.ts'

export interface ContextFact {
  readonly name: string
  readonly text: string
  /** It explains trouble: throttled, out of memory, waiting. */
  readonly isBad: boolean
}

/** A container that is stopped in more than a twentieth of its periods is felt by who waits for it. */
const badThrottledShare = 0.05
/** Above this the kernel begins to reclaim what is in use. */
const badMemoryShare = 0.9
const badPressure = 0.1
const badFilesShare = 0.8

export function contextFacts(context: TargetContext): ContextFact[] {
  const facts: ContextFact[] = []
  const add = (name: string, text: string | undefined, isBad = false): void => {
    if (text) facts.push({ name, text, isBad })
  }
  const { cgroup, processes, processCount, threadCount, sockets, node, scope } = context
  const [busiest] = processes
  if (scope === 'process' && busiest)
    add('CPU', `${printCores(busiest.cores)}, ${printBytes(busiest.rssBytes)} resident`)
  // A process outside of containers shares its cgroup with others.
  const of = scope === 'process' ? 'cgroup ' : ''
  if (cgroup?.cpu)
    add(
      `${of}CPU`,
      printCpu(cgroup.cpu),
      cgroup.cpu.limitCores !== undefined && cgroup.cpu.cores >= cgroup.cpu.limitCores * 0.95,
    )
  if (cgroup?.cpu && cgroup.cpu.periods > 0) {
    const { periods, throttledPeriods, throttledSeconds } = cgroup.cpu
    const share = printShare(throttledPeriods, periods)
    const text =
      throttledPeriods === 0
        ? 'no'
        : `in ${share} of its periods, ${printDurationMs(throttledSeconds * 1000)} of CPU time`
    add(`${of}throttled`, text, throttledPeriods / periods > badThrottledShare)
  }
  if (cgroup?.memory) add(`${of}memory`, ...printMemory(cgroup.memory))
  add(`${of}waiting`, ...printPressures(cgroup?.pressure ?? {}))
  if (scope !== 'node') add('processes', `${processCount} with ${threadCount} thread${threadCount === 1 ? '' : 's'}`)
  const files = processes.find(
    ({ openFiles, openFilesLimit }) => openFiles !== undefined && openFilesLimit !== undefined,
  )
  if (scope !== 'node' && files?.openFiles !== undefined && files.openFilesLimit !== undefined) {
    const { openFiles, openFilesLimit } = files
    add('open files', `${openFiles} of ${openFilesLimit}`, openFiles > openFilesLimit * badFilesShare)
  }
  if (sockets) {
    const { listening, tcp, udp } = sockets
    const ports = listening.map(
      ({ port, backlog }) => `${port}${backlog > 0 ? ` (${backlog} wait to be accepted)` : ''}`,
    )
    const states = Object.entries(tcp).map(([state, count]) => `${count} ${state}`)
    const parts = [
      ports.length > 0 && `listens on ${[...new Set(ports)].join(', ')}`,
      ...states,
      udp > 0 && `${udp} UDP`,
    ]
    add(
      'sockets',
      parts.filter(Boolean).join('; '),
      listening.some(({ backlog }) => backlog > 0),
    )
  }
  add('node', printNode(node), node.busyCores > node.cpus * 0.95)
  add('node waits', ...printPressures(node.pressure))
  for (const note of context.notes) add('note', note)
  return facts
}

export const printCores = (cores: number): string =>
  `${cores.toFixed(cores < 0.1 ? 3 : 2)} core${cores === 1 ? '' : 's'}`

function printCpu({ cores, limitCores, requestCores }: NonNullable<ContextCgroup['cpu']>): string {
  const limit = limitCores === undefined ? 'no limit' : `limit ${printCores(limitCores)}`
  return `${printCores(cores)}, ${limit}${requestCores === undefined ? '' : `, request ${printCores(requestCores)}`}`
}

function printMemory(memory: NonNullable<ContextCgroup['memory']>): [string, boolean] {
  const { usageBytes, workingSetBytes, limitBytes, limitHits = 0, oomKills = 0 } = memory
  const of =
    limitBytes === undefined ? '' : ` of ${printBytes(limitBytes)} (${printShare(workingSetBytes, limitBytes)})`
  const cache = usageBytes > workingSetBytes ? `, ${printBytes(usageBytes - workingSetBytes)} more of cache` : ''
  const hits = limitHits > 0 ? `; hit its limit ${limitHits} time${limitHits === 1 ? '' : 's'}` : ''
  const kills = oomKills > 0 ? `; ${oomKills} killed for it` : ''
  const isBad = oomKills > 0 || (limitBytes !== undefined && workingSetBytes > limitBytes * badMemoryShare)
  return [`${printBytes(workingSetBytes)}${of}${cache}${hits}${kills}`, isBad]
}

/** `for CPU 12 %, for memory 0.4 % of the last 10 s`; what nobody waited for is left out. */
function printPressures(pressures: Pressures): [string | undefined, boolean] {
  const named: [string, Pressure | undefined][] = [
    ['CPU', pressures.cpu],
    ['memory', pressures.memory],
    ['disk', pressures.io],
  ]
  const waits = named.filter(([, pressure]) => (pressure?.some10s ?? 0) >= 0.001)
  if (waits.length === 0) return [undefined, false]
  const parts = waits.map(([name, pressure]) => `for ${name} ${printShare(pressure?.some10s ?? 0, 1)}`)
  return [`${parts.join(', ')} of the last 10 s`, waits.some(([, pressure]) => (pressure?.some10s ?? 0) > badPressure)]
}

function printNode({ busyCores, cpus, load, memoryBytes, memoryAvailableBytes }: ContextNode): string {
  const memory = `${printBytes(memoryAvailableBytes)} of ${printBytes(memoryBytes)} memory available`
  return `${busyCores.toFixed(2)} of ${cpus} CPUs busy, load ${load.join(' ')}, ${memory}`
}
