// What a capture found, in the terminal: per kind what answers the question best, out of its artifacts.
import type { Client } from '../api/client.ts'
import type { CaptureDetail } from '../api/shapes.ts'
import { printShare } from '../lib/units.ts'
import { type Artifact, mediaTypes } from '../model/capture.ts'
import { TargetContext } from '../model/context.ts'
import { contextFacts, printCores } from '../model/context-text.ts'
import { Failure } from '../model/errors.ts'
import { isCompanion } from '../model/outcome.ts'
import { commandName } from '../model/target.ts'
import { formatOfBytes, readProfile, unwrap } from '../profile/formats.ts'
import { parseCountedGoroutines } from '../profile/goroutines-counted.ts'
import { printGoroutineDump } from '../profile/goroutines-text.ts'
import type { ThreadTable } from '../profile/thread-table.ts'
import { topFunctions } from '../profile/top.ts'
import { dropUninteresting } from '../profile/transform.ts'
import { describeProfile } from './describe-profile.ts'
import { renderFunctions } from './function-table.ts'
import { renderTable } from './output.ts'

/** Rows of each table: enough to see who it was; the files and the page have the rest. */
const shownRows = 10
/** Lines of a dump that fit a screen or two. */
const shownLines = 60
/** Larger ones are for other programs. */
const maxShownBytes = 32 * 1024 * 1024

/**
 * The first artifact of each kind of answer, as text. Profiles of the ring are not among them: the server counts those
 * for the target alone.
 */
export async function renderFindings(client: Client, { capture, artifacts }: CaptureDetail): Promise<string> {
  const parts: string[] = []
  const isMain = ({ probe }: Artifact): boolean => probe === 'context' || !isCompanion(capture.kind, probe)
  const said = new Set<string>()
  for (const artifact of artifacts.filter(isMain).sort(byPlainness)) {
    // One answer per probe and process; its other files say the same in other forms.
    const answers = `${artifact.probe} ${/\bpid\d+\./.exec(artifact.name)?.[0] ?? ''}`
    if (said.has(answers) || artifact.sizeBytes > maxShownBytes || artifact.evictedMs !== undefined) continue
    const text = await renderArtifact(client, artifact, capture.kind)
    if (text === undefined) continue
    said.add(answers)
    parts.push(text)
  }
  return parts.join('\n')
}

/** The context last: what was asked for stands first; among the files of a probe the one that reads best. */
const plainness: readonly RegExp[] = [
  /threads\.json$/,
  /goroutines-counted\.txt$/,
  /python-threads\.txt$/,
  /heap\.pb\.gz$/,
  /-delta\.pb\.gz$/,
]
const rank = ({ name, probe }: Artifact): number => {
  if (probe === 'context') return plainness.length + 1
  const at = plainness.findIndex((pattern) => pattern.test(name))
  return at < 0 ? plainness.length : at
}
const byPlainness = (a: Artifact, b: Artifact): number => rank(a) - rank(b)

async function renderArtifact(client: Client, artifact: Artifact, kind: string): Promise<string | undefined> {
  const { id, mediaType, probe } = artifact
  const isShown = probe !== 'ring' && probe !== 'usage' && !/\.(map|dump|hprof\.gz|jfr|out|log)$/.test(artifact.name)
  if (!isShown) return undefined
  const answer = await client.bytes('/api/v1/artifacts/{id}/content', { params: { id } })
  const bytes = new Uint8Array(await answer.arrayBuffer())
  if (mediaType === mediaTypes.context) return renderContext(TargetContext.parse(readJson(bytes)), kind)
  if (mediaType === mediaTypes.threads) return renderThreads(readJson(bytes) as ThreadTable)
  const { unpacked } = await unwrap(bytes, {})
  const format = formatOfBytes(unpacked)
  if (format?.name === 'goroutines') return firstLines(printGoroutineDump(parseCountedGoroutines(unpacked)))
  if (mediaType === mediaTypes.text) return firstLines(new TextDecoder().decode(unpacked))
  return format && renderProfile(bytes)
}

