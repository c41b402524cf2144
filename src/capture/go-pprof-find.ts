// Finds where a process serves pprof: where options or annotations say, else on the ports that it listens on. What comes back
// decides, never the status alone: some programs answer 200 with the same page on every path.
import { Failure, type FailureCode } from '../model/errors.ts'
import { matchesCountedGoroutines } from '../profile/goroutines-counted.ts'
import type { ProcessKey } from './connect-inside.ts'
import type { AnnotatedPprof, PprofPlace } from './go-pprof-annotations.ts'
import { askEndpoint, type PprofEndpoint, printEndpoint } from './go-pprof-endpoint.ts'
import { printAnswer } from './http-get.ts'
import { parseSecretName, type ReadSecret, type Secret } from './kube-secret.ts'
import { type ListeningPort, listeningPorts } from './listening-sockets.ts'
import { Skipped } from './probe.ts'
import { readTlsFiles } from './tls-files.ts'

export interface FoundPprof {
  readonly endpoint: PprofEndpoint
  /** Profiles that its index lists, such as `heap`; undefined when it has no index. */
  readonly profiles: readonly string[] | undefined
  /** How it was found, for people. */
  readonly by: string
}

export interface FindOptions {
  /** What the pod says of it. */
  readonly annotated?: AnnotatedPprof | undefined
  readonly readSecret: ReadSecret
  /** Of the target's pod. */
  readonly namespace?: string | undefined
  /** False for a program of another language, of which no index and no goroutines are expected. */
  readonly isGo: boolean
}

/** True when the pod names a port, and this process of the pod is who listens there. */
export function isAnnotatedPlace(pid: number, annotated: AnnotatedPprof | undefined): boolean {
  if (annotated?.pprofPort === undefined || annotated.isHint) return false
  return listensOn(pid, annotated.pprofPort)
}

/** @returns false also when its sockets may not be seen, which is told once they are needed */
export function listensOn(pid: number, port: number): boolean {
  try {
    return listeningPorts(pid).some((each) => each.port === port)
  } catch {
    return false
  }
}

/** Go's own default, and the path under which net/http/pprof puts itself. */
const usualPort = 6060
const usualPath = '/debug/pprof/'
/** A Go program rarely listens on more than three; a mesh proxy may on hundreds, and has its pprof among the first. */
const maxPorts = 16
/** A program that gets no CPU for its limit may take seconds to answer; one that takes longer is not asked any more. */
const timeoutMs = 5000
/** The index of a program with hundreds of custom profiles. */
const maxIndexBytes = 256 * 1024

/**
 * @param place what who asks knows of it
 * @throws Skipped when the process has none; Failure when what is named does not answer as it should, or when something
 * may be there and does not let us in
 */
export async function findPprof(
  process: ProcessKey,
  place: PprofPlace,
  { annotated, readSecret, namespace, isGo }: FindOptions,
): Promise<FoundPprof> {
  const ports = listeningPorts(process.pid)
  // Asked for once, however many ports are tried with it.
  let secret: Promise<Secret> | undefined
  const tryPort = async (
    port: ListeningPort,
    how: PprofPlace,
    signal?: AbortSignal,
  ): ReturnType<typeof tryEndpoint> => {
    if (how.pprofSecret !== undefined) secret ??= readSecret(parseSecretName(how.pprofSecret, namespace))
    return tryEndpoint(process, { ...how, ...port }, { secret: await secret, isGo, signal })
  }
  const named = place.pprofPort
  if (named !== undefined) {
    const port = ports.find(({ port }) => port === named)
    if (!port)
      throw new Failure('ENDPOINT_UNREACHABLE', `the process does not listen on port ${named}; ${printPorts(ports)}`)
    return { ...(await tryPort(port, place)), by: 'as named' }
  }
  if (ports.length === 0) throw new Skipped('the process listens on no TCP port, so it serves no pprof')
  const meant = annotated && ports.find(({ port }) => port === annotated.pprofPort)
  if (meant && annotated && !annotated.isHint) {
    return { ...(await tryPort(meant, { ...annotated, ...place })), by: `by annotation ${annotated.by}` }
  }
  // Of a pod with several containers the annotated port may be another one's: then it is looked for as without.
  const known = annotated && annotated.pprofPort === undefined ? { ...annotated, ...place } : place
  const reasons = new Map<number, Failure>()
  const done = new AbortController()
  const tryOne = async (port: ListeningPort): Promise<FoundPprof> => {
    try {
      return { ...(await tryPort(port, known, done.signal)), by: `among ${ports.length} listening` }
    } catch (error) {
      if (error instanceof Failure) reasons.set(port.port, error)
      throw error
    }
  }
  const likely = ports.filter((each) => each === meant || each.port === usualPort)
  const others = ports.filter((port) => !likely.includes(port)).slice(0, maxPorts)
  try {
    // What is likely is asked alone, so that nobody else is bothered; of the others whoever answers first.
    for (const port of likely) {
      const found = await tryOne(port).catch(() => undefined)
      if (found) return found
    }
    return await Promise.any(others.map(tryOne))
  } catch (error) {
    throw toldByAll(error) ?? nothingFound(ports, reasons)
  } finally {
    done.abort()
  }
}

