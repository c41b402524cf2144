// The Go probe: asks the program's own net/http/pprof, inside its network, for what was wanted.
import type { CaptureKind } from '../model/capture.ts'
import { asFailure, Failure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { detectRuntime } from '../target/runtime.ts'
import type { ProcessKey } from './connect-inside.ts'
import { annotatedPprof } from './go-pprof-annotations.ts'
import { type Ask, countOfGoroutines, type Judged, judgeAnswer, maxBodyBytes, olderFormEnd } from './go-pprof-answer.ts'
import { askEndpoint, printEndpoint } from './go-pprof-endpoint.ts'
import { type FoundPprof, findPprof, isAnnotatedPlace } from './go-pprof-find.ts'
import { type ReadSecret, secretReader } from './kube-secret.ts'
import { type Finding, type Probe, type ProbeRequest, type ProbeYield, Skipped } from './probe.ts'
import { namedInCommandLine } from './tls-files.ts'

export interface GoPprofOptions {
  /** Annotations of the pod that a process is in; without it none are known. */
  readonly annotationsOf?: (target: Target) => Readonly<Record<string, string>> | undefined
  /** For `--pprof-secret`; without it that is refused. */
  readonly readSecret?: ReadSecret
}

/** Beyond what the program needs to look: for a large heap profile of a program that hardly gets CPU. */
const answerMs = 20_000
/** Several kinds of one capture ask at nearly the same time; later it may listen elsewhere. */
const rememberMs = 30_000
/**
 * Go stops the program while it writes all stacks (debug=2). 10 000 of 12 frames took 0.25 to 0.37 s on a busy machine with
 * Go 1.26, so this is about a tenth of a second. The other two forms pause it only for an instant since Go 1.19.
 */
const maxStoppedGoroutines = 4000

const off = (what: string, how: string): string =>
  `no ${what} was counted: nothing waited, or the program does not turn it on with runtime.${how}`
const emptyWhys: Readonly<Record<string, string>> = {
  profile: 'the program used no CPU in that time',
  heap: 'the program has sampled no allocation yet',
  allocs: 'the program has sampled no allocation yet',
  mutex: off('contention of mutexes', 'SetMutexProfileFraction'),
  block: off('blocking', 'SetBlockProfileRate'),
}

/** What to ask for a kind: states of the moment first, then what looks for a while. Without a row Go has nothing of it. */
const asks: Partial<Record<CaptureKind, (seconds: number) => Ask[]>> = {
  cpu: (seconds) => [timed('profile', 'cpu.pb.gz', Math.max(1, seconds))],
  heap: (seconds) => stateAndChange('heap', seconds),
  allocs: (seconds) => stateAndChange('allocs', seconds),
  mutex: (seconds) => stateAndChange('mutex', seconds),
  block: (seconds) => stateAndChange('block', seconds),
  goroutines: () => [
    { query: 'goroutine?debug=1', form: 'counted', name: 'goroutines-counted.txt', emptyWhy: '' },
    state('goroutine', 'goroutines.pb.gz'),
    { query: 'goroutine?debug=2', form: 'stacks', name: 'goroutines.txt', emptyWhy: '' },
  ],
  threads: () => [state('threadcreate', 'threadcreate.pb.gz')],
  trace: (seconds) => [{ ...timed('trace', 'trace.out', Math.max(1, seconds)), form: 'trace' }],
}

function state(profile: string, name: string): Ask {
  return { query: profile, form: 'profile', name, emptyWhy: emptyWhys[profile] ?? `the ${profile} profile is empty` }
}

function timed(profile: string, name: string, seconds: number): Ask {
  return { ...state(profile, name), query: `${profile}?seconds=${seconds}`, seconds }
}

function stateAndChange(profile: string, seconds: number): Ask[] {
  if (seconds < 1) return [state(profile, `${profile}.pb.gz`)]
  const change = { ...timed(profile, `${profile}-delta.pb.gz`, seconds), isDelta: true }
  const emptyWhy = `no change of ${profile} in ${seconds} s`
  return [state(profile, `${profile}.pb.gz`), { ...change, emptyWhy }]
}

/**
 * Profiles of a Go program by its own pprof, for the kinds cpu, heap, allocs, mutex, block, goroutines, trace, and threads
 * (who created them). heap, allocs, mutex and block are two findings: the state, and its change over `durationMs` where
 * that is a second or more. Where pprof is comes from the options `pprof…`, else from annotations, else it is looked for.
 */
export function goPprofProbe({ annotationsOf, readSecret = secretReader(undefined) }: GoPprofOptions = {}): Probe {
  const places = new Map<string, Promise<FoundPprof>>()

  const placeOf = (process: ProcessKey, { target, options }: ProbeRequest): Promise<FoundPprof> => {
    const annotated = annotatedPprof(annotationsOf?.(target) ?? {})
    const { runtime } = detectRuntime(process.pid)
    const isGo = runtime === 'go'
    if (!isGo && options.pprofPort === undefined && !isAnnotatedPlace(process.pid, annotated)) {
      const what = runtime === 'unknown' ? 'a program that could not be looked at' : `a ${runtime} program`
      throw new Skipped(
        `not a Go program but ${what}; if it serves pprof all the same, name its port with --pprof-port`,
      )
    }
    const key = JSON.stringify([process, options])
    const known = places.get(key)
    if (known) return known
    const place = findPprof(process, options, { annotated, readSecret, namespace: target.namespace, isGo })
    places.set(key, place)
    const forget = (): void => void places.delete(key)
    place.then(() => setTimeout(forget, rememberMs).unref(), forget)
    return place
  }

  return {
    name: 'go-pprof',
    run: async (request) => {
      const wanted = asks[request.kind]?.(Math.round(request.durationMs / 1000))
      if (!wanted) throw new Skipped(`Go's pprof has no ${request.kind}`)
      const { pid, startTicks } = request.target
      if (pid === undefined || startTicks === undefined) throw new Skipped('pprof is asked of one process')
      try {
        const found = await placeOf({ pid, startTicks }, request)
        return await collect(found, wanted, request)
      } catch (error) {
        throw withHint(error, pid, request)
      }
    },
  }
}

/** Whoever has to name a certificate is told which ones the program itself was given. */
function withHint(error: unknown, pid: number, { options }: ProbeRequest): unknown {
  if (!(error instanceof Failure) || error.code !== 'TLS_REFUSED' || (options.pprofCert && options.pprofCa))
    return error
  const files = namedInCommandLine(pid)
  if (files.length === 0) return error
  return new Failure(error.code, `${error.message}; its command line names ${files.join(', ')}`, { cause: error })
}

/** For who knows no annotations. */
export const goPprof: Probe = goPprofProbe()

async function collect(found: FoundPprof, wanted: readonly Ask[], request: ProbeRequest): Promise<ProbeYield> {
  const findings: Finding[] = []
  const gaps: {
    readonly kind: 'empty' | 'absent' | 'cut' | 'failed'
    readonly why: string
    readonly failure?: Failure
  }[] = []
  const ask = async (each: Ask): Promise<void> => {
    const profile = each.query.replace(/\?.*/, '')
    if (found.profiles && !found.profiles.includes(profile)) {
      gaps.push({ kind: 'absent', why: `its index lists no ${profile}` })
      return
    }
    try {
      const judged = await askOnce(found, each, request)
      if ('empty' in judged) gaps.push({ kind: 'empty', why: judged.empty })
      else if ('absent' in judged) gaps.push({ kind: 'absent', why: judged.absent })
      else {
        findings.push(judged.finding)
        if (judged.isCut) gaps.push({ kind: 'cut', why: `${judged.finding.name} is not whole` })
      }
    } catch (error) {
      const failure = asFailure(error)
      gaps.push({ kind: 'failed', why: failure.message, failure })
    }
  }
  for (const each of wanted) {
    if (each.seconds !== undefined) continue
    const count = countIn(findings)
    if (each.form === 'stacks' && count > maxStoppedGoroutines && !request.options.force) {
      const why = `the whole stacks of ${count} goroutines were left out, for the program stands still meanwhile; --force REASON takes them`
      gaps.push({ kind: 'cut', why })
    } else await ask(each)
  }
  await Promise.all(wanted.filter(({ seconds }) => seconds !== undefined).map(ask))

  const whys = gaps.map(({ why }) => why)
  if (findings.length === 0) {
    const failure = gaps.find((gap) => gap.failure)?.failure
    if (failure) throw failure
    if (gaps.every(({ kind }) => kind === 'absent')) throw new Skipped(whys.join('; '))
    return { outcome: 'empty', message: whys.join('; '), findings }
  }
  const { endpoint, by } = found
  const trust = endpoint.skipVerify && endpoint.scheme === 'https' ? ', its certificate was not verified' : ''
  const isOlder = findings.some(({ name }) => name.endsWith(olderFormEnd))
  const form = isOlder ? ['in the form of gperftools, addresses without names: pprof PROGRAM FILE shows it'] : []
  const message = [`${printEndpoint(endpoint)} (found ${by}${trust})`, ...form, ...whys].join('; ')
  const isWhole = gaps.every(({ kind }) => kind === 'empty' || kind === 'absent')
  return { outcome: isWhole ? 'ok' : 'partial', message, findings }
}

const countIn = (findings: readonly Finding[]): number => {
  const counted = findings.find(({ name }) => name === 'goroutines-counted.txt')
  return counted ? countOfGoroutines(counted.bytes) : 0
}

async function askOnce({ endpoint }: FoundPprof, ask: Ask, { signal }: ProbeRequest): Promise<Judged> {
  const timeoutMs = (ask.seconds ?? 0) * 1000 + answerMs
  try {
    return await judgeAnswer(
      ask,
      await askEndpoint(endpoint, ask.query, { maxBytes: maxBodyBytes(ask), timeoutMs, signal }),
    )
  } catch (error) {
    if (!signal.aborted) throw error
    // A profile comes at the end of its time and not before; a trace comes as it goes.
    return { empty: `${ask.query} was ended before the program had answered` }
  }
}
