// The context of a target: what held it back, its processes and threads, its limits and who it talks to.
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import type { Artifact } from '../model/capture.ts'
import { TargetContext } from '../model/context.ts'
import { contextFacts } from '../model/context-text.ts'
import { commandName } from '../model/target.ts'
import { useFileText } from './queries.ts'
import { Trouble } from './trouble.tsx'

/** Rows that are seen without asking; all of them are in the file. */
const shownRows = 8

export function ContextView({ file }: { file: Artifact }) {
  const text = useFileText(file)
  if (text.error) return <Trouble error={text.error} doing="Loading the context" />
  if (text.data === undefined) return null
  const parsed = TargetContext.safeParse(parseJson(text.data))
  if (!parsed.success) return <p className="hint">This context is of another version; it can be downloaded.</p>
  const context = parsed.data
  return (
    <>
      <dl className="context">
        {contextFacts(context).map(({ name, text: fact, isBad }) => (
          <div key={`${name} ${fact}`} className={isBad ? 'bad' : undefined}>
            <dt>{name}</dt>
            <dd>
              {isBad && <span aria-hidden="true">▲ </span>}
              {fact}
            </dd>
          </div>
        ))}
      </dl>
      <div className="tables">
        <Processes context={context} />
        <Threads context={context} />
        <Peers context={context} />
      </div>
    </>
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // what is damaged is told as what is of another version: it can be downloaded
  }
}

function Processes({ context: { processes, processCount, windowMs } }: { context: TargetContext }) {
  return (
    <table>
      <caption>
        {processCount === 1 ? 'Process' : `Busiest of ${processCount} processes`} over {printDurationMs(windowMs)}
      </caption>
      <thead>
        <tr>
          <th scope="col">PID</th>
          <th scope="col">Cores</th>
          <th scope="col">Memory</th>
          <th scope="col" className="text">
            Command
          </th>
        </tr>
      </thead>
      <tbody>
        {processes.slice(0, shownRows).map(({ pid, cores, rssBytes, cmdline, comm, runtime, version }) => (
          <tr key={pid}>
            <td>{pid}</td>
            <td>{cores.toFixed(2)}</td>
            <td>{printBytes(rssBytes)}</td>
            <td className="text" title={cmdline}>
              {commandName({ kind: 'process', node: '', cmdline, comm })}{' '}
              {runtime !== 'unknown' && runtime !== 'native' && (
                <small>{[runtime, version].filter(Boolean).join(' ')}</small>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Threads({ context: { threads, threadCount } }: { context: TargetContext }) {
  const busy = threads.filter(({ cores }) => cores > 0).slice(0, shownRows)
  if (busy.length === 0) return null
  return (
    <table>
      <caption>Busiest of {threadCount} threads</caption>
      <thead>
        <tr>
          <th scope="col">TID</th>
          <th scope="col">Cores</th>
          <th scope="col">In kernel</th>
          <th scope="col" className="text">
            Thread
          </th>
        </tr>
      </thead>
      <tbody>
        {busy.map(({ tid, cores, systemCores, name }) => (
          <tr key={tid}>
            <td>{tid}</td>
            <td>{cores.toFixed(2)}</td>
            <td>{printShare(systemCores, cores)}</td>
            <td className="text">{name}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Peers({ context: { sockets } }: { context: TargetContext }) {
  if (!sockets || sockets.peers.length === 0) return null
  return (
    <table>
      <caption>Connections</caption>
      <thead>
        <tr>
          <th scope="col">Count</th>
          <th scope="col" className="text">
            With
          </th>
        </tr>
      </thead>
      <tbody>
        {sockets.peers.slice(0, shownRows).map(({ address, port, direction, count }) => (
          <tr key={`${direction} ${address} ${port}`}>
            <td>{count}</td>
            <td className="text">{direction === 'in' ? `${address} to our port ${port}` : `to ${address}:${port}`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
