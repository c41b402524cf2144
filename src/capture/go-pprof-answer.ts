// What a program answered when it was asked for a profile, judged by what it is and not by what it says it is.
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { matchesCountedGoroutines } from '../profile/goroutines-counted.ts'
import { matchesGoroutineStacks } from '../profile/goroutines-stacks.ts'
import { matchesGzip } from '../profile/gzip.ts'
import { indexPprof, type PprofIndex } from '../profile/pprof-index.ts'
import { matchesLegacyPprof } from '../profile/pprof-legacy.ts'
import { excerpt, type HttpAnswer, printAnswer } from './http-get.ts'
import type { Finding } from './probe.ts'

/** One question to pprof. */
export interface Ask {
  /** Behind the index: `heap?seconds=10`. */
  readonly query: string
  readonly form: 'profile' | 'counted' | 'stacks' | 'trace'
  /** Of the finding. */
  readonly name: string
  /** What it says when there is nothing in it. */
  readonly emptyWhy: string
  /** The difference between two moments, not the state of one. */
  readonly isDelta?: boolean
  /** How long the program looks before it answers. */
  readonly seconds?: number
}

export type Judged =
  | { readonly finding: Finding; readonly isCut: boolean }
  /** Well formed, and nothing in it. */
  | { readonly empty: string }
  /** The program has no such profile. */
  | { readonly absent: string }

/** As much as Go itself writes of goroutines at most; a trace has some hundred kilobytes a second. */
const maxTextBytes = 64 * 1024 * 1024
/** A heap profile of this size would have a quarter of a million call stacks. A bundle asks for eight at once. */
const maxProfileBytes = 16 * 1024 * 1024
/** Of the body that is read. */
export const maxBodyBytes = ({ form }: Ask): number => (form === 'profile' ? maxProfileBytes : maxTextBytes)
/** Profiles pack to a fifth or so; more than this in memory is a trap, not a profile. */
const maxUnzippedBytes = 128 * 1024 * 1024

/** @throws Failure UNEXPECTED_ANSWER, PROFILER_BUSY, ENDPOINT_REFUSED, REFUSED, TOO_LARGE */
export async function judgeAnswer(ask: Ask, answer: HttpAnswer): Promise<Judged> {
  if (answer.status !== 200) return judgeRefusal(ask, answer)
  const { body, cut } = answer
  if (ask.form === 'profile' || cut === 'closed') refuseCut(ask, answer)
  const isCut = cut !== undefined
  switch (ask.form) {
    case 'profile':
      return judgeProfile(ask, body)
    case 'trace':
      // `go 1.26 trace` and NULs, 16 bytes (internal/trace in Go).
      if (!/^go 1\.\d+ trace\0+/.test(body.toString('latin1', 0, 16))) throw unexpected(ask, body)
      return { finding: { name: ask.name, mediaType: mediaTypes.goTrace, bytes: body }, isCut }
    case 'counted':
      if (!matchesCountedGoroutines(body)) throw unexpected(ask, body)
      return { finding: { name: ask.name, mediaType: mediaTypes.text, bytes: body }, isCut }
    case 'stacks':
      if (!matchesGoroutineStacks(body.subarray(0, 64 * 1024))) throw unexpected(ask, body)
      return { finding: { name: ask.name, mediaType: mediaTypes.text, bytes: body }, isCut }
  }
}

/**
 *   500 Could not enable CPU profiling: cpu profiling already in use
 *   400 profile duration exceeds server's WriteTimeout
 *   404 Unknown profile
 */
function judgeRefusal({ query }: Ask, answer: HttpAnswer): Judged {
  const { status } = answer
  const said = excerpt(answer.body)
  if (/profiling already in use|tracing is already enabled/i.test(said)) {
    throw new Failure('PROFILER_BUSY', `${query} answers ${status}: ${said}`)
  }
  if (/exceeds server's WriteTimeout/i.test(said)) {
    throw new Failure(
      'REFUSED',
      `${query} answers ${status}: ${said}; the program's server hangs up sooner: take a shorter --for`,
    )
  }
  if (status === 404) return { absent: `the program serves no ${query.replace(/\?.*/, '')} (404: ${said})` }
  const code = status === 401 || status === 403 ? 'ENDPOINT_REFUSED' : 'UNEXPECTED_ANSWER'
  throw new Failure(code, `${query} answers ${printAnswer(answer)}`)
}

