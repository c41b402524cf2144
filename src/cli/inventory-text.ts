// What runs on the nodes as people read it: one line per process, or everything known of one thing.
import type { InventoryAnswer } from '../api/shapes.ts'
import { printBytes, printShare } from '../lib/units.ts'
import type { InventoryRow, LiveUsage, ProcessInfo } from '../model/inventory.ts'
import { type Column, renderTable } from './output.ts'
import { printTime } from './print-time.ts'

const right = { align: 'right' as const }

/** A line per process, those in containers first. */
export function renderProcesses(rows: readonly InventoryRow[], isWide: boolean): string {
  const columns: Column[] = [
    { title: 'PID', ...right },
    { title: 'CPID', ...right },
    { title: 'CPU', ...right },
    { title: 'THREADS', ...right },
    { title: 'RUNTIME' },
    { title: 'CONTAINER' },
    { title: 'POD' },
    ...(isWide
      ? [{ title: 'NODE' }, { title: 'IP' }, { title: 'LIBC' }, { title: 'FRAME POINTERS' }, { title: 'IMAGE' }]
      : []),
    { title: 'COMMAND' },
  ]
  const lines = rows
    .toSorted(byPlace)
    .flatMap((row) =>
      row.processes.map((process) => [
        String(process.pid),
        String(process.containerPid),
        printCores(process.cores),
        String(process.threads),
        printRuntime(process),
        row.container?.name ?? (row.pod ? '' : (process.containerId?.slice(0, 12) ?? '')),
        podName(row),
        ...(isWide
          ? [
              row.node,
              row.pod?.ips[0] ?? '',
              process.libc ?? '',
              process.framePointers ?? '',
              row.container?.image ?? '',
            ]
          : []),
        clip(process.cmdline || `[${process.comm}]`, isWide ? 200 : 60),
      ]),
    )
  return renderTable(columns, lines)
}

/** Each pod with its containers and what runs in them; where it is one process, everything about that. */
export function renderWhois(rows: readonly InventoryRow[]): string {
  let lastPod: string | undefined
  const blocks: string[] = []
  for (const row of rows.toSorted(byPlace)) {
    const pod = row.pod && `${row.node}/${row.pod.id}`
    if (pod === undefined || pod !== lastPod) blocks.push(facts(placeFacts(row)).join('\n'))
    lastPod = pod
    const rest = renderContents(row)
    if (rest) blocks.push(pod === undefined ? rest : indent(rest))
  }
  return `${blocks.join('\n\n')}\n`
}

function placeFacts(row: InventoryRow): Fact[] {
  const { node, pod } = row
  if (!pod) return [['node', node]]
  return [
    ['pod', podName(row)],
    ['node', node],
    ['workload', pod.workload],
    ['ip', pod.ips.join(', ') + (pod.hostNetwork ? ' (network of the host)' : '')],
    ['pod uid', pod.uid],
    ['sandbox', pod.id],
    ['labels', pairs(pod.labels)],
    ['annotations', pairs(pod.annotations)],
  ]
}

function renderContents(row: InventoryRow): string {
  const { pod, container, usage, processes } = row
  const only = processes.length === 1 ? processes[0] : undefined
  const unnamed = only?.containerId && !pod ? `${only.containerId} (no runtime names it)` : undefined
  const lines = facts([
    ...(container
      ? ([
          ['container', container.name],
          ['id', container.id],
          ['image', container.image],
          ['state', printState(container)],
          ['restarts', container.attempt > 0 ? String(container.attempt) : undefined],
          ['cgroup', container.cgroup],
          ['memory', container.memoryLimitBytes ? `at most ${printBytes(container.memoryLimitBytes)}` : undefined],
        ] satisfies Fact[])
      : [['container', pod && only ? 'none: the process that holds the pod together' : unnamed] satisfies Fact]),
    ['cpu', usage && printUsage(usage, container?.cpuRequestCores)],
    ...(only ? processFacts(only, container === undefined) : []),
  ])
  if (only || processes.length === 0) return lines.join('\n')
  return [...lines, '', renderProcesses([row], false).trimEnd()].join('\n')
}

