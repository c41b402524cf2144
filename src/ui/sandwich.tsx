// Who called the marked function and what it called, each to be marked in its turn: a way through the program that needs
// no picture.
import { useMemo } from 'react'
import { readableName } from '../flame/label.ts'
import { printShare } from '../lib/units.ts'
import type { CallTree } from '../profile/call-tree.ts'
import { type Neighbour, neighboursOf, sandwichOf } from '../profile/sandwich.ts'
import './sandwich.css'

export interface SandwichProps {
  readonly tree: CallTree
  /** Row of frames. */
  readonly selected: number
  onSelect(row: number): void
}

/** More callers than these are seldom what is looked for; the picture has the rest. */
const most = 8

export function Sandwich({ tree, selected, onSelect }: SandwichProps) {
  const { callers, callees } = useMemo(() => {
    // All rows of that name: it may lie in several modules, and code that was compiled twice has two.
    const rows = new Set<number>()
    tree.frames.name.forEach((each, row) => {
      if (each === tree.frames.name[selected]) rows.add(row)
    })
    const trees = sandwichOf(tree, rows)
    return { callers: neighboursOf(trees.callers), callees: neighboursOf(trees.callees) }
  }, [tree, selected])
  const name = readableName(tree.frames.name[selected] ?? '')
  const list = (title: string, of: typeof callers, restName: string) => (
    <div className="neighbours">
      <h2>{title}</h2>
      <ul>
        {of.rest > 0 && <Row share={printShare(of.rest, of.total)} name={restName} />}
        {of.neighbours.slice(0, most).map((each) => (
          <Row
            key={each.row}
            share={printShare(each.value, of.total)}
            name={readableName(tree.frames.name[each.row]!)}
            onSelect={() => onSelect(each.row)}
          />
        ))}
      </ul>
      {of.neighbours.length > most && <p className="rest">{restOf(of.neighbours)} more</p>}
    </div>
  )
  return (
    <section className="sandwich" aria-label={`Callers and callees of ${name}`}>
      <p className="of">
        <code title={name}>{name}</code>
        <span>
          {callees.total > 0 ? `${printShare(callees.total, tree.total[0]!)} of what is shown` : 'not in this view'}
        </span>
      </p>
      {callees.total > 0 && list('Called by', callers, '(nobody)')}
      {callees.total > 0 && list('Calls', callees, '(itself)')}
    </section>
  )
}

const restOf = (neighbours: readonly Neighbour[]): number => neighbours.length - most

function Row({ share, name, onSelect }: { share: string; name: string; onSelect?: () => void }) {
  return (
    <li>
      <span className="share">{share}</span>
      {onSelect ? (
        <button type="button" title={name} onClick={onSelect}>
          {name}
        </button>
      ) : (
        <span className="none">{name}</span>
      )}
    </li>
  )
}
