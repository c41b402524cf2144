// Carries out the plan of a capture: all probes at once, the context first, each with a deadline, none of them able to
// hold up or spoil the others.

import { createContextProbe } from '../capture/context.ts'
import { makePlan, type Plan, type PlanOptions, type ProbeSet, type Step } from '../capture/plan.ts'
import { type Finding, type Probe, runProbe } from '../capture/probe.ts'
import { type CaptureKind, isCaptureKind, type ProbeOptions, type ProbeResult } from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import type { CgroupView } from '../target/cgroup-view.ts'

export interface ProbeOrder {
  readonly kind: string
  readonly target: Target
  readonly isAutomatic: boolean
  /** True when the node's share of deep looks is used up. */
  readonly onlyContext: boolean
  readonly forMs: number
  readonly options: ProbeOptions
}

export interface Ran {
  readonly result: ProbeResult
  /** Of the process that was looked at; absent for the context, which is of all of them. */
  readonly pid?: number
  readonly findings: readonly Finding[]
}

export interface Probes {
  /** @throws Failure when there is nobody to look at, or nothing to do it with */
  plan(order: ProbeOrder): Promise<Plan>
  /** Never rejects. @param signal aborted: end now and keep what there is */
  run(plan: Plan, options: ProbeOptions, signal: AbortSignal): Promise<Ran[]>
}

/** After its time a probe is told to end; dumps of large programs are still on their way then. */
const graceMs = 30_000
/** One that does not end when it is told to is left behind. */
const abandonAfterMs = 5000

export interface ProbesOptions {
  readonly probes: ProbeSet
  readonly dwarf: Probe
  readonly cgroups: CgroupView
  readonly annotationsOf?: PlanOptions['annotationsOf']
  readonly nowMs: () => number
}

export function createProbes({ probes, dwarf, cgroups, annotationsOf, nowMs }: ProbesOptions): Probes {
  const context = createContextProbe({ cgroups, nowMs })
  const planOptions: PlanOptions = { context, probes, dwarf, cgroups, ...(annotationsOf ? { annotationsOf } : {}) }
  return {
    plan: ({ kind, ...order }) => makePlan({ ...order, kind: requireKind(kind) }, planOptions),
    run: async ({ steps, settled, notes }, options, signal) => {
      // Map starts them in order, and a probe runs until it first waits: the context has looked before others attach.
      const ran = await Promise.all(steps.map((step) => runStep(step, { options, signal, nowMs })))
      const [context, ...others] = ran
      const told = others.map(({ result, ...rest }) => ({ ...rest, result: withNotes(result, notes) }))
      return [...(context ? [context] : []), ...told, ...settled.map((result) => ({ result, findings: [] }))]
    },
  }
}

/** @throws Failure PROTOCOL */
function requireKind(kind: string): CaptureKind {
  if (isCaptureKind(kind)) return kind
  throw new Failure('PROTOCOL', `this agent knows no capture of "${kind}"`)
}

interface StepOptions {
  readonly options: ProbeOptions
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

async function runStep(
  { probe, kind, target, durationMs, of, isPart }: Step,
  { options, signal, nowMs }: StepOptions,
): Promise<Ran> {
  const startedMs = nowMs()
  const deadline = new AbortController()
  const limitMs = durationMs + graceMs
  const timers: NodeJS.Timeout[] = [setTimeout(() => deadline.abort(), limitMs)]
  const late = new Promise<Ran>((resolve) => {
    const failure = new Failure('TIMEOUT', `${probe.name} did not end within ${Math.round(limitMs / 1000)} s`)
    const { code, message } = failure
    deadline.signal.addEventListener('abort', () => {
      const giveUp = (): void =>
        resolve({
          result: { probe: probe.name, outcome: 'failed', code, message, startedMs, endedMs: nowMs() },
          findings: [],
        })
      timers.push(setTimeout(giveUp, abandonAfterMs))
    })
  })
  const request = { target, kind, durationMs, options, signal: AbortSignal.any([signal, deadline.signal]) }
  const { result, findings } = await Promise.race([runProbe(probe, request, nowMs), late])
  for (const timer of timers) clearTimeout(timer)
  const pid = kind === 'context' ? undefined : target.pid
  return {
    result: { ...result, ...(of ? { of } : {}), ...(isPart ? { kind } : {}) },
    findings,
    ...(pid === undefined ? {} : { pid }),
  }
}

function withNotes(result: ProbeResult, notes: readonly string[]): ProbeResult {
  return notes.length === 0 ? result : { ...result, message: [result.message, ...notes].filter(Boolean).join('; ') }
}

/** What is said of a plan that could not be made. */
export function unplanned(kind: string, error: unknown, nowMs: number): Ran {
  const { code, message } = asFailure(error)
  return { result: { probe: kind, outcome: 'failed', code, message, startedMs: nowMs, endedMs: nowMs }, findings: [] }
}