function processFacts(process: ProcessInfo, isWithCgroup: boolean): Fact[] {
  const { pid, containerPid, parent, threads, cores, cpuSeconds, build } = process
  return [
    ['pid', containerPid === pid ? String(pid) : `${pid} on the host, ${containerPid} in the container`],
    ['command', process.cmdline || `[${process.comm}]`],
    ['runtime', printRuntime(process) + (process.libc ? `, ${process.libc}` : '')],
    ['built from', build && pairs(build)],
    ['stacks', process.framePointers && `frame pointers ${process.framePointers}`],
    ['threads', String(threads)],
    [
      'used',
      `${cpuSeconds.toFixed(2)} s of CPU since it began${cores === undefined ? '' : `, now ${printCores(cores)}`}`,
    ],
    ['parent', String(parent)],
    ['cgroup', isWithCgroup ? process.cgroup : undefined],
  ]
}

/** Of nodes that said nothing, for stderr. */
export const describeSilent = ({ silent }: Pick<InventoryAnswer, 'silent'>): string[] =>
  silent.map(({ node, message }) => `${node}: ${message}`)

/** `0.31 of 0.5 cores; held back in 40 % of the periods by its limit; 12 % of the time it waited for a CPU`. */
function printUsage(usage: LiveUsage, requested: number | undefined): string {
  const { cores, limitCores, requestCores = requested, throttledShare = 0, waitingShare } = usage
  return [
    `${cores.toFixed(2)} ${limitCores === undefined ? '' : `of ${printNumber(limitCores)} `}cores`,
    requestCores === undefined ? '' : `requested ${printNumber(requestCores)}`,
    throttledShare > 0 ? `stopped by its limit in ${printShare(throttledShare, 1)} of the periods` : '',
    waitingShare ? `waited for a CPU ${printShare(waitingShare, 1)} of the time` : '',
  ]
    .filter(Boolean)
    .join('; ')
}

/** Of one core, as top(1) counts: two cores are 200 %. */
export const printCores = (cores: number | undefined): string =>
  cores === undefined ? '' : `${(cores * 100).toFixed(cores >= 0.1 || cores === 0 ? 0 : 1)} %`

export const printNumber = (value: number): string => String(Number(value.toFixed(3)))

const printRuntime = ({ runtime, version }: ProcessInfo): string =>
  runtime === 'unknown' ? '' : version ? `${runtime} ${version}` : runtime

const podName = ({ pod }: InventoryRow): string => (pod ? `${pod.namespace}/${pod.name}` : '')

function printState({
  state,
  startedMs,
  finishedMs,
  exitCode,
  reason,
}: NonNullable<InventoryRow['container']>): string {
  if (finishedMs !== undefined) {
    return `${state} at ${printTime(finishedMs)} with code ${exitCode}${reason ? `: ${reason}` : ''}`
  }
  return startedMs === undefined ? state : `${state} since ${printTime(startedMs)}`
}

/** Programs outside of containers last; else by namespace, pod and container. */
function byPlace(a: InventoryRow, b: InventoryRow): number {
  const key = (row: InventoryRow): string =>
    [row.pod || row.container ? '0' : '1', row.node, podName(row), row.container?.name ?? '~'].join('\0')
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
}

const pairs = (record: Readonly<Record<string, unknown>>): string | undefined => {
  const entries = Object.entries(record).filter(([, value]) => value !== undefined && value !== '')
  return entries.map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ')
}

type Fact = readonly [name: string, value: string | undefined]

/** `workload     deploy/cart`; facts without a value are left out. */
const facts = (rows: readonly Fact[]): string[] =>
  rows.flatMap(([name, value]) => (value ? [`${name.padEnd(12)} ${value}`] : []))

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ')

const clip = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text)
