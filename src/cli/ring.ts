// `spikecam ring status`: what the always-on recording of each node holds.
import type { AgentState } from '../api/shapes.ts'
import type { Config } from '../config.ts'
import { printBytes, printDurationMs } from '../lib/units.ts'
import { Failure } from '../model/errors.ts'
import { connect } from './connect.ts'
import { note, readOutput, renderTable, writeForm, writeOut } from './output.ts'

/** @returns 0 when every node records, 5 when one does not */
export async function runRing({ args, options }: Config): Promise<number> {
  if (args[0] !== undefined && args[0] !== 'status') {
    throw new Failure('USAGE', `there is no "ring ${args[0]}"; did you mean "ring status"?`)
  }
  const output = readOutput(options.output, ['json', 'yaml'])
  const { agents, recording, message } = await connect(options).get('/api/v1/status')
  if (output && 'form' in output) await writeForm(agents, output.form as 'json' | 'yaml')
  else if (agents.length > 0) await writeOut(renderAgents(agents))
  if (agents.length === 0) note('No agent has connected to this server; start one with "spikecam agent --server URL".')
  else if (!recording && message) note(message)
  return recording ? 0 : 5
}

function renderAgents(agents: readonly AgentState[]): string {
  const right = { align: 'right' as const }
  const columns = [
    { title: 'NODE' },
    { title: 'STATE' },
    { title: 'EVENT' },
    { title: 'HZ', ...right },
    { title: 'REACHES BACK', ...right },
    { title: 'MEMORY', ...right },
    { title: 'SAMPLES', ...right },
    { title: 'LOST', ...right },
    { title: 'TARGETS', ...right },
    { title: 'AGENT CPU', ...right },
    { title: 'AGENT MEMORY', ...right },
  ]
  const rows = agents.map(({ node, connected, startedMs, status }) => {
    const state = !connected ? 'away' : !status ? 'starting' : status.recording ? 'recording' : 'not recording'
    if (!status) return [node, state]
    const upMs = Math.max(1, status.nowMs - startedMs)
    return [
      node,
      state,
      status.event ?? '',
      String(status.ringHz),
      printDurationMs(Math.min(status.ringSeconds * 1000, upMs)),
      printBytes(status.ringBytes),
      String(status.samples),
      String(status.lostSamples),
      String(status.targets),
      `${((status.cpuSeconds / upMs) * 1e5).toFixed(2)} %`,
      printBytes(status.rssBytes),
    ]
  })
  return renderTable(columns, rows)
}
