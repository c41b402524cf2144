// `spikecam capture`: asks for a recording, follows it, and brings what came of it.
import type { Client } from '../api/client.ts'
import type { CaptureAccepted, CaptureDetail, CaptureRequest, TopAnswer } from '../api/shapes.ts'
import type { Config } from '../config.ts'
import { nearest } from '../lib/nearest.ts'
import { printDurationMs } from '../lib/units.ts'
import {
  type Capture,
  type CaptureKind,
  captureKinds,
  defaultForMs,
  isCaptureKind,
  type ProbeOptions,
} from '../model/capture.ts'
import { asFailure, exitCodes, Failure, type FailureCode, failures } from '../model/errors.ts'
import { exitOf } from '../model/outcome.ts'
import { printTarget } from '../model/target.ts'
import { captureAll } from './capture-all.ts'
import { renderFindings } from './capture-answer.ts'
import { saveCapture } from './capture-files.ts'
import { fetchAs } from './capture-form.ts'
import { hasStacks, topOf } from './capture-top.ts'
import { connect } from './connect.ts'
import { renderCapture, renderTopRows } from './get.ts'
import { printCores } from './inventory-text.ts'
import {
  forTerminal,
  isFolder,
  note,
  type Output,
  readOutput,
  requireWritable,
  writeBytes,
  writeForm,
  writeOut,
} from './output.ts'
import { parseTarget } from './parse-target.ts'

/** Often enough to feel immediate, seldom enough not to be seen in the profile. */
const pollMs = 300
/** Over and above the recording itself: bringing 10 MB of evidence over a slow line. */
const graceMs = 120_000

