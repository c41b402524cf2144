// `spikecam top FILE --of FUNCTION`: who called one function, and what it called.
import type { Config } from '../config.ts'
import { printValue } from '../flame/value.ts'
import { nearest } from '../lib/nearest.ts'
import { printShare } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import { buildCallTree, type CallTree } from '../profile/call-tree.ts'
import { neighboursOf, sandwichOf } from '../profile/sandwich.ts'
import { totalOf } from './describe-profile.ts'
import { readOutput, renderTable, writeForm, writeOut } from './output.ts'
import type { ProfileView } from './profile-view.ts'

/**
 * The rows of the frames that a name means: all of that name, in whatever module.
 * @throws Failure USAGE when there is none, with the nearest one
 */
export function rowsOfFunction({ frames }: CallTree, wanted: string): Set<number> {
  const rows = new Set(frames.name.flatMap((name, row) => (name === wanted ? [row] : [])))
  if (rows.size > 0) return rows
  const ends = frames.name.filter((name) => name.endsWith(wanted))
  const near = ends[0] ?? nearest(wanted, frames.name)
  throw new Failure('USAGE', `--of: there is no function ${wanted}${near ? `; did you mean ${near}?` : ''}`)
}

export async function writeNeighbours(view: ProfileView, of: string, { options }: Config): Promise<void> {
  const output = readOutput(options.output, ['json', 'yaml'])
  const tree = buildCallTree(view.profile, { sampleType: view.sampleType })
  const { callers, callees } = sandwichOf(tree, rowsOfFunction(tree, of))
  const [above, below] = [neighboursOf(callers), neighboursOf(callees)]
  const named = ({ neighbours }: typeof above) =>
    neighbours.map(({ row, value }) => ({ function: tree.frames.name[row]!, module: tree.frames.module[row]!, value }))
  if (output && 'form' in output) {
    const facts = { function: of, self: below.rest, total: below.total, unit: tree.unit }
    await writeForm({ ...facts, callers: named(above), callees: named(below) }, output.form as 'json' | 'yaml')
    return
  }
  const rowOf = (mark: string, name: string, { value, module }: { value: number; module: string }): string[] => [
    printValue(value, tree.unit),
    printShare(value, below.total),
    `${mark}${name}`,
    module,
  ]
  const rows = [
    ...named(above).map((caller) => rowOf('  ', caller.function, caller)),
    ...(above.rest !== 0 ? [rowOf('  ', '(nobody)', { value: above.rest, module: '' })] : []),
    rowOf('', of, { value: below.total, module: '' }),
    ...(below.rest !== 0 ? [rowOf('  ', '(itself)', { value: below.rest, module: '' })] : []),
    ...named(below).map((callee) => rowOf('  ', callee.function, callee)),
  ]
  const right = { align: 'right' as const }
  const columns = [
    { title: 'TOTAL', ...right },
    { title: '', ...right },
    { title: 'FUNCTION', least: 32 },
    { title: 'MODULE', least: 12 },
  ]
  const share = printShare(below.total, totalOf(view.profile, view.sampleType))
  await writeOut(
    `${of}: ${share} of all. Above it who called it, below it what it called.\n\n${renderTable(columns, rows)}`,
  )
}
