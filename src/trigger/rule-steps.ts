// Which steps of a rule are begun for one target, and why the others are not: what its language does not have, what the
// guards of the rule forbid as things are, and for a spike what the agent has captured by itself.
//
//   guards: { nodeMemoryFree: 10%, nodeCpuBelow: 95%, heapUpTo: 4GiB }
import { z } from 'zod'
import { printBytes, printShare } from '../lib/units.ts'
import { type CaptureKind, runtimesOfKind } from '../model/capture.ts'
import type { Vitals } from '../model/inventory.ts'
import { Bytes, Share, type Step } from './rule-values.ts'

/** Besides the guards that always hold (docs/probes.md). The context is looked at in any case: it costs nothing. */
export const Guards = z.strictObject({
  /** Of the node's memory at least so much has to be available. */
  nodeMemoryFree: Share.optional(),
  /** Not while the node as a whole is busier. */
  nodeCpuBelow: Share.optional(),
  /** Heap dumps only of programs with no more private memory than this. */
  heapUpTo: Bytes.optional(),
})
export type Guards = z.infer<typeof Guards>

export interface LeftOut {
  readonly kind: CaptureKind
  readonly why: string
  /** The guard of the rule that forbids it; absent where it does not fit at all. */
  readonly guard?: keyof Guards
}

export interface StepPlan {
  readonly steps: readonly Step[]
  readonly left: readonly LeftOut[]
}

export interface StepRule {
  readonly do: readonly Step[]
  readonly guards: Guards
}

/** Whether the plan depends on how the target and its node are. */
export function needsVitals({ do: steps, guards }: StepRule): boolean {
  return steps.some(({ kind }) => runtimesOfKind[kind]) || Object.values(guards).some((each) => each !== undefined)
}

/** @param vitals absent where they could not be had: then guards forbid, and nobody knows what does not fit */
export function planSteps(rule: StepRule, vitals: Vitals | undefined, source: 'alert' | 'spike'): StepPlan {
  const steps: Step[] = []
  const left: LeftOut[] = []
  for (const step of rule.do) {
    const out = whyLeftOut(step.kind, { guards: rule.guards, vitals, source })
    if (out) left.push({ kind: step.kind, ...out })
    else steps.push(step)
  }
  return { steps, left }
}

interface Situation {
  readonly guards: Guards
  readonly vitals: Vitals | undefined
  readonly source: 'alert' | 'spike'
}

function whyLeftOut(kind: CaptureKind, { guards, vitals, source }: Situation): Omit<LeftOut, 'kind'> | undefined {
  if (kind === 'context')
    return source === 'spike' ? { why: 'the capture that the agent takes itself has it' } : undefined
  const fits = runtimesOfKind[kind]
  const found = vitals?.runtimes ?? []
  // An annotated endpoint is asked as that of a Go program is (docs/probes.md), except for what only Go has.
  const isServed = vitals?.hasPprof === true && kind !== 'goroutines' && fits?.includes('go') === true
  if (fits && !isServed && found.length > 0 && !found.some((runtime) => fits.includes(runtime))) {
    return { why: `it is of ${fits.join(', ')}, and this is ${found.join(', ')}` }
  }
  if (source === 'spike' && kind === 'threads' && found.length > 0 && found.every((runtime) => runtime === 'jvm')) {
    return { why: 'of a JVM the capture that the agent takes itself has them' }
  }
  const { nodeMemoryFree, nodeCpuBelow, heapUpTo } = guards
  const unknown = 'it is not known, because the node did not say'
  if (nodeMemoryFree !== undefined) {
    const free = vitals?.node.memoryAvailableShare
    const why = free === undefined ? unknown : `${printShare(free, 1)} is available`
    if (free === undefined || free < nodeMemoryFree) {
      return {
        guard: 'nodeMemoryFree',
        why: `${printShare(nodeMemoryFree, 1)} of the node's memory has to be free: ${why}`,
      }
    }
  }
  if (nodeCpuBelow !== undefined) {
    const busy = vitals && vitals.node.cores / vitals.node.cpus
    const why = busy === undefined ? unknown : `it is ${printShare(busy, 1)} busy`
    if (busy === undefined || busy >= nodeCpuBelow) {
      return { guard: 'nodeCpuBelow', why: `the node has to be less than ${printShare(nodeCpuBelow, 1)} busy: ${why}` }
    }
  }
  if (heapUpTo !== undefined && kind === 'heap') {
    const bytes = vitals?.memoryBytes
    const why = bytes === undefined ? unknown : `it has ${printBytes(bytes)}`
    if (bytes === undefined || bytes > heapUpTo) {
      return { guard: 'heapUpTo', why: `only up to ${printBytes(heapUpTo)} of memory: ${why}` }
    }
  }
  return undefined
}

/** `nodeCpuBelow 95 %, heapUpTo 4.0 GB`; empty where there is none. */
export function printGuards({ nodeMemoryFree, nodeCpuBelow, heapUpTo }: Guards): string {
  const share = (name: string, value: number | undefined) =>
    value === undefined ? [] : [`${name} ${printShare(value, 1)}`]
  const heap = heapUpTo === undefined ? [] : [`heapUpTo ${printBytes(heapUpTo)}`]
  return [...share('nodeMemoryFree', nodeMemoryFree), ...share('nodeCpuBelow', nodeCpuBelow), ...heap].join(', ')
}

/** `context, cpu; without threads: it is of jvm, python, and this is native`. */
export function printPlan({ steps, left }: StepPlan): string {
  const without = left.map(({ kind, why }) => `without ${kind}: ${why}`)
  return [steps.map(({ kind }) => kind).join(', '), ...without].filter((part) => part !== '').join('; ')
}
