// What a capture of some kind means for a process: which probes, by what the process is. One table, so that nobody has
// to guess which engine will look, and none is swapped for a lesser one.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type CaptureKind,
  captureKinds,
  defaultForMs,
  kindsWithRing,
  type ProbeOptions,
  type ProbeResult,
} from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { printTarget, type Runtime, type Target } from '../model/target.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import { readProcess } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { look, processesOf } from './context-processes.ts'
import { annotatedPprof } from './go-pprof-annotations.ts'
import { isAnnotatedPlace, listensOn } from './go-pprof-find.ts'
import type { Probe } from './probe.ts'

/** Probes of a process by the name under which the table has them. */
export type ProbeSet = Readonly<Record<ProbeName, Probe>>
export type ProbeName =
  | 'goPprof'
  | 'jvmHeap'
  | 'jvmJfr'
  | 'jvmPerfmap'
  | 'jvmThreads'
  | 'nodeCpu'
  | 'nodeHeap'
  | 'perfMap'
  | 'pySpy'

type ByKind = Partial<Record<CaptureKind, readonly ProbeName[]>>
type ByRuntime = Readonly<Partial<Record<Runtime, ByKind>>>

/** Which probes of a process carry out which kind. Where a kind has no row the process has nothing of the sort. */
const table: ByRuntime = {
  go: {
    goroutines: ['goPprof'],
    heap: ['goPprof'],
    allocs: ['goPprof'],
    mutex: ['goPprof'],
    block: ['goPprof'],
    trace: ['goPprof'],
  },
  // perf has no names for what a JIT made or an interpreter runs, unless the program tells it or is asked itself.
  jvm: {
    cpu: ['jvmPerfmap'],
    threads: ['jvmThreads'],
    heap: ['jvmHeap'],
    allocs: ['jvmJfr'],
    mutex: ['jvmJfr'],
    block: ['jvmJfr'],
    trace: ['jvmJfr'],
  },
  node: { cpu: ['nodeCpu'], heap: ['nodeHeap'], allocs: ['nodeHeap'] },
  python: { cpu: ['pySpy', 'perfMap'], threads: ['pySpy'] },
}

/** Whose own probes carry out a kind; `runtimesOfKind` tells the rules the same. */
export const runtimesWith = (kind: CaptureKind): Runtime[] =>
  (Object.keys(table) as Runtime[]).filter((runtime) => table[runtime]?.[kind])

/** What a bundle asks of each: all that neither stops the process for long nor writes out its memory. */
const bundle: ByRuntime = {
  go: { cpu: ['goPprof'], goroutines: ['goPprof'], heap: ['goPprof'], mutex: ['goPprof'], block: ['goPprof'] },
  jvm: { threads: ['jvmThreads'], cpu: ['jvmPerfmap', 'jvmJfr'] },
  node: { cpu: ['nodeCpu'] },
  python: { threads: ['pySpy'], cpu: ['pySpy', 'perfMap'] },
}

/** A program of any language that serves pprof, as its owner says, has what Go has; its CPU is asked for only by its port. */
const ofPprof = (kind: CaptureKind, isPortNamed: boolean): ByKind => {
  if (kind === 'bundle') return bundle.go ?? {}
  if (kind === 'cpu' && isPortNamed) return { cpu: ['goPprof'] }
  return rowOf(kind, table.go)
}

/** What a spike gets by itself, besides the stacks of the ring and the context: what costs next to nothing. */
const automatic: ByRuntime = { jvm: { threads: ['jvmThreads'] } }

/** Dumps are taken of several processes of a container at once; what records for a while, of the busiest alone. */
const ofSeveral: readonly CaptureKind[] = ['threads', 'goroutines']
/** Enough for a container with a wrapper and a worker or two; DESIGN: at most 2 deep captures on a node, 10 when set. */
const mostProcesses = 4
/** CPU counts in ticks of 10 ms: this long tells a busy process from an idle one. */
const rankWindowMs = 200