function refuseCut(ask: Ask, { cut, body }: HttpAnswer): void {
  const { query } = ask
  if (cut === undefined) return
  if (cut === 'size') throw new Failure('TOO_LARGE', `${query} is larger than ${maxBodyBytes(ask) >> 20} MiB`)
  throw new Failure(
    'UNEXPECTED_ANSWER',
    `${query}: the connection ended after ${body.length} bytes, in the middle of it`,
  )
}

const unexpected = ({ query, form }: Ask, body: Uint8Array, cause?: unknown): Failure => {
  const wanted = { profile: 'a profile', trace: 'a trace', counted: 'counted goroutines', stacks: 'goroutines' }[form]
  const got = matchesGzip(body) ? 'compressed data of another kind' : excerpt(body) || 'nothing'
  return new Failure('UNEXPECTED_ANSWER', `${query} answers with something that is not ${wanted}: ${got}`, { cause })
}

const noDifference = 'it tells its state and no difference; Go 1.17 and later do'

async function judgeProfile(ask: Ask, body: Buffer): Promise<Judged> {
  const { isDelta, emptyWhy, name } = ask
  const older = olderForm(ask, body)
  if (older) return isDelta ? { absent: noDifference } : { finding: older, isCut: false }
  const index = await readIndex(ask, body)
  // Go before 1.17 takes no notice of `seconds` here and gives the state of the moment.
  if (isDelta && index.durationNanos === 0n) return { absent: noDifference }
  if (index.samples.length === 0) return { empty: emptyWhy }
  const bytes = matchesGzip(body) ? body : await promisify(gzip)(body)
  return { finding: { name, mediaType: mediaTypes.pprof, bytes }, isCut: false }
}

/** Of the names of findings in a form that has addresses and no names for them. */
export const olderFormEnd = '.prof'

/**
 * What gperftools serves in C++ programs, kept as it came: `heap profile: 5: 8736 [3811: 5558528] @ heap_v2/524288`, and
 * its CPU profile, which begins with the words 0, 3, 0, period in µs, 0 (gperftools, docs/cpuprofile-fileformat.html).
 */
function olderForm({ name }: Ask, body: Buffer): Finding | undefined {
  const word = (at: number): bigint | undefined => (body.length >= 40 ? body.readBigUInt64LE(at * 8) : undefined)
  const isCpu = word(0) === 0n && word(1) === 3n && word(2) === 0n
  if (!isCpu && !matchesLegacyPprof(body)) return undefined
  // Text of addresses is nothing to be shown as text.
  return { name: name.replace(/\.pb\.gz$/, olderFormEnd), mediaType: 'application/octet-stream', bytes: body }
}

/** Profiles that were asked for at once are unpacked one after another: eight traps would take a gigabyte. */
let unpacking: Promise<unknown> = Promise.resolve()

async function readIndex(ask: Ask, body: Buffer): Promise<PprofIndex> {
  const index = unpacking.then(() => indexBody(ask, body))
  unpacking = index.catch(() => undefined)
  return index
}

/** Reads its outline to the last byte, which is enough to know a whole profile and cheap beside decoding it. */
async function indexBody(ask: Ask, body: Buffer): Promise<PprofIndex> {
  try {
    const bytes = matchesGzip(body) ? await promisify(gunzip)(body, { maxOutputLength: maxUnzippedBytes }) : body
    const index = indexPprof(bytes, false)
    if (index.sampleTypes.length > 0 && index.strings.length > 0) return index
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new Failure('TOO_LARGE', `${ask.query} is larger than ${maxUnzippedBytes >> 20} MiB when it is unpacked`)
    }
    throw unexpected(ask, body, cause)
  }
  throw unexpected(ask, body)
}

/** `goroutine profile: total 12` */
export const countOfGoroutines = (counted: Uint8Array): number =>
  Number(/^goroutine profile: total (\d+)/.exec(new TextDecoder().decode(counted.subarray(0, 100)))?.[1] ?? 0)
