// Stacks of programs that keep no frame pointers: perf copies the top of each stack and unwinds it by the debug
// information of the program (.eh_frame) afterwards. Dear, so of one target and for a short time, never always on:
// 16 KiB a sample, which are 1.6 MB a second for each busy CPU at 99 Hz, and half a second of CPU a megabyte to unwind.
//
//   perf record -F 99 -e cpu-clock --call-graph dwarf,16384 -p 4242,4250 --max-size 256M -o FILE
//   perf script -i FILE --no-inline
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { printBytes } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { printTarget, type Target } from '../model/target.ts'
import { parsePerfScript } from '../profile/perf-script.ts'
import { encodePprof } from '../profile/pprof-encode.ts'
import type { Profile } from '../profile/profile.ts'
import type { CgroupView } from '../target/cgroup-view.ts'
import { startTicksOf } from '../target/process-identity.ts'
import { processesOf } from './context-processes.ts'
import { type CpuEvent, hasHardwareCycles, maxSampleHz, perfFailure } from './perf.ts'
import type { Probe, ProbeRequest, ProbeYield } from './probe.ts'
import { type RunningTool, runTool, startTool } from './run.ts'

export interface DwarfProbeOptions {
  readonly perf: string
  readonly cgroups: CgroupView
  readonly event: CpuEvent | 'auto'
  /** Samples per second and CPU where the request does not say. */
  readonly hz: number
}

/** Complete for Java-less programs on all that were measured; 8 KiB cut a tenth of redis-server's stacks. */
const stackBytes = 16_384
/** 256 MB are 30 s of five busy CPUs; perf ends by itself there, and it is said. */
const maxRecordingMiB = 256
const maxRecordingBytes = maxRecordingMiB * 1024 * 1024
/** The text is a tenth of the recording. */
const maxTextBytes = 256 * 1024 * 1024
/** perf takes no more processes than there are descriptors for; a container has some tens. */
const mostProcesses = 200
/** A second at most on every machine tried; one that needs ten is not going to record. */
const startWithinMs = 10_000
/** 740 samples take 0.1 s; after this the capture gives up a probe anyway (agent/probes.ts), with less to say. */
const unwindWithinMs = 25_000

export function createDwarfProbe(options: DwarfProbeOptions): Probe {
  return { name: 'perf-dwarf', run: (request) => runDwarf(request, options) }
}

async function runDwarf(request: ProbeRequest, options: DwarfProbeOptions): Promise<ProbeYield> {
  const { target, durationMs, signal } = request
  const pids = livingPids(target, options.cgroups)
  const hz = Math.min(request.options.hz ?? options.hz, maxSampleHz())
  const event: CpuEvent = options.event === 'auto' ? (hasHardwareCycles() ? 'cycles' : 'cpu-clock') : options.event
  const folder = await mkdtemp(join(tmpdir(), 'spikecam-dwarf-'))
  const file = join(folder, 'perf.data')
  try {
    const recorder = await startTool({
      command: options.perf,
      args: dwarfArguments({ pids, hz, event, file }),
      // perf writes what it holds when it is told to end; a recording that was killed cannot be read.
      killAfterMs: 10_000,
      deadlineMs: durationMs + startWithinMs + 10_000,
      extraPipes: 2,
    })
    recorder.stdout.resume()
    await untilRecording(recorder)
    const over = new AbortController()
    await Promise.race([
      sleep(durationMs, undefined, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => undefined),
      recorder.ended,
    ])
    over.abort()
    const end = await recorder.stop()
    const recordedBytes = (await stat(file).catch(() => undefined))?.size ?? 0
    if (recordedBytes === 0) throw perfFailure(end)
    const script = await runTool({
      command: options.perf,
      // Inlined functions are looked up by addr2line, one process per sample: minutes for nothing that a profile needs.
      args: ['script', '-i', file, '--no-inline'],
      deadlineMs: unwindWithinMs,
      maxBytes: maxTextBytes,
    })
    if (script.exitCode !== 0 && !script.cut) throw perfFailure(script)
    return await finding(script.stdout, { hz, event, recordedBytes, cut: script.cut })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** perf answers a ping from its main loop, when it records: on a busy machine it takes a second to come that far. */
async function untilRecording({ extra, ended }: RunningTool): Promise<void> {
  const [control, answers] = extra as [Duplex, Duplex]
  const over = new AbortController()
  control.write('ping\n')
  await Promise.race([
    once(answers, 'data', { signal: over.signal }),
    ended,
    sleep(startWithinMs, undefined, { signal: over.signal }),
  ]).catch(() => undefined)
  over.abort()
}

export function dwarfArguments({
  pids,
  hz,
  event,
  file,
}: {
  readonly pids: readonly number[]
  readonly hz: number
  readonly event: CpuEvent
  readonly file: string
}): string[] {
  const graph = ['--call-graph', `dwarf,${stackBytes}`]
  // Children that the processes fork meanwhile are recorded with them: perf's events are inherited.
  const whom = ['-p', pids.join(',')]
  return [
    'record',
    '-F',
    String(hz),
    '-e',
    event,
    ...graph,
    ...whom,
    '--control',
    'fd:3,4',
    '--max-size',
    `${maxRecordingMiB}M`,
    '-N',
    '-B',
    '-o',
    file,
  ]
}

/** @throws Failure TARGET_GONE */
function livingPids(target: Target, cgroups: CgroupView): readonly number[] {
  const { kind, pid, startTicks } = target
  const isOne = kind === 'process' && pid !== undefined
  const pids = isOne
    ? [pid].filter((each) => startTicks === undefined || startTicksOf(each) === startTicks)
    : processesOf(target, cgroups).pids
  if (pids.length === 0) throw new Failure('TARGET_GONE', `no process of ${printTarget(target)} is there any more`)
  return pids.slice(0, mostProcesses)
}

async function finding(
  text: Uint8Array,
  { hz, event, recordedBytes, cut }: { hz: number; event: CpuEvent; recordedBytes: number; cut: boolean },
): Promise<ProbeYield> {
  const cost = `${printBytes(recordedBytes)} of stacks were copied at ${hz} Hz (${event})`
  if (text.length === 0) {
    return { outcome: 'empty', message: `not one sample: the target used no CPU; ${cost}`, findings: [] }
  }
  const profile = parsePerfScript(text)
  const count = profile.samples.length
  const findings = [
    { name: 'dwarf.perf-script.txt.gz', mediaType: mediaTypes.perfScript, bytes: gzipSync(text) },
    { name: 'dwarf.pb.gz', mediaType: mediaTypes.pprof, bytes: gzipSync(encodePprof(ofTarget(profile))) },
  ]
  const isFull = recordedBytes >= maxRecordingBytes
  if (isFull || cut) {
    const why = `it ended early at ${printBytes(maxRecordingBytes)}; ask for less time (--for) or a lower rate (--hz)`
    return { outcome: 'partial', message: `${count} samples, ${cost}; ${why}`, findings }
  }
  return { outcome: 'ok', message: `${count} samples unwound by debug information; ${cost}`, findings }
}

/**
 * Without PIDs and times: a profile that names no process is its target's, and one without times counts as a whole, which
 * is what it is; perf's clock is not the wall's.
 */
function ofTarget(profile: Profile): Profile {
  const { offsetMs: _, ...samples } = profile.samples
  const labelSets = profile.labelSets.map((labels) => labels.filter(({ key }) => key !== 'pid'))
  return { ...profile, samples, labelSets, timeNanos: 0n }
}
