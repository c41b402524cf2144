// Which columns of values the events of a recording become, and what one sample adds to them.
import type { Profile, ValueType } from '../profile.ts'
import type { PerfEvent } from './events.ts'

/** perf_event.h: PERF_TYPE_*, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_SW_CPU_CLOCK, PERF_COUNT_SW_TASK_CLOCK. */
const isClock = ({ attr }: PerfEvent): boolean => attr.type === 1 && (attr.config === 0 || attr.config === 1)
const isCycles = ({ attr }: PerfEvent): boolean => attr.type === 0 && attr.config === 0

/** How the period of an event's samples becomes values: nanoseconds per unit of period, or per sample. */
export interface EventColumn {
  /** Column of the event's own unit; 1 is cpu/nanoseconds where it exists. */
  readonly value: number
  readonly perPeriod: number
  readonly perSample: number
  /** Whether it counts as a sample of CPU time. */
  readonly counts: boolean
}

export function columnsOf(events: readonly PerfEvent[]): { sampleTypes: ValueType[]; columns: EventColumn[] } {
  const measuresCpu = (event: PerfEvent): boolean => isClock(event) || (isCycles(event) && event.attr.isFrequency)
  const hasCpu = events.some(measuresCpu)
  const sampleTypes: ValueType[] = [{ type: 'samples', unit: 'count' }]
  if (hasCpu) sampleTypes.push({ type: 'cpu', unit: 'nanoseconds' })
  const columns = events.map((event): EventColumn => {
    const hz = event.attr.periodOrFrequency
    if (isClock(event)) return { value: 1, perPeriod: 1, perSample: 0, counts: true }
    // The kernel moves the number of cycles so that samples come at the asked rate: each stands for 1/rate seconds.
    if (measuresCpu(event)) return { value: 1, perPeriod: 0, perSample: hz > 0 ? 1e9 / hz : 0, counts: true }
    const name = event.name.replace(/:[a-zA-Z]+$/, '')
    let value = sampleTypes.findIndex((one) => one.type === name)
    if (value < 0 && isDummy(event)) value = 0
    else if (value < 0) value = sampleTypes.push({ type: name, unit: 'count' }) - 1
    return { value, perPeriod: 1, perSample: 0, counts: !hasCpu }
  })
  return { sampleTypes, columns }
}

/** Opened by perf for side-band records only; never sampled. */
export const isDummy = ({ attr }: PerfEvent): boolean => attr.type === 1 && attr.config === 9

export function periodOf(events: readonly PerfEvent[]): Pick<Profile, 'periodType' | 'period'> {
  const event = events[0]
  if (!event) return { periodType: undefined, period: 0n }
  const { isFrequency, periodOrFrequency: value } = event.attr
  if (isFrequency) {
    return { periodType: { type: 'cpu', unit: 'nanoseconds' }, period: BigInt(value > 0 ? Math.round(1e9 / value) : 0) }
  }
  const periodType = isClock(event) ? { type: 'cpu', unit: 'nanoseconds' } : { type: event.name, unit: 'count' }
  return { periodType, period: BigInt(Math.round(Math.max(0, value))) }
}
