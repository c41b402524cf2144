// `spikecam get`: one incident, capture or artifact with everything known about it.
import type { CaptureDetail, IncidentDetail } from '../api/shapes.ts'
import type { Config } from '../config.ts'
import { printBytes, printDurationMs, printShare } from '../lib/units.ts'
import type { Artifact, Capture } from '../model/capture.ts'
import type { BusyThread, IncidentAlert, TopRow } from '../model/incident.ts'
import { printTarget } from '../model/target.ts'
import { connect, pageOf, resolveId } from './connect.ts'
import { renderNotes } from './note.ts'
import { printNotice } from './notify.ts'
import { readOutput, renderTable, writeForm, writeOut } from './output.ts'
import { printTime } from './print-time.ts'

export async function runGet({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'name'])
  const form = output && 'form' in output ? output.form : undefined
  const client = connect(options)
  const { kind, id } = await resolveId(client, args[0]!)
  const params = { id }
  if (kind === 'incident') {
    const detail = await client.get('/api/v1/incidents/{id}', { params })
    await show(detail, renderIncident(detail, pageOf(options.server, id)))
  } else if (kind === 'capture') {
    const detail = await client.get('/api/v1/captures/{id}', { params })
    await show(detail, renderCapture(detail))
  } else {
    const artifact = await client.get('/api/v1/artifacts/{id}', { params })
    await show(artifact, renderArtifacts([artifact]))
  }
  return 0

  async function show(document: unknown, text: string): Promise<void> {
    if (form === 'json' || form === 'yaml') await writeForm(document, form)
    else await writeOut(form === 'name' ? `${id}\n` : text)
  }
}

export function renderIncident({ incident, captures, artifacts, notices = [] }: IncidentDetail, url: string): string {
  const { endedMs, evidenceMs, onsetMs, noticedMs } = incident
  const after = (ms: number): string => `${printTime(ms)}  (${printDurationMs(ms - onsetMs)} after it began)`
  const lines = [
    incident.trigger.reason,
    '',
    ...facts([
      ['id', incident.id],
      ['state', incident.message ? `${incident.state}: ${incident.message}` : incident.state],
      ['target', `${printTarget(incident.target)} on ${incident.node}`],
      ['command', incident.target.cmdline],
      ['threads', incident.threads?.map(printThread).join(', ')],
      ['began', printTime(onsetMs)],
      // What somebody asked for began with that, or with the look-back before it.
      incident.asked === undefined ? ['noticed', after(noticedMs)] : ['asked', printTime(noticedMs)],
      ...(incident.alerts ?? []).map((alert): Fact => ['alert', printAlert(alert, onsetMs)]),
      ['ended', endedMs === undefined ? undefined : after(endedMs)],
      ['evidence', evidenceMs === undefined ? undefined : after(evidenceMs)],
      ['pinned', incident.pin && `${printTime(incident.pin.atMs)}${incident.pin.by ? ` by ${incident.pin.by}` : ''}`],
      ...notices.map((notice): Fact => ['notified', `${notice.receiver}: ${printNotice(notice)}`]),
      ['page', url],
    ]),
  ]
  if (incident.notes?.length) lines.push('', renderNotes(incident.notes).trimEnd())
  if (incident.top.length > 0) lines.push('', renderTopRows(incident.top).trimEnd())
  for (const capture of captures) lines.push('', ...captureLines(capture))
  if (artifacts.length > 0) lines.push('', renderArtifacts(artifacts).trimEnd())
  return `${lines.join('\n')}\n`
}

/** `CpuHigh, came 1.5 min after it began; target found by labels pod, container` */
function printAlert({ name, receivedMs, because }: IncidentAlert, onsetMs: number): string {
  const late = `came ${printDurationMs(Math.max(0, receivedMs - onsetMs))} after it began`
  return `${name}, ${late}${because ? `; target found ${because}` : ''}`
}

/** `hot-thread-1 51 % (thread 4243 of process 4242)` */
const printThread = ({ name, share, tid, pid }: BusyThread): string =>
  `${name} ${printShare(share, 1)} (thread ${tid} of process ${pid})`

export function renderTopRows(top: readonly TopRow[]): string {
  const right = { align: 'right' as const }
  const columns = [
    { title: 'SELF', ...right },
    { title: 'TOTAL', ...right },
    { title: 'FUNCTION', least: 32 },
    { title: 'MODULE', least: 12 },
  ]
  const rows = top.map((row) => [
    printShare(row.selfShare, 1),
    printShare(row.totalShare, 1),
    row.function,
    row.module ?? '',
  ])
  return renderTable(columns, rows)
}

export function renderCapture({ capture, artifacts }: CaptureDetail): string {
  const lines = captureLines(capture)
  if (artifacts.length > 0) lines.push('', renderArtifacts(artifacts).trimEnd())
  return `${lines.join('\n')}\n`
}

function captureLines(capture: Capture): string[] {
  const { quality, boundaryMs } = capture
  const lines = facts([
    ['capture', capture.id],
    ['state', capture.message ? `${capture.state}: ${capture.message}` : capture.state],
    ['of', `${printTarget(capture.target)} on ${capture.node}`],
    ['covers', `${printTime(capture.fromMs)}, ${printDurationMs(capture.toMs - capture.fromMs)}`],
    [
      'deep part',
      boundaryMs === undefined
        ? undefined
        : `the last ${printDurationMs(capture.toMs - boundaryMs)} at ${capture.deepHz} Hz`,
    ],
  ])
  if (quality) {
    lines.push(
      ...facts([
        ['samples', `${quality.samples}, lost ${quality.lostSamples}, cut stacks ${quality.truncatedStacks}`],
        ['no symbol', `${printShare(quality.unsymbolizedShare, 1)} of the frames`],
        ['event', `${quality.event}${quality.eventFallback ? ' (hardware cycles were not to be had)' : ''}`],
        ...quality.gaps.map((gap): Fact => ['gap', `${printDurationMs(gap.toMs - gap.fromMs)}: ${gap.reason}`]),
        ...quality.notes.map((text): Fact => ['note', text]),
      ]),
    )
  }
  for (const probe of capture.probes) {
    const { outcome, message, code, of, kind } = probe
    if (outcome !== 'ok' && message !== undefined && message === capture.message) continue
    const text = outcome === 'ok' ? message : `${outcome}: ${message ?? code ?? ''}`
    lines.push(...facts([[kind ? `${probe.probe} ${kind}` : probe.probe, text && (of ? `${of}: ${text}` : text)]]))
  }
  return lines
}

function renderArtifacts(artifacts: readonly Artifact[]): string {
  const columns = [{ title: 'ARTIFACT' }, { title: 'SIZE', align: 'right' as const }, { title: 'NAME' }]
  return renderTable(
    columns,
    artifacts.map(({ id, sizeBytes, name }) => [id, printBytes(sizeBytes), name]),
  )
}

type Fact = readonly [name: string, value: string | undefined]

/** `state      complete`; facts without a value are left out. */
function facts(rows: readonly Fact[]): string[] {
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(10)} ${value}`]))
}