export interface PlanRequest {
  readonly kind: CaptureKind
  readonly target: Target
  /** True when nobody asked: a spike was noticed. */
  readonly isAutomatic: boolean
  /** True when nothing may attach now: the node's share of deep looks is used up. */
  readonly onlyContext: boolean
  readonly forMs: number
  readonly options?: ProbeOptions
}

export interface Step {
  readonly probe: Probe
  readonly kind: CaptureKind
  readonly durationMs: number
  readonly target: Target
  /** Set where the capture is of more than this process. */
  readonly of?: string
  /** It was not asked for by its name, as part of a bundle. */
  readonly isPart?: boolean
}

export interface Plan {
  readonly hasRing: boolean
  /** The context comes first; all of them start together. */
  readonly steps: readonly Step[]
  /** Known without a look: what does not fit, and why. */
  readonly settled: readonly ProbeResult[]
  readonly notes: readonly string[]
}

export interface PlanOptions {
  readonly context: Probe
  readonly probes: ProbeSet
  /** In place of a program's own probe, for who wants stacks by debug information. */
  readonly dwarf: Probe
  readonly cgroups: CgroupView
  /** Annotations of the pod that a process is in. */
  readonly annotationsOf?: (target: Target) => Readonly<Record<string, string>> | undefined
  readonly proc?: string
}

interface Candidate {
  readonly target: Target
  readonly runtime: Runtime
  readonly cpuSeconds: number
}

/** @throws Failure TARGET_GONE */
export async function makePlan(request: PlanRequest, options: PlanOptions): Promise<Plan> {
  const { kind, target, forMs } = request
  const context: Step = { probe: options.context, kind: 'context', durationMs: defaultForMs.context, target }
  const hasRing = kindsWithRing.includes(kind)
  const plan = { hasRing, steps: [context], settled: [], notes: [] }
  if (kind === 'context' || request.onlyContext) return plan
  if (kind === 'cpu' && request.options?.stacks === 'dwarf') {
    if (target.kind !== 'node') {
      return { ...plan, steps: [context, { probe: options.dwarf, kind, durationMs: forMs, target }] }
    }
    const message = '--stacks dwarf copies 1.6 MB a second for each busy CPU: it is for one pod, container or process'
    return { ...plan, settled: [{ probe: options.dwarf.name, outcome: 'skipped', message }] }
  }
  if (target.kind === 'node') {
    const message = `${kind} is taken of a process or a container, and a whole node was asked for`
    return hasRing ? plan : { ...plan, settled: [{ probe: kind, outcome: 'skipped', message }] }
  }
  const { pids, left: unseen } = await chooseBusiest(pidsOf(target, options), options.proc)
  const candidates = findCandidates(target, pids, options)
  const considered =
    unseen > 0 ? [`of ${unseen + pids.length} processes only the ${pids.length} busiest were considered`] : []
  const named = withNamedPprof(candidates, request, options)
  const usesOf = (candidate: Candidate): [CaptureKind, readonly ProbeName[]][] => {
    const { runtime } = candidate
    if (request.isAutomatic) return entriesOf(automatic[runtime])
    const own = kind === 'bundle' ? bundle[runtime] : rowOf(kind, table[runtime])
    if (!named.has(candidate)) return entriesOf(own)
    const pprof = ofPprof(kind, request.options?.pprofPort !== undefined)
    // CPU is recorded by perf too, which has need of the names that the program itself can tell.
    const cpu = [...new Set([...(pprof.cpu ?? []), ...(own?.cpu ?? [])])]
    return entriesOf({ ...own, ...pprof, ...(cpu.length > 0 ? { cpu } : {}) })
  }
  const able = candidates.filter((each) => usesOf(each).length > 0)
  const meant = able.filter((each) => named.has(each))
  const fitting = request.options?.pprofPort !== undefined && meant.length > 0 ? meant : able
  if (fitting.length === 0) {
    const message = [whyNone(kind, target, candidates), ...considered].join('; ')
    return hasRing ? plan : { ...plan, settled: [{ probe: kind, outcome: 'skipped', message }] }
  }
  const ranked = fitting.length === 1 ? fitting : await busiestFirst(fitting, options.proc)
  const most = ofSeveral.includes(kind) ? mostProcesses : 1
  const isOneOfSeveral = candidates.length > 1 || target.kind === 'container'
  const steps = ranked.slice(0, most).flatMap((candidate) =>
    usesOf(candidate).flatMap(([each, names]) =>
      names.map(
        (name): Step => ({
          probe: options.probes[name],
          kind: each,
          durationMs: each === kind || each === 'cpu' ? forMs : Math.min(forMs, defaultForMs[each]),
          target: candidate.target,
          ...(each === kind ? {} : { isPart: true }),
          ...(isOneOfSeveral ? { of: printProcess(candidate.target) } : {}),
        }),
      ),
    ),
  )
  const left = ranked.slice(most).map((candidate) => printProcess(candidate.target))
  const notes = left.length > 0 ? [`not looked at: ${left.join(', ')}; name one with --process`] : []
  return { ...plan, steps: [context, ...steps], notes: [...notes, ...considered] }
}

