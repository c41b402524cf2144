// Rows of the function table: which, and in which order.
import type { FunctionColumns } from '../flame/functions.ts'
import type { CallTree } from '../profile/call-tree.ts'
import type { SortKey } from './view-state.ts'

export interface FunctionRow {
  /** Row of `tree.frames`. */
  readonly row: number
  readonly self: number
  readonly total: number
  readonly before: number | undefined
}

/**
 * Functions with a value, in order.
 * @param matches by row of frames, 1 = shown; undefined = all
 */
export function functionRows(
  { tree, columns, matches }: { tree: CallTree; columns: FunctionColumns; matches: Uint8Array | undefined },
  sort: SortKey,
  descending: boolean,
): FunctionRow[] {
  const rows: FunctionRow[] = []
  for (let row = 0; row < tree.frames.length; row++) {
    const [self, total, before] = [columns.self[row]!, columns.total[row]!, columns.base?.total[row]]
    if (total === 0 && !before) continue
    if (matches && matches[row] !== 1) continue
    if (tree.frames.kind[row] === 'thread') continue
    rows.push({ row, self, total, before })
  }
  const key: Record<SortKey, (a: FunctionRow, b: FunctionRow) => number> = {
    name: (a, b) => compareText(tree.frames.name[a.row]!, tree.frames.name[b.row]!),
    self: (a, b) => a.self - b.self || a.total - b.total,
    total: (a, b) => a.total - b.total || a.self - b.self,
    change: (a, b) => a.total - (a.before ?? 0) - (b.total - (b.before ?? 0)) || a.self - b.self,
  }
  const sign = descending ? -1 : 1
  return rows.sort((a, b) => sign * key[sort](a, b))
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