const ofAllPorts: readonly FailureCode[] = ['USAGE', 'TARGET_GONE', 'SECRET_UNREADABLE']

/** What is no matter of one port: a file that was named and cannot be read, the end of the process, a bug. */
function toldByAll(error: unknown): unknown {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : []
  return errors.find((each) => !(each instanceof Failure) || ofAllPorts.includes(each.code))
}

function nothingFound(ports: readonly ListeningPort[], reasons: ReadonlyMap<number, Failure>): Error {
  const failures = [...reasons.values()]
  const said = failures.map(({ message }) => message).join('; ')
  const left = ports.length - reasons.size
  const more = left > 0 ? `; ${left} more ports were not tried` : ''
  // Behind these there may be one.
  const refusal = failures.find(
    ({ code }) => code === 'TLS_REFUSED' || code === 'ENDPOINT_REFUSED' || code === 'NOT_PERMITTED',
  )
  if (refusal) return new Failure(refusal.code, `no pprof was reached: ${said}${more}`)
  return new Skipped(`no pprof was found: ${said}${more}. Go programs have it when they import net/http/pprof`)
}

const printPorts = (ports: readonly ListeningPort[]): string =>
  ports.length === 0 ? 'it listens on none' : `it listens on ${ports.map(({ port }) => port).join(', ')}`

interface TryOptions extends Pick<FindOptions, 'isGo'> {
  readonly secret: Secret | undefined
  readonly signal: AbortSignal | undefined
}

/** @throws Failure of the scheme that came furthest */
async function tryEndpoint(
  process: ProcessKey,
  { host, port, ...place }: PprofPlace & ListeningPort,
  { secret, isGo, signal }: TryOptions,
): Promise<Omit<FoundPprof, 'by'>> {
  const { pprofPath = usualPath, pprofScheme, pprofCa, pprofCert, pprofKey, pprofServerName, pprofSkipVerify } = place
  const files = readTlsFiles(process.pid, { ca: pprofCa, cert: pprofCert, key: pprofKey, secret })
  const endpoint = {
    process,
    host,
    port,
    base: pprofPath.endsWith('/') ? pprofPath : `${pprofPath}/`,
    files,
    serverName: pprofServerName,
    skipVerify: pprofSkipVerify ?? false,
  }
  const isTlsNamed = files.ca !== undefined || files.cert !== undefined || pprofServerName !== undefined
  const wantsTls = isTlsNamed || pprofSkipVerify
  const first = pprofScheme ?? (wantsTls ? 'https' : 'http')
  try {
    return await look({ ...endpoint, scheme: first }, { isGo, signal })
  } catch (error) {
    if (pprofScheme !== undefined || !isOtherProtocol(error)) throw error
    return await look({ ...endpoint, scheme: first === 'http' ? 'https' : 'http' }, { isGo, signal })
  }
}

/** What a server of one protocol does when it is spoken to in the other. */
const isOtherProtocol = (error: unknown): boolean =>
  error instanceof Failure && /speaks (no )?(TLS|HTTP)|hung up without/.test(error.message)

/** @throws Failure */
async function look(
  endpoint: PprofEndpoint,
  { isGo, signal = new AbortController().signal }: Pick<TryOptions, 'isGo' | 'signal'>,
): Promise<Omit<FoundPprof, 'by'>> {
  const options = { maxBytes: maxIndexBytes, timeoutMs, signal }
  const index = await askEndpoint(endpoint, '', options)
  const { status, body } = index
  const profiles = status === 200 ? indexedProfiles(body) : undefined
  if (profiles) return { endpoint, profiles }
  if (status === 401 || status === 403) {
    throw new Failure('ENDPOINT_REFUSED', `${printEndpoint(endpoint)} answers ${printAnswer(index)}`)
  }
  // What somebody named of a program that is not Go is believed: whether it is pprof is seen from the profile itself.
  if (!isGo) return { endpoint, profiles: undefined }
  // Some programs serve the profiles without the index.
  const bare = await askEndpoint(endpoint, 'goroutine?debug=1', options)
  if (bare.status === 200 && matchesCountedGoroutines(bare.body)) return { endpoint, profiles: undefined }
  const what = status === 200 ? 'a page that is not the index of pprof' : printAnswer(index)
  throw new Failure('UNEXPECTED_ANSWER', `${printEndpoint(endpoint)} answers ${what}`)
}

/**
 * What Go's index page links to:
 *
 *   <tr><td>2</td><td><a href='allocs?debug=1'>allocs</a></td></tr>
 */
export function indexedProfiles(page: Uint8Array): string[] | undefined {
  const text = new TextDecoder().decode(page)
  const names = [...text.matchAll(/href=["']?(?:[^"'>?]{0,200}\/)?([\w.-]{1,100})\?debug=\d/g)].map(
    (match) => match[1] as string,
  )
  return names.includes('goroutine') || names.includes('heap') ? [...new Set(names)] : undefined
}