const rowOf = (kind: CaptureKind, row: ByKind | undefined): ByKind => {
  const names = row?.[kind]
  return names ? { [kind]: names } : {}
}

/** Those whose pprof was named by its port: of several processes the one that listens there. */
function withNamedPprof(
  candidates: readonly Candidate[],
  { options = {}, isAutomatic }: PlanRequest,
  { annotationsOf }: PlanOptions,
): ReadonlySet<Candidate> {
  if (isAutomatic) return new Set()
  const { pprofPort } = options
  const serves = ({ target }: Candidate): boolean => {
    const pid = target.pid as number
    if (pprofPort !== undefined) return listensOn(pid, pprofPort)
    return isAnnotatedPlace(pid, annotatedPprof(annotationsOf?.(target) ?? {}))
  }
  const found = candidates.filter(serves)
  // Nobody listens on what was named: the probe says so, and on what they do listen.
  return new Set(found.length === 0 && pprofPort !== undefined ? candidates : found)
}

const entriesOf = (row: ByKind | undefined): [CaptureKind, readonly ProbeName[]][] =>
  Object.entries(row ?? {}) as [CaptureKind, readonly ProbeName[]][]

/** Of every process of the target; one that is a process means that one and not its children. */
const pidsOf = (target: Target, { cgroups, proc }: PlanOptions): readonly number[] =>
  target.kind === 'process' && target.pid !== undefined ? [target.pid] : processesOf(target, cgroups, proc).pids

/** To see what one is takes up to a millisecond, in which the agent does nothing else; a fork bomb has ten thousands. */
const mostCandidates = 200

/** Those that use CPU now, then those that have used most, where there are too many to look at each. */
export async function chooseBusiest(
  pids: readonly number[],
  proc = '/proc',
): Promise<{ readonly pids: readonly number[]; readonly left: number }> {
  if (pids.length <= mostCandidates) return { pids, left: 0 }
  const before = look(pids, false, 0, proc).processes
  await sleep(rankWindowMs)
  const ticks = (task: { userTicks: number; systemTicks: number } | undefined): number =>
    task ? task.userTicks + task.systemTicks : 0
  const now = [...look(pids, false, 0, proc).processes.values()].map((task) => {
    const used = ticks(task)
    return { pid: task.pid, used, since: used - ticks(before.get(task.pid)) }
  })
  const chosen = now.sort((a, b) => b.since - a.since || b.used - a.used).slice(0, mostCandidates)
  return { pids: chosen.map(({ pid }) => pid), left: pids.length - chosen.length }
}

