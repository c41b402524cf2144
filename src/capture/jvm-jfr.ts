// The probe `jvm-jfr`: a flight recording, made by the JVM itself, fetched as a file and read into a profile.
//
//   -> JFR.start name=spikecam-01k… settings=profile duration=90s maxsize=64m filename=/tmp/spikecam-01k….jfr
//   <- Started recording 1. The result will be written to: …
//   -> JFR.stop name=spikecam-01k…
//   <- Stopped recording "spikecam-01k…", 212.8 kB written to: …
// Code 0 stands before refusals too (`Could not start recording, …`), so the words decide. `duration` ends it should we
// be gone by then; without a `filename` JDK 25 would want to write to the working folder in that case.
//
// The first start in a JVM loads some hundred classes: 0.3 s on a free core, 10 s on a throttled one. It makes a folder
// in /tmp for itself, which stays empty behind and which it removes when it ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { type CaptureKind, mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { gzip } from '../profile/gzip.ts'
import { parseJfrProfile } from '../profile/jfr-profile.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import { type AttachedJvm, attachJvm } from './jvm-attach.ts'
import { newFileName, readJvmFile, removeForgotten, removeJvmFile } from './jvm-files.ts'
import { untilCounted } from './jvm-turns.ts'
import { type Finding, type Probe, type ProbeRequest, type ProbeYield, Skipped } from './probe.ts'

/** See above; a JVM that gets a tenth of a core needs it all. */
const startDeadlineMs = 60_000
/** Should we be gone by then, the JVM ends the recording by itself so long after its time. */
const orphanMs = 60_000
/** 30 s of a busy service with the settings `profile` have 2 to 10 MB; the JVM drops the oldest beyond. */
const maxSize = '64m'
/** What is kept may be a chunk longer than maxsize. */
const maxFileBytes = 128 * 1024 * 1024
/** Reading costs 0.1 s of CPU per MB, on the node that is in trouble already: larger ones are for the desk. */
const maxProfileBytes = 32 * 1024 * 1024

/** Columns that answer what was asked; the first that the recording has is shown first, of allocations the largest. */
const answers: Partial<Record<CaptureKind, readonly string[]>> = {
  cpu: ['samples', 'cpu'],
  // JDK 16 and later have the first, those before the other two, and a program of large arrays only the last.
  allocs: ['alloc_space', 'alloc_tlab', 'alloc_outside_tlab'],
  mutex: ['monitor'],
  block: ['park', 'monitor'],
}

/**
 * Kinds `cpu`, `allocs`, `mutex`, `block` and part of `bundle`; records for `durationMs`. Findings: `recording.jfr` and
 * `jfr.pb.gz`, a profile with a column per kind of event, the asked one shown first. JDK 11 and later, and 8u262.
 */
export const jvmJfr: Probe = { name: 'jvm-jfr', run: runJvmJfr }

async function runJvmJfr(request: ProbeRequest): Promise<ProbeYield> {
  const jvm = attachJvm(request)
  const file = newFileName('.jfr')
  try {
    removeForgotten(jvm)
    if (!(await untilCounted(jvm.process, request.signal))) {
      return { outcome: 'empty', message: 'it was ended before the recording began', findings: [] }
    }
    const recording = await record(jvm, request, file)
    return await makeFindings(recording, request)
  } finally {
    removeJvmFile(jvm, file)
    jvm.close()
  }
}

async function record(jvm: AttachedJvm, { durationMs, signal }: ProbeRequest, file: string): Promise<Uint8Array> {
  const name = file.replace('.jfr', '')
  let isRunning = true // also when no answer comes: it may start yet
  try {
    const seconds = Math.ceil((durationMs + orphanMs) / 1000)
    const bounds = `duration=${seconds}s maxsize=${maxSize} filename=/tmp/${file}`
    await tell(jvm, `JFR.start name=${name} settings=profile ${bounds}`, {
      expect: /^Started recording/m,
      deadlineMs: startDeadlineMs,
    })
    await sleep(durationMs, undefined, { signal }).catch(() => undefined) // ended early: what there is, is kept
    await tell(jvm, `JFR.stop name=${name}`, { expect: /^Stopped recording/m })
    isRunning = false
    return readJvmFile(jvm, file, maxFileBytes)
  } catch (error) {
    if (isRunning && !(error instanceof Skipped)) await abandon(jvm, name)
    throw error
  }
}

interface TellOptions {
  /** What the JVM says when it has done it. */
  readonly expect: RegExp
  readonly deadlineMs?: number
}

/** Not ended by the probe's own signal: a recording that was begun has to be stopped, and its file fetched. */
async function tell(jvm: AttachedJvm, line: string, { expect, deadlineMs }: TellOptions): Promise<void> {
  const { signal } = new AbortController()
  const said = new TextDecoder().decode(await jvm.jcmd(line, { signal, ...(deadlineMs && { deadlineMs }) })).trim()
  if (expect.test(said)) return
  if (/commercial|unlock/i.test(said))
    throw new Skipped('flight recordings of this JVM need -XX:+UnlockCommercialFeatures')
  const details = { stderrTail: said.slice(0, 2000) }
  throw new Failure('TOOL_FAILED', `the JVM did not carry out ${line.split(' ')[0]}: ${said.split('\n')[0]}`, {
    details,
  })
}

/** Its file is removed by who made the name. */
async function abandon(jvm: AttachedJvm, name: string): Promise<void> {
  try {
    await jvm.jcmd(`JFR.stop name=${name}`, { signal: new AbortController().signal })
  } catch {
    // It has ended, or does not answer; then its `duration=` ends the recording.
  }
}

async function makeFindings(recording: Uint8Array, { kind }: ProbeRequest): Promise<ProbeYield> {
  const raw: Finding = { name: 'recording.jfr', mediaType: mediaTypes.jfr, bytes: recording }
  if (recording.length > maxProfileBytes) {
    const message = `the recording is kept, but with ${recording.length} bytes too large to be read here: spikecam convert`
    return { outcome: 'partial', message, findings: [raw] }
  }
  const profile = parseJfrProfile(recording)
  const wanted = answers[kind] ?? profile.sampleTypes.map(({ type }) => type)
  const types = profile.samples.length === 0 ? [] : profile.sampleTypes.map(({ type }) => type)
  const present = wanted.map((type) => types.indexOf(type)).filter((index) => index >= 0)
  const total = (index: number): number =>
    profile.samples.values[index]?.reduce((sum, each) => sum + Number(each), 0) ?? 0
  const found = kind === 'allocs' ? present.sort((a, b) => total(b) - total(a))[0] : present[0]
  if (found === undefined) {
    const message = `the recording has no events of ${kind}: the program did nothing of the sort in Java code meanwhile`
    return { outcome: 'empty', message, findings: [raw] }
  }
  const bytes = await gzip(encodePprof({ ...profile, defaultType: found }))
  const message =
    'by JDK Flight Recorder, settings `profile`: every 10 or 20 ms it looks at up to five threads in Java code'
  return { outcome: 'ok', message, findings: [raw, { name: 'jfr.pb.gz', mediaType: mediaTypes.pprof, bytes }] }
}
