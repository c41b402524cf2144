// Whose samples are shown: the incident's target, everything, or one process or thread, each with its share of CPU.
import { useEffect, useId, useRef, useState } from 'react'
import { printCores } from '../flame/value.ts'
import { printTarget, type Target } from '../model/target.ts'
import type { ProcessRow } from './slice.ts'
import { printWho, type Who } from './view-state.ts'
import './who-picker.css'

export interface WhoPickerProps {
  readonly target: Target
  readonly processes: readonly ProcessRow[]
  readonly who: Who
  onWho(who: Who): void
  /** Cores of a value of the profile. */
  toCores(value: number): number
}

/** A busy node has hundreds; the idle ones among them explain nothing. */
const maxProcesses = 40
const maxThreads = 30
/** Of each of several processes, such as those of a container: which of them, and by which threads, in one sight. */
const maxThreadsOfMany = 3

export function WhoPicker({ target, processes, who, onWho, toCores }: WhoPickerProps) {
  const [isOpen, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const id = useId()
  useEffect(() => {
    if (!isOpen) return
    const onPointer = (event: globalThis.PointerEvent): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false)
    }
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      setOpen(false)
      button.current?.focus()
    }
    addEventListener('pointerdown', onPointer)
    addEventListener('keydown', onKey, true)
    return () => {
      removeEventListener('pointerdown', onPointer)
      removeEventListener('keydown', onKey, true)
    }
  }, [isOpen])

  const choose = (next: Who): void => {
    onWho(next)
    setOpen(false)
    button.current?.focus()
  }
  const process = 'pid' in who ? processes.find((row) => isOf(row, who)) : undefined
  // An address may name the PID alone, also where it says too little.
  const chosen = printWho('pid' in who && process ? { ...who, ...processOf(process) } : who)
  const whole = processes.reduce((sum, { during }) => sum + during, 0)
  const option = (
    next: Who,
    name: string,
    extra: { during: number; before?: number | undefined; detail?: string; indent?: 1 | 2 | undefined },
  ) => (
    <li key={printWho(next)}>
      <button
        type="button"
        className={extra.indent && indents[extra.indent]}
        aria-pressed={printWho(next) === chosen}
        onClick={() => choose(next)}
      >
        <span className="bar" aria-hidden="true">
          <span style={{ width: `${whole > 0 ? (extra.during / whole) * 100 : 0}%` }} />
        </span>
        <span className="name">
          {name} <span className="detail">{extra.detail}</span>
        </span>
        <span className="cores">{printCores(toCores(extra.during))}</span>
        <span className="before">
          {extra.before === undefined ? '' : `was ${printCores(toCores(extra.before)).replace(/ cores?/, '')}`}
        </span>
      </button>
    </li>
  )
  const targets = processes.filter(({ isTarget }) => isTarget)
  const others = processes.filter(({ isTarget }) => !isTarget)
  const hidden = Math.max(0, others.length - maxProcesses)
  const processOption = (row: ProcessRow, indent?: 1) =>
    option({ kind: 'process', ...processOf(row) }, row.name || 'process', {
      ...row,
      detail: `${printPid(row)}${row.threads.length > 1 ? ` · ${row.threads.length} threads` : ''}`,
      indent,
    })
  const threadOptions = (
    row: ProcessRow,
    { most = maxThreads, indent = 1 }: { most?: number; indent?: 1 | 2 } = {},
  ) => {
    const rest = row.threads.length - most
    return [
      ...row.threads.slice(0, most).map((thread) =>
        option({ kind: 'thread', ...processOf(row), tid: thread.tid }, thread.name || 'thread', {
          ...thread,
          detail: `tid ${thread.tid}`,
          indent,
        }),
      ),
      ...(rest > 0 ? [<MoreThreads key={`rest of ${printPid(row)}`} count={rest} indent={indent} />] : []),
    ]
  }
  const targetOptions = ([first, ...rest]: readonly ProcessRow[]) =>
    rest.length > 0
      ? targets.flatMap((row) => [
          processOption(row, 1),
          ...(row.threads.length > 1
            ? threadOptions(row, { most: row === process ? maxThreads : maxThreadsOfMany, indent: 2 })
            : []),
        ])
      : first && first.threads.length > 1
        ? threadOptions(first)
        : null
  const sum = (rows: readonly { during: number; before: number | undefined }[]) => ({
    during: rows.reduce((total, row) => total + row.during, 0),
    before: rows.some(({ before }) => before !== undefined)
      ? rows.reduce((total, row) => total + (row.before ?? 0), 0)
      : undefined,
  })
  return (
    <div className="picker" ref={root}>
      <button
        ref={button}
        type="button"
        className="picked"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="caption">Process</span> {nameOf(who, target, process)} <span aria-hidden="true">▾</span>
      </button>
      {isOpen && (
        <ul id={id} className="options" aria-label="Processes and threads by CPU">
          {option({ kind: 'target' }, printTarget(target), { ...sum(targets), detail: 'this incident' })}
          {targetOptions(targets)}
          {option({ kind: 'all' }, 'everything on this node', sum(processes))}
          {others.slice(0, maxProcesses).flatMap((row) => [
            processOption(row),
            // Threads of the one that is looked at; all of them would be a list of hundreds.
            ...(row === process && row.threads.length > 1 ? threadOptions(row) : []),
          ])}
          {hidden > 0 && <li className="note">and {hidden} that used less</li>}
          {processes.some(({ owner }) => owner) && (
            <li className="note">The kernel gave a PID again during this capture: owners are those that had it.</li>
          )}
          {processes.length === 0 && <li className="note">Nobody was on a CPU in this time.</li>}
        </ul>
      )}
    </div>
  )
}

const indents = { 1: 'indent', 2: 'indent deeper' } as const

function MoreThreads({ count, indent }: { count: number; indent: 1 | 2 }) {
  return (
    <li className={`note ${indents[indent]}`}>
      and {count} more {count === 1 ? 'thread' : 'threads'} that used less
    </li>
  )
}

type ProcessOf = { readonly pid: number; readonly owner?: number }

const processOf = ({ pid, owner }: ProcessRow): ProcessOf => ({ pid, ...(owner && { owner: owner.owner }) })

/** Of several that had the PID the one that is asked for, else the one that the PID alone means. */
const isOf = (row: ProcessRow, { pid, owner }: ProcessOf): boolean =>
  row.pid === pid && (owner === undefined ? row.owner?.isMeant !== false : row.owner?.owner === owner)

/** `pid 50`, `pid 50, owner 2 of 3` */
const printPid = ({ pid, owner }: Pick<ProcessRow, 'pid' | 'owner'>): string =>
  `pid ${pid}${owner ? `, owner ${owner.owner} of ${owner.of}` : ''}`

function nameOf(who: Who, target: Target, process: ProcessRow | undefined): string {
  if (who.kind === 'target') return printTarget(target)
  if (who.kind === 'all') return 'everything on this node'
  const owner = who.owner === undefined ? '' : `, owner ${who.owner}`
  const pid = process ? printPid(process) : `pid ${who.pid}${owner}`
  if (who.kind === 'process') return `${process?.name || 'process'} (${pid})`
  const thread = process?.threads.find(({ tid }) => tid === who.tid)
  return `${thread?.name || 'thread'} (tid ${who.tid}${pid.includes('owner') ? ` of ${pid}` : ''})`
}