const readJson = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))

function firstLines(text: string): string {
  const lines = text.trimEnd().split('\n')
  const rest = lines.length - shownLines
  return `${lines.slice(0, shownLines).join('\n')}\n${rest > 0 ? `… and ${rest} more lines; "spikecam download" has them all.\n` : ''}`
}

/** The functions with most of what the profile counts; undefined when it is empty. */
async function renderProfile(bytes: Uint8Array): Promise<string | undefined> {
  const { profile } = await readProfile(bytes).catch((error: unknown) => {
    if (error instanceof Failure) return { profile: undefined } // kept as a file, whatever it is
    throw error
  })
  if (!profile) return undefined
  const view = dropUninteresting(profile)
  const top = topFunctions(view, {})
  if (top.functions.length === 0) return undefined
  return `${describeProfile(view, view.defaultType, top.total)}\n${renderFunctions(top, { limit: shownRows, hasModule: false })}`
}

function renderThreads({ threads, wallMs, threadCount, vm }: ThreadTable): string {
  const columns = [
    { title: 'CPU', align: 'right' as const },
    { title: 'ROLE' },
    { title: 'STATE' },
    { title: 'THREAD' },
    { title: 'AT' },
  ]
  const rows = threads
    .slice(0, shownRows)
    .map(({ name, role, cores, state, waitsFor, frames }) => [
      printShare(cores, 1),
      role,
      state ?? '',
      name.replace(/\s+/g, ' '),
      waitsFor
        ? `waits for ${waitsFor.className}${waitsFor.owner ? ` of ${waitsFor.owner.name}` : ''}`
        : placeOf(frames[0]),
    ])
  const head = `busiest of ${threadCount} threads in ${(wallMs / 1000).toFixed(1)} s, as share of one core · ${vm}`
  return `${head}\n${renderTable(columns, rows)}`
}

/** `Probe.spin (Probe.java:7)` */
function placeOf(frame: ThreadTable['threads'][number]['frames'][number] | undefined): string {
  if (!frame) return ''
  const place = frame.file === undefined ? '' : ` (${frame.file}${frame.line === undefined ? '' : `:${frame.line}`})`
  return `${frame.method}${place}`
}

/** In short beside other evidence; with its tables where it is all there is to say of threads, or was asked for. */
function renderContext(context: TargetContext, kind: string): string {
  const facts = contextFacts(context).map(({ name, text, isBad }) => `${name.padEnd(13)} ${isBad ? '▲ ' : ''}${text}`)
  if (kind !== 'context' && kind !== 'bundle' && kind !== 'threads') return `${facts.join('\n')}\n`
  const right = { align: 'right' as const }
  const processes = renderTable(
    [
      { title: 'PID', ...right },
      { title: 'CPU', ...right },
      { title: 'THREADS', ...right },
      { title: 'RUNTIME' },
      { title: 'COMMAND' },
    ],
    context.processes
      .slice(0, shownRows)
      .map(({ pid, cores, threads, runtime, version, cmdline, comm }) => [
        String(pid),
        printCores(cores),
        String(threads),
        [runtime, version].filter(Boolean).join(' '),
        commandName({ kind: 'process', node: '', cmdline, comm }),
      ]),
  )
  const busy = context.threads.filter(({ cores }) => cores > 0).slice(0, shownRows)
  const threads = renderTable(
    [
      { title: 'TID', ...right },
      { title: 'CPU', ...right },
      { title: 'IN KERNEL', ...right },
      { title: 'STATE' },
      { title: 'THREAD' },
    ],
    busy.map(({ tid, cores, systemCores, state, name }) => [
      String(tid),
      printCores(cores),
      printShare(systemCores, cores),
      state,
      name,
    ]),
  )
  return [`${facts.join('\n')}\n`, processes, ...(busy.length > 0 ? [threads] : [])].join('\n')
}
