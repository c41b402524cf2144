// What each probe of a capture did: how it went, who looked, its files, and what is in them where that can be read here.

import { Fragment } from 'react'
import { printBytes } from '../lib/units.ts'
import type { Artifact, Capture, ProbeResult } from '../model/capture.ts'
import { mediaTypes } from '../model/capture.ts'
import { useSource } from './client-context.tsx'
import { ContextView } from './context-view.tsx'
import { isDrawable, isStacks, shortName } from './evidence-file.ts'
import { TextFile } from './text-file.tsx'
import { ThreadTableView } from './thread-table-view.tsx'
import './probes-panel.css'

export interface ProbesPanelProps {
  readonly capture: Capture
  /** Files of this capture. */
  readonly files: readonly Artifact[]
  /** The file in the picture above. */
  readonly drawn: Artifact | undefined
  onDraw(file: Artifact): void
}

export function ProbesPanel({ capture, files, drawn, onDraw }: ProbesPanelProps) {
  const rows = rowsOf(capture, files)
  if (rows.every(({ results: [{ probe, outcome }] }) => probe === 'ring' && outcome === 'ok')) return null
  return (
    <section className="probes" aria-label="What was collected">
      <h2>What was collected</h2>
      <ol>
        {rows.map((row) => (
          <Row key={`${row.results[0].probe} ${row.results[0].of}`} {...row} drawn={drawn} onDraw={onDraw} />
        ))}
      </ol>
    </section>
  )
}

/** A probe and the process that it looked at: in a bundle it is asked for several kinds. */
interface ProbeRow {
  readonly results: readonly [ProbeResult, ...ProbeResult[]]
  readonly files: readonly Artifact[]
}

/** Where one probe looked at several processes, a file stands with the one whose PID its name has. */
function rowsOf({ probes }: Capture, files: readonly Artifact[]): ProbeRow[] {
  const rows = new Map<string, [ProbeResult, ...ProbeResult[]]>()
  for (const result of probes) {
    const key = `${result.probe} ${result.of}`
    const known = rows.get(key)
    if (known) known.push(result)
    else rows.set(key, [result])
  }
  const all = [...rows.values()].map((results): ProbeRow => {
    const [{ probe, of }] = results
    // Those of the ring stand with the other files of the node; here they can be drawn again.
    const own = files.filter((file) => file.probe === probe && (file.probe !== 'ring' || isStacks(file)))
    const pid = /\(pid (\d+)\)/.exec(of ?? '')?.[1]
    const isShared = probes.some((other) => other.probe === probe && other.of !== of)
    const isOfProcess = ({ name }: Artifact): boolean => name.includes(`.pid${pid}.`) || name.includes(`-${pid}.`)
    return { results, files: isShared && pid ? own.filter(isOfProcess) : own }
  })
  // The context explains the others, so it stands below them.
  const isContext = ({ results: [{ probe }] }: ProbeRow): number => Number(probe === 'context')
  return all.sort((a, b) => isContext(a) - isContext(b))
}

/** Most read well in one line; the context is the one that has to be looked into. */
function Row({ results, files, drawn, onDraw }: ProbeRow & Pick<ProbesPanelProps, 'drawn' | 'onDraw'>) {
  const context = files.find(({ mediaType }) => mediaType === mediaTypes.context)
  const threads = files.find(({ mediaType }) => mediaType === mediaTypes.threads)
  // One of several texts: the others say the same, and are there as files.
  const isDump = ({ mediaType, name }: Artifact): boolean => mediaType === mediaTypes.text && !/\.map$/.test(name)
  const text = threads ? undefined : files.find(isDump)
  return (
    <li>
      {results.map(({ probe, of, kind, outcome, message, code, stderrTail }) => (
        <Fragment key={kind ?? ''}>
          <p className="probe">
            <span className={`badge ${outcome}`}>{outcome}</span>
            <b>
              {probe === 'ring' ? 'CPU stacks' : probe} {kind}
            </b>
            {of && <span className="of">{of}</span>}
            <span className="said">
              {message} {code && <code>{code}</code>}
            </span>
          </p>
          {stderrTail && (
            <details>
              <summary>What the tool said</summary>
              <pre>{stderrTail}</pre>
            </details>
          )}
        </Fragment>
      ))}
      <Files files={files} drawn={drawn} onDraw={onDraw} />
      {context && <ContextView file={context} />}
      {threads && <ThreadTableView file={threads} />}
      {text && <TextFile file={text} isOpen={drawn === undefined} />}
    </li>
  )
}

function Files({ files, drawn, onDraw }: Pick<ProbesPanelProps, 'files' | 'drawn' | 'onDraw'>) {
  const { client } = useSource()
  if (files.length === 0) return null
  return (
    <p className="files">
      {files.map((file) => {
        const href =
          file.evictedMs === undefined
            ? client.url('/api/v1/artifacts/{id}/content', { params: { id: file.id } })
            : undefined
        const name = shortName(file)
        return (
          <span key={file.id}>
            {href ? (
              <a href={href} download={file.name.split('/').at(-1)} title={file.name}>
                {name}
              </a>
            ) : (
              <span
                className="gone"
                title="Its bytes are not here: dropped for their age or the data budget, or not part of this page."
              >
                {name}
              </span>
            )}{' '}
            <small>{printBytes(file.sizeBytes)}</small>
            {isDrawable(file) && (isStacks(file) || file.probe !== 'ring') && (
              <button type="button" aria-pressed={file.id === drawn?.id} onClick={() => onDraw(file)}>
                {file.id === drawn?.id ? 'drawn above' : 'draw'}
              </button>
            )}
          </span>
        )
      })}
    </p>
  )
}
