// `spikecam capture … --all`: everything that a name means, one capture each, as many at once as each node takes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../api/client.ts'
import type { CaptureDetail, CaptureRequest, TopAnswer } from '../api/shapes.ts'
import { printShare } from '../lib/units.ts'
import { asFailure, exitCodes, Failure, failures } from '../model/errors.ts'
import type { TargetCandidate, TargetSelector } from '../model/inventory.ts'
import { exitOf } from '../model/outcome.ts'
import { printTarget } from '../model/target.ts'
import { saveCapture } from './capture-files.ts'
import { hasStacks, topOf } from './capture-top.ts'
import { describeSilent, printCores } from './inventory-text.ts'
import { isFolder, note, type Output, renderTable, writeForm, writeOut } from './output.ts'

/** Several are watched at once, and none of them is looked at as it moves. */
const pollMs = 500
/** Bringing 10 MB of evidence over a slow line, over and above the recording itself. */
const graceMs = 120_000

export interface CaptureAllOptions {
  readonly select: TargetSelector
  /** Of several more than this the busiest are taken. */
  readonly atMost: number
  readonly forMs: number
  readonly output: Output
  readonly isDryRun: boolean
}

type Request = Omit<CaptureRequest, 'select' | 'target'>

/** What became of one of them; without a detail it never began. */
interface Outcome {
  readonly candidate: TargetCandidate
  readonly detail?: CaptureDetail
  readonly top?: TopAnswer | undefined
  readonly failure?: Failure
}

/** @returns the exit code that all of them have, 5 where they differ and there is something, 130 after Ctrl-C */
export async function captureAll(client: Client, request: Request, options: CaptureAllOptions): Promise<number> {
  const { select, atMost, output } = options
  if (output && 'file' in output && !isFolder(output.file)) {
    throw new Failure('USAGE', `--all makes several captures: -o takes a folder, as in -o ${output.file}/, or json`)
  }
  const answer = await client.get('/api/v1/targets', { query: select })
  const chosen = answer.candidates.slice(0, atMost)
  note(describeAll(chosen, answer.candidates.length))
  for (const line of describeSilent(answer)) note(line)
  if (options.isDryRun) {
    await writeForm({ request, targets: chosen }, 'json')
    note('Nothing was recorded: this was a dry run.')
    return 0
  }
  const stop = new AbortController()
  const running = new Set<string>()
  const onInterrupt = (): void => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted)
    stop.abort()
    note(
      '\nEnding the recordings; what they have is kept, and no other begins. Ctrl-C again leaves them to the server.',
    )
    for (const id of running) {
      client
        .post('/api/v1/captures/{id}/stop', { params: { id } })
        .catch((error: unknown) => note(`spikecam: ${id} could not be told: ${asFailure(error).message}`))
    }
  }
  process.on('SIGINT', onInterrupt)
  const nodes = [...new Set(chosen.map(({ target }) => target.node))]
  const work = { client, request, forMs: options.forMs, running, stop: stop.signal }
  try {
    const onNode = (node: string): TargetCandidate[] => chosen.filter(({ target }) => target.node === node)
    const outcomes = (await Promise.all(nodes.map((node) => captureOnNode(onNode(node), work)))).flat()
    await deliver(client, outcomes, output)
    if (stop.signal.aborted) return exitCodes.interrupted
    return answer.silent.length > 0
      ? combine([...outcomes.map(codeOf), exitCodes.partial])
      : combine(outcomes.map(codeOf))
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

/** `Of 3: shop/cart-0 on vm1 (12 %), shop/cart-1 on vm2 (3 %), …`, and how many are left out. */
function describeAll(chosen: readonly TargetCandidate[], count: number): string {
  const names = chosen.map(({ target, cores }) => `${printTarget(target)} on ${target.node} (${printCores(cores)})`)
  const left =
    count > chosen.length ? `; not of ${count - chosen.length} more, which use less (--at-most ${count})` : ''
  return `Of ${chosen.length}: ${names.join(', ')}${left}.`
}

interface Work {
  readonly client: Client
  readonly request: Request
  readonly forMs: number
  readonly running: Set<string>
  readonly stop: AbortSignal
}

/** Busiest first; a node that refuses for its limit is asked again when one of ours has ended there. */
async function captureOnNode(candidates: readonly TargetCandidate[], work: Work): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const here = new Set<Promise<void>>()
  /** As many as the node has been seen to take beside what others do there. */
  let room = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    let id: string | undefined
    while (id === undefined && !work.stop.aborted) {
      if (here.size >= room) await Promise.race(here)
      if (work.stop.aborted) break
      try {
        id = (await work.client.post('/api/v1/captures', { body: { ...work.request, target: candidate.target } })).id
      } catch (error) {
        const failure = asFailure(error)
        if (failure.details.guard === 'per-node' && here.size > 0) {
          room = here.size
          continue
        }
        outcomes.push({ candidate, failure })
        note(`${printTarget(candidate.target)}: ${failure.message}`)
        break
      }
    }
    if (id === undefined) continue
    note(`${id} recording ${printTarget(candidate.target)}`)
    const done = finish(candidate, id, work).then((outcome) => {
      outcomes.push(outcome)
      here.delete(done)
    })
    here.add(done)
  }
  await Promise.all(here)
  return outcomes
}