export async function runCapture({ args, options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml', 'name'], { files: true })
  if (output && 'file' in output) requireWritable(output.file)
  const [word, target] = args as [string, string?]
  const kind = requireKind(word)
  const forMs = options.forMs ?? defaultForMs[kind]
  const wishes = probeOptions(options)
  const request: CaptureRequest = {
    kind,
    ...parseTarget(target, options),
    lookBackMs: options.lookBackMs,
    forMs,
    reason: 'asked for on the command line',
    ...(Object.keys(wishes).length > 0 ? { options: wishes } : {}),
  }
  if (options.stacks === 'dwarf' && request.target?.kind === 'node') {
    throw new Failure('USAGE', '--stacks dwarf is too dear for a whole node: name a pod, container or process')
  }
  const client = connect(options)
  if (options.all) {
    const { select, target: node, ...rest } = request
    if (node || !select) throw new Failure('USAGE', '--all is for what may be several: a name, labels or --process')
    if (options.detach) throw new Failure('USAGE', '--all waits until the nodes have room for each: leave out --detach')
    return captureAll(client, rest, { select, forMs, output, isDryRun: options.dryRun, atMost: options.atMost })
  }
  if (options.dryRun) return dryRun(client, request)
  const accepted = await client.post('/api/v1/captures', { body: request })
  const { id } = accepted
  if (request.select) note(describeChoice(accepted))
  if (options.detach) {
    await writeOut(`${id}\n`)
    note(`Recording for ${printDurationMs(forMs)}; see it with: spikecam get ${id}`)
    return 0
  }
  const { detail, interrupted } = await follow(client, id, forMs)
  const top = await topOf(client, detail)
  await deliver(client, { detail, top, output })
  adviseOn(detail.capture)
  if (interrupted) return exitCodes.interrupted
  if (kind === 'cpu' && detail.capture.state === 'complete' && top === undefined) throw emptyFailure(detail.capture)
  return exitOf(detail.capture)
}

/** What to do about probes that failed, once for each code. */
function adviseOn({ probes }: Capture): void {
  const codes = probes.flatMap(({ outcome, code }) => (outcome === 'failed' && code ? [code] : []))
  for (const code of new Set(codes)) if (code in failures) note(`  next step: ${failures[code as FailureCode].advice}`)
}

/** @throws Failure USAGE */
function requireKind(word: string): CaptureKind {
  if (isCaptureKind(word)) return word
  const near = nearest(word, captureKinds)
  const hint = near ? `; did you mean "${near}"?` : `; there is: ${captureKinds.join(', ')}`
  throw new Failure('USAGE', `there is no capture of "${word}"${hint}`)
}

/** Options of the table that go to the probes as they are; what nobody gave is left out. */
const probeOptionNames = [
  'hz',
  'force',
  'busiestThreads',
  'threadSnapshots',
  'pprofPort',
  'pprofPath',
  'pprofScheme',
  'pprofCa',
  'pprofCert',
  'pprofKey',
  'pprofSecret',
  'pprofServerName',
] as const satisfies readonly (keyof ProbeOptions & keyof Config['options'])[]

function probeOptions(options: Config['options']): ProbeOptions {
  const given = probeOptionNames.filter((name) => options[name] !== undefined)
  return {
    ...Object.fromEntries(given.map((name) => [name, options[name]])),
    ...(options.stacks === 'dwarf' ? { stacks: options.stacks } : {}),
    ...(options.gil ? { gil: true } : {}),
    ...(options.blocking ? { blocking: true } : {}),
    ...(options.pprofSkipVerify ? { pprofSkipVerify: true } : {}),
  }
}

/** The whole node was recorded; that says nothing yet about the one process that was asked for. */
function emptyFailure({ target }: Capture): Failure {
  return new Failure('EMPTY', `no sample is of ${printTarget(target)}; what the rest of the node did is kept`)
}

/** `Of shop/cart-0/app on vm1. Not of 2 others: shop/cart-1/app (12 %), shop/cart-2/app (0 %).` */
function describeChoice({ target, others = [] }: CaptureAccepted): string {
  const chosen = target ? `Of ${printTarget(target)} on ${target.node}.` : ''
  if (others.length === 0) return chosen
  // Five name a choice; the whole list is what `ps` is for.
  const shown = others.slice(0, 5).map((other) => `${printTarget(other.target)} (${printCores(other.cores)})`)
  const rest = others.length > shown.length ? ', …' : ''
  return `${chosen} It is the busiest; not of ${others.length} more: ${shown.join(', ')}${rest} (--all).`
}

async function dryRun(client: Client, request: CaptureRequest): Promise<number> {
  if (request.select) {
    const { candidates } = await client.get('/api/v1/targets', { query: request.select })
    const [chosen, ...others] = candidates
    const { select: _, ...rest } = request
    await writeForm({ request: { ...rest, target: chosen?.target }, others }, 'json')
    note('Nothing was recorded: this was a dry run.')
    return 0
  }
  const { agents } = await client.get('/api/v1/status')
  const wanted = request.target?.node
  const recording = agents.filter(({ connected, node }) => connected && (wanted === undefined || node === wanted))
  if (recording.length === 0) {
    throw new Failure(
      'NOT_FOUND',
      wanted ? `no agent of the name ${wanted} is connected` : 'no agent is connected to the server',
    )
  }
  await writeForm({ request, nodes: recording.map(({ node }) => node) }, 'json')
  note('Nothing was recorded: this was a dry run.')
  return 0
}

/** Ctrl-C ends the recording and waits for what it has; a second one leaves at once. */
async function follow(
  client: Client,
  id: string,
  forMs: number,
): Promise<{ detail: CaptureDetail; interrupted: boolean }> {
  let interrupted = false
  const onInterrupt = (): void => {
    if (interrupted) process.exit(exitCodes.interrupted)
    interrupted = true
    note('\nEnding the recording; what it has is kept. Ctrl-C again leaves it to the server.')
    client
      .post('/api/v1/captures/{id}/stop', { params: { id } })
      .catch((error: unknown) => note(`spikecam: it could not be told: ${asFailure(error).message}`))
  }
  process.on('SIGINT', onInterrupt)
  try {
    const progress = new Progress(id, forMs)
    const deadline = performance.now() + forMs + graceMs
    for (;;) {
      const detail = await client.get('/api/v1/captures/{id}', { params: { id } })
      if (!['recording', 'uploading'].includes(detail.capture.state)) {
        progress.end(detail.capture.state)
        return { detail, interrupted }
      }
      progress.show(detail.capture.state)
      if (performance.now() > deadline) throw new Failure('TIMEOUT', `${id} is still ${detail.capture.state}`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

/** One line that rewrites itself in a terminal; one line per state elsewhere. */
class Progress {
  readonly #id: string
  readonly #forMs: number
  readonly #startedMs = performance.now()
  #shown = ''

  constructor(id: string, forMs: number) {
    this.#id = id
    this.#forMs = forMs
  }

  show(state: string): void {
    const seconds = Math.min(this.#forMs, performance.now() - this.#startedMs)
    const text =
      state === 'recording' && process.stderr.isTTY
        ? `${state} ${printDurationMs(seconds)} of ${printDurationMs(this.#forMs)}`
        : state
    if (text === this.#shown) return
    this.#shown = text
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${this.#id} ${forTerminal(text)}` : `${this.#id} ${text}\n`)
  }

  end(state: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${this.#id} ${state}\n` : `${this.#id} ${state}\n`)
  }
}

interface Outcome {
  readonly detail: CaptureDetail
  readonly top: TopAnswer | undefined
  readonly output: Output
}

async function deliver(client: Client, { detail, top, output }: Outcome): Promise<void> {
  if (output === undefined) {
    const found = await renderFindings(client, detail)
    const parts = [renderCapture(detail), top && renderTopRows(top.rows), found].filter(Boolean)
    return writeOut(parts.join('\n'))
  }
  if ('form' in output) {
    if (output.form === 'name') return writeOut(`${detail.capture.id}\n`)
    return writeForm(detail, output.form as 'json' | 'yaml')
  }
  if (isFolder(output.file)) {
    return saveCapture(client, detail, { folder: output.file, hasStacks: hasStacks(detail, top) })
  }
  await writeBytes(output.file, await fetchAs(client, detail, output.file))
}
