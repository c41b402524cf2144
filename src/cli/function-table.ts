// The busiest functions of a profile as a table, heaviest self first.
import { printValue } from '../flame/value.ts'
import { printShare } from '../lib/units.ts'
import type { Top } from '../profile/top.ts'
import { renderTable } from './output.ts'

export function renderFunctions(
  { functions, total, unit }: Top,
  { limit, hasModule }: { limit: number; hasModule: boolean },
): string {
  const right = { align: 'right' as const }
  const columns = [
    { title: 'SELF', ...right },
    { title: '', ...right },
    { title: 'TOTAL', ...right },
    { title: '', ...right },
    { title: 'FUNCTION', least: 32 },
    ...(hasModule ? [{ title: 'MODULE', least: 12 }] : []),
  ]
  const rows = functions
    .slice(0, limit)
    .map((row) => [
      printValue(row.self, unit),
      printShare(row.self, total),
      printValue(row.total, unit),
      printShare(row.total, total),
      row.function,
      ...(hasModule ? [row.module] : []),
    ])
  return renderTable(columns, rows)
}
