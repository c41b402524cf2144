// The same numbers as the flame graph, as a table: for reading, sorting, and for those who do not see the picture.
import { memo, useMemo, useState } from 'react'
import { isSignificant, type SampleScale } from '../flame/change.ts'
import type { FunctionColumns } from '../flame/functions.ts'
import { readableName } from '../flame/label.ts'
import { printRatio, printValue } from '../flame/value.ts'
import { printShare } from '../lib/units.ts'
import type { CallTree } from '../profile/call-tree.ts'
import { functionRows } from './function-rows.ts'
import { Sandwich } from './sandwich.tsx'
import type { SortKey } from './view-state.ts'
import './function-table.css'

export interface FunctionTableProps {
  readonly tree: CallTree
  readonly columns: FunctionColumns
  /** What 100 % is. */
  readonly whole: number
  readonly scale: SampleScale
  readonly sort: SortKey
  readonly descending: boolean
  onSort(key: SortKey): void
  /** By row of frames, 1 = shown; undefined = all. */
  readonly matches: Uint8Array | undefined
  /** Row of frames. */
  readonly selected: number
  onSelect(row: number): void
  /** Cores of a value, for the column of the baseline. */
  cores(value: number): string
}

/** More rows than anybody reads; the rest comes on demand. */
const firstRows = 100

export const FunctionTable = memo(function FunctionTable(props: FunctionTableProps) {
  const { tree, columns, matches, sort, descending, whole, selected, onSelect, scale } = props
  const [limit, setLimit] = useState(firstRows)
  const rows = useMemo(
    () => functionRows({ tree, columns, matches }, sort, descending),
    [tree, columns, matches, sort, descending],
  )
  const hasBase = columns.base !== undefined
  return (
    <div className="table-scroll">
      {selected >= 0 && <Sandwich tree={tree} selected={selected} onSelect={onSelect} />}
      <table className="functions">
        <caption className="unseen">Functions, {rows.length} rows</caption>
        <thead>
          <tr>
            <Head {...props} of="name" title="Function" />
            <Head {...props} of="self" title="Self" hint="Time in the function itself" />
            <Head {...props} of="total" title="Total" hint="Time in the function and all that it called" />
            {hasBase && (
              <Head
                {...props}
                of="change"
                title="Before → now"
                hint="CPU cores in the function and all it called, before and during; sorted by the difference"
              />
            )}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit).map(({ row, self, total, before }) => (
            <tr key={row} aria-selected={row === selected} className={row === selected ? 'selected' : undefined}>
              <th scope="row">
                <button
                  type="button"
                  className="name"
                  onClick={() => onSelect(row === selected ? -1 : row)}
                  title={tree.frames.name[row]}
                >
                  <span className={`kind ${tree.frames.kind[row]}`} aria-hidden="true" />
                  <span className="text">{readableName(tree.frames.name[row]!)}</span>
                  {tree.frames.module[row] && <span className="module">{tree.frames.module[row]}</span>}
                </button>
              </th>
              <Amount value={self} whole={whole} unit={tree.unit} />
              <Amount value={total} whole={whole} unit={tree.unit} />
              {hasBase && <Change during={total} before={before ?? 0} scale={scale} cores={props.cores} />}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="nothing">{matches ? 'No function matches the search.' : 'No functions.'}</p>}
      {rows.length > limit && (
        <button type="button" className="more" onClick={() => setLimit(limit * 5)}>
          {rows.length - limit} more
        </button>
      )}
    </div>
  )
})

function Head({
  of,
  title,
  hint,
  sort,
  descending,
  onSort,
}: FunctionTableProps & { of: SortKey; title: string; hint?: string }) {
  const isSorted = sort === of
  return (
    <th scope="col" aria-sort={isSorted ? (descending ? 'descending' : 'ascending') : 'none'} title={hint}>
      <button type="button" onClick={() => onSort(of)}>
        {title}
        <span aria-hidden="true" className="arrow">
          {isSorted ? (descending ? '▾' : '▴') : ''}
        </span>
      </button>
    </th>
  )
}

function Amount({ value, whole, unit }: { value: number; whole: number; unit: string }) {
  const share = whole > 0 ? value / whole : 0
  return (
    <td className="amount" title={printValue(value, unit)}>
      <span className="bar" style={{ width: `${Math.min(100, share * 100)}%` }} aria-hidden="true" />
      <span className="number">{printShare(value, whole)}</span>
    </td>
  )
}

function Change({
  during,
  before,
  scale,
  cores,
}: {
  during: number
  before: number
  scale: SampleScale
  cores(value: number): string
}) {
  const isProven = isSignificant(during, before, scale)
  const sense = !isProven ? 'same' : during > before ? 'more' : 'less'
  const title = `${cores(before)} before, ${cores(during)} now${isProven ? '' : '; too few samples to call it a change'}`
  return (
    <td className={`change ${sense}`} title={title}>
      <span className="from">{short(cores(before))}</span>
      <span className="sign">{isProven ? printRatio(during, before) : '≈'}</span>
    </td>
  )
}

const short = (cores: string): string => cores.replace(/ cores?$/, '')
