// Whether the CPU of the target is what a rule asks for. Every "no" has its reason.
//
//   when: { above: 80%, risesBy: 40%, orAbove: 95% }
//
// holds at 80 % of what the target may use if that is 40 points more than in its quietest minute, and at 95 % however
// busy it always is.
import { z } from 'zod'
import { printShare } from '../lib/units.ts'
import { Share } from './rule-values.ts'

/** Shares of the limit of the target, else of its request, else of one core. */
export const CpuCondition = z
  .strictObject({
    above: Share.optional(),
    /** So much more than the target's own baseline. */
    risesBy: Share.optional(),
    /** Enough by itself. */
    orAbove: Share.optional(),
  })
  .superRefine(({ above, risesBy, orAbove }, context) => {
    if (above === undefined && risesBy === undefined) {
      context.addIssue({
        code: 'custom',
        message: 'expected "firing", or above or risesBy, for example { above: 80% }',
      })
    }
    if (above !== undefined && orAbove !== undefined && orAbove <= above) {
      const message = `${percent(orAbove)} is not more than above (${percent(above)}), so it can never matter`
      context.addIssue({ code: 'custom', path: ['orAbove'], message })
    }
  })
export type CpuCondition = z.infer<typeof CpuCondition>

/** CPU of a target now, in cores. */
export interface CpuNow {
  readonly cores: number
  /**
   * Of a spike by contention: the time that it was ready to run and got no CPU. It counts as use: on a full node a program
   * that would burn a core gets a third of one, and that is what the rule is to see.
   */
  readonly waitingCores?: number | undefined
  readonly limitCores?: number | undefined
  readonly requestCores?: number | undefined
  /** What is usual for it; absent for one that nobody has known for long. */
  readonly baselineCores?: number | undefined
}

/** What a share is of: the limit, else the request, else one core. */
export function measureOf({ limitCores, requestCores }: CpuNow): { cores: number; name: string } {
  if (limitCores !== undefined && limitCores > 0) return { cores: limitCores, name: 'limit' }
  if (requestCores !== undefined && requestCores > 0) return { cores: requestCores, name: 'request' }
  return { cores: 1, name: 'one core' }
}

/** @returns why the condition does not hold, or undefined when it does */
export function whyNotBusy(when: CpuCondition, now: CpuNow): string | undefined {
  const measure = measureOf(now)
  const { waitingCores = 0 } = now
  const waits = waitingCores > 0 ? ` and waits for ${printShare(waitingCores, measure.cores)}` : ''
  const uses = `it uses ${printShare(now.cores, measure.cores)} of its ${measure.name}${waits}`
  const wanted = now.cores + waitingCores
  const share = wanted / measure.cores
  if (when.orAbove !== undefined && share >= when.orAbove) return undefined
  const or = when.orAbove === undefined ? '' : `, orAbove ${percent(when.orAbove)}`
  if (when.above !== undefined && share < when.above) return `${uses}, above is ${percent(when.above)}${or}`
  if (when.risesBy === undefined) return undefined
  if (now.baselineCores === undefined) return `${uses}, and what is usual for it is not known yet (risesBy)${or}`
  if ((wanted - now.baselineCores) / measure.cores >= when.risesBy) return undefined
  const usual = printShare(now.baselineCores, measure.cores)
  return `${uses}, and ${usual} is usual for it; risesBy is ${percent(when.risesBy)}${or}`
}

/** `above 80 %, risesBy 40 %`. */
export function printCondition({ above, risesBy, orAbove }: CpuCondition): string {
  return Object.entries({ above, risesBy, orAbove })
    .flatMap(([name, share]) => (share === undefined ? [] : [`${name} ${percent(share)}`]))
    .join(', ')
}

const percent = (share: number): string =>
  printShare(share, 1).replace(/^100 %$/, `${Number((share * 100).toFixed(1))} %`)
