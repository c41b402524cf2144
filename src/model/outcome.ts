// What becomes of a capture as a whole from what became of its probes.
import type { Capture, CaptureState, ProbeResult } from './capture.ts'
import { exitCodes, type FailureCode, failures } from './errors.ts'

/**
 * True for what is only added to what was asked for: the context of everything but itself, and what else is looked at
 * when the stacks of the ring were wanted. It may be missing without the capture being less than complete.
 */
export function isCompanion(kind: string, probe: string): boolean {
  if (kind === 'bundle') return false
  // Stacks by debug information are taken only where somebody asked for just these.
  return kind === 'cpu' ? probe !== 'ring' && probe !== 'perf-dwarf' : kind !== 'context' && probe === 'context'
}

const asked = (kind: string, probes: readonly ProbeResult[]): ProbeResult[] =>
  probes.filter(({ probe }) => !isCompanion(kind, probe))

/** What does not fit the target, or has nothing to show, takes nothing away from the rest. */
export function stateOf(kind: string, probes: readonly ProbeResult[]): { state: CaptureState; message?: string } {
  const results = asked(kind, probes)
  const worst =
    results.find(({ outcome }) => outcome === 'failed') ?? results.find(({ outcome }) => outcome === 'partial')
  const hasData = results.some(({ outcome }) => outcome === 'ok' || outcome === 'partial')
  if (hasData) return worst ? { state: 'partial', ...messageOf(worst) } : { state: 'complete' }
  return { state: 'failed', ...messageOf(worst ?? results[0]) }
}

const messageOf = (result: ProbeResult | undefined): { message?: string } =>
  result?.message === undefined ? {} : { message: result.message }

/** Exit code of the program for a capture that is over. */
export function exitOf({ kind, state, probes }: Pick<Capture, 'kind' | 'state' | 'probes'>): number {
  if (state === 'complete') return 0
  if (state === 'refused') return exitCodes.refused
  if (state === 'cancelled') return exitCodes.interrupted
  const results = asked(kind, probes)
  if (results.some(({ outcome }) => outcome === 'ok' || outcome === 'partial')) return exitCodes.partial
  const failed = results.find(({ outcome }) => outcome === 'failed')
  if (failed?.code !== undefined && failed.code in failures) return failures[failed.code as FailureCode].exit
  return failed || results.length === 0 ? exitCodes.partial : exitCodes.empty
}