/** What each of them is. @throws Failure TARGET_GONE */
function findCandidates(
  target: Target,
  pids: readonly number[],
  { cgroups, proc = '/proc' }: PlanOptions,
): Candidate[] {
  const candidates: Candidate[] = []
  for (const pid of pids) {
    const process = readProcess(pid, { proc, absolute: cgroups.absolute })
    if (!process || (target.pid === pid && (target.startTicks ?? process.startTicks) !== process.startTicks)) continue
    const { startTicks, comm, cmdline, cgroup, containerId, cpuSeconds } = process
    const { runtime } = detectRuntime(pid, proc)
    const { exe: _, ...place } = target
    candidates.push({
      target: {
        ...place,
        kind: 'process',
        pid,
        startTicks,
        comm,
        cmdline,
        cgroup,
        runtime,
        ...(containerId ? { containerId } : {}),
      },
      runtime,
      cpuSeconds,
    })
  }
  if (candidates.length === 0)
    throw new Failure('TARGET_GONE', `no process of ${printTarget(target)} is there any more`)
  return candidates
}

/** By the CPU that each uses now; what it used in all its life says little of that. */
async function busiestFirst(candidates: readonly Candidate[], proc = '/proc'): Promise<Candidate[]> {
  await sleep(rankWindowMs)
  const used = new Map(
    candidates.map((each) => [
      each,
      (readProcess(each.target.pid as number, { proc })?.cpuSeconds ?? 0) - each.cpuSeconds,
    ]),
  )
  return [...candidates].sort((a, b) => (used.get(b) ?? 0) - (used.get(a) ?? 0) || b.cpuSeconds - a.cpuSeconds)
}

function whyNone(kind: CaptureKind, target: Target, candidates: readonly Candidate[]): string {
  const found = [...new Set(candidates.map(({ runtime }) => runtime))]
    .map((runtime) => runtimeNames[runtime])
    .join(', ')
  const fits = runtimesWith(kind)
  const takes = fits.length > 0 ? `; it is taken of ${fits.map((runtime) => runtimeNames[runtime]).join(', ')}` : ''
  const kinds = captureKinds.filter((each) => candidates.some(({ runtime }) => table[runtime]?.[each]))
  const instead = `; of this one there is: ${[...new Set<string>(['cpu', ...kinds, 'context'])].join(', ')}`
  const [only] = candidates
  const who = target.kind === 'process' && only ? printProcess(only.target) : printTarget(target)
  const hint = candidates.map(({ runtime }) => nearest[kind]?.[runtime] ?? nearest[kind]?.native).find(Boolean)
  const nearby = hint ? `. ${hint}` : ''
  return `${who} is ${found}, which has no ${kind} that can be looked at from outside${takes}${instead}${nearby}`
}

const ifItServesPprof = 'If it serves pprof all the same, name its port with --pprof-port'
const threadsAreInContext =
  'Which of its threads used CPU is in the context of this capture, and their stacks are in cpu'
/** What comes nearest to a kind that is not there; it is taken when it is asked for and not in the other's place. */
const nearest: Partial<Record<CaptureKind, Partial<Record<Runtime, string>>>> = {
  threads: {
    go: `Go has goroutines in their place: capture goroutines. ${threadsAreInContext}`,
    native: threadsAreInContext,
  },
  heap: { native: ifItServesPprof },
  allocs: { native: ifItServesPprof },
  mutex: { native: ifItServesPprof },
  block: { native: ifItServesPprof },
  goroutines: {
    jvm: 'A JVM has threads in their place: capture threads',
    python: 'Python has threads in their place: capture threads',
  },
}

const runtimeNames: Readonly<Record<Runtime, string>> = {
  go: 'Go',
  jvm: 'a JVM',
  node: 'Node',
  python: 'Python',
  native: 'a native program',
  unknown: 'of an unknown kind',
}

/** The process itself, also where its container has a name. */
function printProcess({ node, pid, cmdline, comm, exe }: Target): string {
  return printTarget({
    kind: 'process',
    node,
    ...(pid === undefined ? {} : { pid }),
    ...(cmdline ? { cmdline } : {}),
    ...(comm ? { comm } : {}),
    ...(exe ? { exe } : {}),
  })
}
