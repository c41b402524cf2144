// What is being recorded right now, in one line per node: the first thing to look at when nothing shows up.
import type { AgentState, ServerStatus } from '../api/shapes.ts'
import { printBytes, printDurationMs } from '../lib/units.ts'
import { Ago, useNow } from './times.tsx'

export function AgentStrip({ status }: { status: ServerStatus }) {
  const now = useNow(5000)
  return (
    <section className="agents" aria-label="Recorders">
      {status.agents.length === 0 && (
        <p className="agent off">
          <b>No agent is connected.</b> {status.message ?? 'Start one with `spikecam agent`, or use `spikecam up`.'}
        </p>
      )}
      {status.agents.map((agent) => (
        <Agent key={agent.node} agent={agent} nowMs={now} />
      ))}
      <p
        className="agent data"
        title={`At most ${printBytes(status.data.budgetBytes)}; the oldest evidence goes first.`}
      >
        {printBytes(status.data.blobBytes)} of evidence kept
        {status.data.evicted > 0 && `, ${status.data.evicted} files dropped for their age or the budget`}
      </p>
    </section>
  )
}

function Agent({ agent, nowMs }: { agent: AgentState; nowMs: number }) {
  const { status } = agent
  const isRecording = agent.connected && status?.recording === true
  return (
    <p className={isRecording ? 'agent on' : 'agent off'}>
      <span className="dot" aria-hidden="true" />
      <b>{agent.node}</b>{' '}
      {!agent.connected ? (
        <>
          away, last heard of <Ago ms={agent.lastSeenMs} nowMs={nowMs} />
        </>
      ) : isRecording ? (
        <>
          recording at {status.ringHz} Hz{status.event && ` (${status.event})`}, the last{' '}
          {printDurationMs(status.ringSeconds * 1000)} are kept
          {status.lostSamples > 0 && `, ${status.lostSamples} samples lost`}
        </>
      ) : (
        <>not recording</>
      )}
      {status?.message && <span className="message"> · {status.message}</span>}
      {status && status.spooled > 0 && <span className="message"> · {status.spooled} items wait to be sent.</span>}
    </p>
  )
}
