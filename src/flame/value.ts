// Values of a profile as people read them: `1.24 s`, `38 ms`, `12 samples`, `4.1 MB`.
import { printBytes } from '../lib/units.ts'

const perSecond: Record<string, number> = { nanoseconds: 1e9, microseconds: 1e6, milliseconds: 1e3, seconds: 1 }

/** True for units of time. */
export const isTime = (unit: string): boolean => unit in perSecond

/** Seconds in a value of a time unit; undefined for counts and bytes. */
export function toSeconds(value: number, unit: string): number | undefined {
  const divisor = perSecond[unit]
  return divisor === undefined ? undefined : value / divisor
}

/** @param unit as in pprof: nanoseconds, count, bytes, objects, … */
export function printValue(value: number, unit: string): string {
  const seconds = toSeconds(value, unit)
  if (seconds !== undefined) return printSeconds(seconds)
  if (unit === 'bytes') return printBytes(value)
  const whole = printNumber(Number(value.toFixed(value < 10 ? 1 : 0)))
  return unit === 'count' || unit === '' ? whole : `${whole} ${unit}`
}

function printSeconds(seconds: number): string {
  const size = Math.abs(seconds)
  if (size === 0) return '0 s'
  if (size < 1e-6) return `${Math.round(seconds * 1e9)} ns`
  if (size < 0.001) return `${Math.round(seconds * 1e6)} µs`
  if (size < 1) return `${digits(seconds * 1000)} ms`
  if (size < 1000) return `${digits(seconds)} s`
  return `${printNumber(Math.round(seconds))} s`
}

/** `12 345`: thousands set apart by a thin no-break space, which no language reads as a decimal point. */
export const printNumber = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f')

/** Three digits that matter. */
const digits = (value: number): string => String(Number(value.toPrecision(3)))

/** Cores (1 = one core fully busy): `1.02 cores`, `0.03 cores`, `<0.01 cores`. */
export function printCores(cores: number): string {
  if (cores > 0 && cores < 0.005) return '<0.01 cores'
  const shown = cores === 0 ? '0' : cores.toFixed(cores >= 10 ? 1 : 2)
  return `${shown} ${Number(shown) === 1 ? 'core' : 'cores'}`
}

/** How many times as much: `40×`, `2.4×`, `>100×`; `new` when there was nothing, `gone` when there is nothing. */
export function printRatio(during: number, before: number): string {
  if (before <= 0) return during > 0 ? 'new' : '–'
  if (during <= 0) return 'gone'
  const ratio = during / before
  // Beyond that the baseline is next to nothing, and its exact size is chance.
  if (ratio > 100) return '>100×'
  return `${ratio >= 10 ? Math.round(ratio) : Number(ratio.toPrecision(2))}×`
}
