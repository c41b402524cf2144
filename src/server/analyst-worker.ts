// The worker that reads profiles: decoding and counting happen here, so that the server answers others meanwhile.
// Loaded as a worker (workerData.worker === 'analyst') it serves; loaded otherwise it does nothing.
import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { renderSvg } from '../flame/svg.ts'
import { asFailure, type FailureDetails } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { printFolded } from '../profile/folded.ts'
import { gunzip, gzip, matchesGzip } from '../profile/gzip.ts'
import { decodePprof } from '../profile/pprof-decode.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import type { Profile } from '../profile/profile.ts'
import { flameView, threadsView, topView, type ViewRequest, viewProfile, viewTree } from './profile-views.ts'

export type Question =
  | { readonly view: 'flame' | 'pprof' | 'folded'; readonly request: ViewRequest }
  | { readonly view: 'top'; readonly request: ViewRequest; readonly limit: number }
  | { readonly view: 'threads'; readonly request: ViewRequest; readonly target: Target }
  | {
      readonly view: 'svg'
      readonly request: ViewRequest
      readonly title: string
      readonly subtitle: string
      readonly provenance: string
    }

export interface Job {
  readonly job: number
  readonly sha256: string
  /** Only when the worker said that it does not have them. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly question: Question
}

export type JobResult =
  | { readonly job: number; readonly answer: Uint8Array<ArrayBuffer> }
  | { readonly job: number; readonly needsBytes: true }
  | {
      readonly job: number
      readonly failure: { readonly code: string; readonly message: string; readonly details: FailureDetails }
    }

/** Decoded profiles kept for the next question: the one that is looked at, and one to flip to and back. */
const keptProfiles = 3

if (!isMainThread && parentPort && (workerData as { worker?: string } | null)?.worker === 'analyst') serve(parentPort)

function serve(port: MessagePort): void {
  const profiles = new Map<string, Profile>()
  const handle = async ({ job, sha256, bytes, question }: Job): Promise<JobResult> => {
    try {
      let profile = profiles.get(sha256)
      if (!profile && !bytes) return { job, needsBytes: true }
      profile ??= await readProfile(bytes as Uint8Array<ArrayBuffer>)
      // Re-inserted: the first key of a Map is the one that was not asked for the longest.
      profiles.delete(sha256)
      profiles.set(sha256, profile)
      for (const oldest of profiles.keys()) if (profiles.size > keptProfiles) profiles.delete(oldest)
      return { job, answer: await answer(profile, question) }
    } catch (error) {
      const { code, message, details } = asFailure(error)
      return { job, failure: { code, message, details } }
    }
  }
  port.on('message', async (job: Job) => {
    const result = await handle(job)
    port.postMessage(result, 'answer' in result ? [result.answer.buffer] : [])
  })
}

/** What a damaged file still holds is shown; its losses say what is missing. */
async function readProfile(bytes: Uint8Array<ArrayBuffer>): Promise<Profile> {
  const unpacked = matchesGzip(bytes) ? (await gunzip(bytes)).bytes : bytes
  return decodePprof(unpacked, { salvage: true })
}

async function answer(profile: Profile, question: Question): Promise<Uint8Array<ArrayBuffer>> {
  const { request } = question
  switch (question.view) {
    case 'flame':
      return encodeText(JSON.stringify(flameView(profile, request)))
    case 'top':
      return encodeText(JSON.stringify(topView(profile, request, question.limit)))
    case 'threads':
      return encodeText(JSON.stringify(threadsView(profile, request, question.target)))
    case 'pprof':
      return ownBuffer(await gzip(encodePprof(viewProfile(profile, request))))
    case 'folded':
      // Kernel, compiled and inlined frames are marked, as stackcollapse-perf.pl --all does: a picture may be drawn of it.
      return ownBuffer(printFolded(viewProfile(profile, request), { annotate: true }))
    case 'svg': {
      const { tree, samples, value, baseSamples } = viewTree(profile, request)
      const { title, subtitle, provenance } = question
      const { range, baseRange } = request
      const baseFactor = baseRange ? (range.toMs - range.fromMs) / (baseRange.toMs - baseRange.fromMs) : 1
      const counts = `${samples} samples${baseSamples === undefined ? '' : `, ${baseSamples} before`}`
      const losses = profile.losses.map(({ what, count }) => `; ${count} ${what}`).join('')
      const scale = { perSample: value / samples, baseFactor }
      return encodeText(renderSvg(tree, { title, subtitle, provenance: `${counts}${losses}; ${provenance}`, scale }))
    }
  }
}

const encodeText = (text: string): Uint8Array<ArrayBuffer> => ownBuffer(new TextEncoder().encode(text))

/** Bytes in a buffer of their own, which can be handed over: Node cuts small arrays out of a shared pool. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const isWhole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
  return isWhole ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes)
}
