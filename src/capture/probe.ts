// What every probe of a running process is given and gives back. A probe may throw; `runProbe` makes a result of
// whatever happens, so that no probe can spoil another one's evidence.
import type { CaptureKind, ProbeOptions, ProbeResult } from '../model/capture.ts'
import { asFailure } from '../model/errors.ts'
import type { Target } from '../model/target.ts'

export interface ProbeRequest {
  /** One process, with its PID and start time. A probe checks both again right before it attaches. */
  readonly target: Target
  readonly kind: CaptureKind
  /** How long to look, for probes that look for a while. */
  readonly durationMs: number
  readonly options: ProbeOptions
  /** Aborted: end now and keep what there is. */
  readonly signal: AbortSignal
}

/** Bytes in their native format; `name` is the end of the file name, such as `heap.pb.gz`, after host, time and scope. */
export interface Finding {
  readonly name: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface ProbeYield {
  readonly outcome: 'ok' | 'partial' | 'empty'
  /** Always there for `partial` and `empty`: why. For `ok`: what a reader must know, such as the engine. */
  readonly message?: string
  readonly findings: readonly Finding[]
}

export interface Probe {
  /** As in `Artifact.probe`: `go-pprof`, `jvm-threads`, … */
  readonly name: string
  /** @throws Failure: the probe failed; Skipped: it does not fit this process */
  run(request: ProbeRequest): Promise<ProbeYield>
}

/** Thrown by a probe that has nothing to do here; the message says why and what would change it. */
export class Skipped extends Error {}

/** What a program says of itself is part of many messages, and a hostile one may say megabytes. */
const maxMessageLetters = 4000
const cutMessage = (text: string): string =>
  text.length > maxMessageLetters ? `${text.slice(0, maxMessageLetters)}…` : text

/** Runs a probe; never throws. @param nowMs ms since the epoch */
export async function runProbe(
  probe: Probe,
  request: ProbeRequest,
  nowMs: () => number,
): Promise<{ readonly result: ProbeResult; readonly findings: readonly Finding[] }> {
  const startedMs = nowMs()
  const about = (): Pick<ProbeResult, 'probe' | 'startedMs' | 'endedMs'> => ({
    probe: probe.name,
    startedMs,
    endedMs: nowMs(),
  })
  try {
    const { outcome, message, findings } = await probe.run(request)
    return { result: { ...about(), outcome, ...(message ? { message: cutMessage(message) } : {}) }, findings }
  } catch (error) {
    if (error instanceof Skipped) {
      return { result: { ...about(), outcome: 'skipped', message: cutMessage(error.message) }, findings: [] }
    }
    const { code, message, details } = asFailure(error)
    const stderrTail = typeof details.stderrTail === 'string' ? details.stderrTail : undefined
    const failed = { ...about(), outcome: 'failed' as const, code, message: cutMessage(message) }
    return { result: { ...failed, ...(stderrTail ? { stderrTail } : {}) }, findings: [] }
  }
}
