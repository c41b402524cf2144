// The busiest threads of a JVM: CPU, what they wait for, and the stack of each behind its name.
import { printShare } from '../lib/units.ts'
import type { Artifact } from '../model/capture.ts'
import type { ThreadRow, ThreadTable } from '../profile/thread-table.ts'
import { useFileText } from './queries.ts'
import { Trouble } from './trouble.tsx'

/** As many as fit a screen; all of them are in the file. */
const shownRows = 20

export function ThreadTableView({ file }: { file: Artifact }) {
  const text = useFileText(file)
  if (text.error) return <Trouble error={text.error} doing="Loading the threads" />
  if (text.data === undefined) return null
  const { threads, threadCount, vm, wallMs, deadlocks, locks } = JSON.parse(text.data) as ThreadTable
  return (
    <>
      {deadlocks.map((deadlock) => (
        <p key={deadlock.threads.map(({ name }) => name).join()} className="bad">
          Deadlock: {deadlock.threads.map(({ name }) => name).join(' waits for ')}
        </p>
      ))}
      {locks.slice(0, 5).map(({ lock, className, owner, waiters }) => (
        <p key={lock} className="hint">
          {waiters.length} wait for {className} {owner ? `of ${owner.name}` : ''}
        </p>
      ))}
      <table className="java">
        <caption>
          Busiest of {threadCount} threads over {(wallMs / 1000).toFixed(1)} s · {vm}
        </caption>
        <thead>
          <tr>
            <th scope="col">CPU</th>
            <th scope="col" className="text">
              State
            </th>
            <th scope="col" className="text">
              Thread and where it is
            </th>
          </tr>
        </thead>
        <tbody>
          {threads.slice(0, shownRows).map((thread) => (
            <tr key={`${thread.nid} ${thread.javaId} ${thread.name}`}>
              <td title="Share of one core">{printShare(thread.cores, 1)}</td>
              <td className="text">{thread.state ?? thread.role}</td>
              <td className="text">
                <Stack thread={thread} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Stack({ thread: { name, frames, waitsFor } }: { thread: ThreadRow }) {
  const [top] = frames
  const where = waitsFor
    ? `waits for ${waitsFor.className}${waitsFor.owner ? ` of ${waitsFor.owner.name}` : ''}`
    : top?.method
  if (frames.length === 0) return <>{name}</>
  return (
    <details>
      <summary>
        {name} <small>{where}</small>
      </summary>
      <pre>
        {frames
          .map(
            ({ method, file, line }) => `${method}${file ? ` (${file}${line === undefined ? '' : `:${line}`})` : ''}`,
          )
          .join('\n')}
      </pre>
    </details>
  )
}
