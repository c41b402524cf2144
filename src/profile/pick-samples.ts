// Some rows of a sample table as a table of their own.
import type { SampleTable } from './profile.ts'

/** These rows of the samples, in this order. */
export function pickSamples(samples: SampleTable, rows: Uint32Array): SampleTable {
  return {
    length: rows.length,
    stack: rows.map((row) => samples.stack[row]!),
    values: samples.values.map((column) => pick(new BigInt64Array(rows.length), column, rows)),
    labels: rows.map((row) => samples.labels[row]!),
    ...(samples.offsetMs && { offsetMs: pick(new Float64Array(rows.length), samples.offsetMs, rows) }),
  }
}

function pick<T extends BigInt64Array | Float64Array>(target: T, source: T, rows: Uint32Array): T {
  for (let i = 0; i < rows.length; i++) target[i] = source[rows[i] as number] as T[number]
  return target
}