async function finish(candidate: TargetCandidate, id: string, work: Work): Promise<Outcome> {
  const { client, running, forMs } = work
  running.add(id)
  try {
    const deadline = performance.now() + forMs + graceMs
    for (;;) {
      const detail = await client.get('/api/v1/captures/{id}', { params: { id } })
      const { state } = detail.capture
      if (state !== 'recording' && state !== 'uploading') {
        note(`${id} ${state}`)
        return { candidate, detail, top: await topOf(client, detail) }
      }
      if (performance.now() > deadline) throw new Failure('TIMEOUT', `${id} is still ${state}`)
      await sleep(pollMs)
    }
  } catch (error) {
    const failure = asFailure(error)
    note(`${id}: ${failure.message}`)
    return { candidate, failure }
  } finally {
    running.delete(id)
  }
}

function codeOf({ detail, top, failure }: Outcome): number {
  if (!detail) return failure ? failures[failure.code].exit : exitCodes.interrupted
  const { capture } = detail
  if (capture.kind === 'cpu' && capture.state === 'complete' && top === undefined) return exitCodes.empty
  return exitOf(capture)
}

function combine(codes: readonly number[]): number {
  const [first = 0, ...others] = codes
  if (others.every((code) => code === first)) return first
  return codes.some((code) => code === 0 || code === exitCodes.partial) ? exitCodes.partial : first
}

async function deliver(client: Client, outcomes: readonly Outcome[], output: Output): Promise<void> {
  const details = outcomes.flatMap(({ detail }) => detail ?? [])
  if (output === undefined) return writeOut(renderAll(outcomes))
  if ('file' in output) {
    for (const { detail, top } of outcomes) {
      if (detail) await saveCapture(client, detail, { folder: output.file, hasStacks: hasStacks(detail, top) })
    }
    return
  }
  if (output.form === 'name') return writeOut(details.map(({ capture }) => `${capture.id}\n`).join(''))
  return writeForm(details, output.form as 'json' | 'yaml')
}

/**
 *     CAPTURE     STATE     TARGET           TOP FUNCTION
 *     cap-01m7y2  complete  shop/cart-0/app  regex 91.8 %
 */
function renderAll(outcomes: readonly Outcome[]): string {
  const columns = [{ title: 'CAPTURE' }, { title: 'STATE' }, { title: 'TARGET' }, { title: 'TOP FUNCTION' }]
  const rows = outcomes.map(({ candidate, detail, top, failure }) => {
    const [first] = top?.rows ?? []
    const state = detail?.capture.state ?? (failure?.code === 'REFUSED' ? 'refused' : 'failed')
    const found = first ? `${first.function} ${printShare(first.selfShare, 1)}` : (detail?.capture.message ?? '')
    return [detail?.capture.id ?? '', state, printTarget(candidate.target), found]
  })
  return renderTable(columns, rows)
}
