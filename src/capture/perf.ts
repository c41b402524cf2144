// perf as a live source of samples: which event, which arguments, and the control channel that makes it timely.
//
// A perf that writes to a pipe hands its data over only when a ring fills (5 to 18 s late at 99 Hz). With
// `--control fd:CTL,ACK` it drains every ring at once when it reads `ping\n` and answers `ack\n`, so a drain every
// 2 s and one at the trigger give complete and current data at the cost of a large ring (perf-record(1), --control).
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Duplex, Readable } from 'node:stream'
import { Failure } from '../model/errors.ts'
import { runTool, startTool, type ToolEnd } from './run.ts'

/** `cycles` needs a hardware PMU, which most virtual machines do not have; `cpu-clock` is a timer and always works. */
export type CpuEvent = 'cycles' | 'cpu-clock'

export interface PerfOptions {
  readonly hz: number
  readonly event: CpuEvent
  /** Ring pages of 4 KiB per CPU; 256 (1 MiB) lost nothing in a fork storm with a ping every 2 s, 16 did. */
  readonly ringPages?: number
  readonly perf?: string
  readonly signal?: AbortSignal
}

export interface PerfProcess {
  readonly pid: number
  /** A pipe-mode perf.data stream. */
  readonly stdout: Readable
  readonly event: CpuEvent
  readonly ended: Promise<ToolEnd>
  stderrTail(): string
  /**
   * Makes perf write out all it has and resolves when those bytes have been handed to the readers of `stdout`;
   * false when perf did not answer within `timeoutMs`.
   */
  drain(timeoutMs?: number): Promise<boolean>
  /** Ends the recording cleanly: everything taken so far is written first. */
  stop(): Promise<ToolEnd>
}

/** True when the kernel has a CPU PMU to count cycles with: `cpu` on x86, `armv8_pmuv3_0` and the like on arm64. */
export function hasHardwareCycles(devices = '/sys/bus/event_source/devices'): boolean {
  if (!existsSync(devices)) return false
  return readdirSync(devices).some((name) => /^(cpu|cpu_core|cpu_atom|armv\d+_.*pmu.*|armv8_pmuv3.*)$/.test(name))
}

/** The most samples per second that the kernel takes; asked for more, perf takes fewer and only warns. */
export function maxSampleHz(path = '/proc/sys/kernel/perf_event_max_sample_rate'): number {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return Number.parseInt(text, 10) || Number.POSITIVE_INFINITY
}

/** Arguments of the recorder; kept apart so that a test and `doctor` can show them. */
export function perfArguments(options: Pick<PerfOptions, 'hz' | 'event' | 'ringPages'>): string[] {
  return [
    'record',
    '-F',
    String(options.hz),
    '-a',
    '-g',
    '-e',
    // `:I` leaves out the idle task: on an idle machine that is 98 % of the samples and half of our cost.
    options.event === 'cpu-clock' ? 'cpu-clock:I' : 'cycles',
    '--all-cgroups',
    // Sample times on the clock that Node reads too, so that they can be put on the wall clock.
    '-k',
    'CLOCK_MONOTONIC',
    '-m',
    String(options.ringPages ?? 256),
    '--control',
    'fd:3,4',
    // No copy of every hit binary into ~/.debug, no pass over the data at exit.
    '-N',
    '-B',
    '-o',
    '-',
  ]
}

/**
 * Starts a whole-machine recording with call chains.
 * @throws Failure TOOL_MISSING | NOT_PERMITTED when perf cannot be started; what it says afterwards is in `ended`,
 * and `perfFailure` turns that into an error with the next step
 */
export async function startPerf(options: PerfOptions): Promise<PerfProcess> {
  const tool = await startTool({
    command: options.perf ?? 'perf',
    args: perfArguments(options),
    extraPipes: 2,
    ...(options.signal ? { signal: options.signal } : {}),
  })
  const [control, answers] = tool.extra as [Duplex, Duplex]
  const waiting: ((answered: boolean) => void)[] = []
  answers.on('data', (chunk: Buffer) => {
    // `ack\n\0` for every command; several may arrive in one read.
    for (const _ of chunk.toString('latin1').matchAll(/ack/g)) waiting.shift()?.(true)
  })
  let alive = true
  void tool.ended.then(() => {
    alive = false
    for (const answer of waiting.splice(0)) answer(false)
  })
  const command = (word: string, timeoutMs: number): Promise<boolean> => {
    if (!alive) return Promise.resolve(false)
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs)
      waiting.push((answered) => {
        clearTimeout(timer)
        resolve(answered)
      })
      control.write(`${word}\n`)
    })
  }
  return {
    pid: tool.pid,
    stdout: tool.stdout,
    event: options.event,
    ended: tool.ended,
    stderrTail: tool.stderrTail,
    drain: async (timeoutMs = 2000) => {
      // perf answers a command *before* its next pass over the rings (builtin-record.c: read all, poll, commands), so
      // only the answer to a second one says that the pass is done and its bytes are in the pipe.
      const answers = await Promise.all([command('ping', timeoutMs), command('ping', timeoutMs)])
      // Both pipes are ready in the same turn of the event loop; two more turns empty what stdout still holds, which
      // is at most one socket buffer because perf blocks on a full one.
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      return answers.every(Boolean)
    },
    stop: async () => {
      // `stop` drains and exits with 0; TERM is for a perf that does not listen any more.
      await command('stop', 1500)
      const timer = setTimeout(() => void tool.stop(), 1500)
      const end = await tool.ended
      clearTimeout(timer)
      return end
    },
  }
}

/** What perf's last words mean, as an error with a next step. */
export function perfFailure(end: Pick<ToolEnd, 'exitCode' | 'signal' | 'stderrTail'>): Failure {
  const text = end.stderrTail
  const details = { stderr: text, exitCode: end.exitCode, signal: end.signal }
  // "Permission error mapping pages. Consider increasing /proc/sys/kernel/perf_event_mlock_kb, …" (builtin-record.c)
  // The name of the setting alone will not do: what perf says of perf_event_paranoid mentions it too.
  if (
    /Consider increasing \/proc\/sys\/kernel\/perf_event_mlock_kb|failed to mmap with \d+ \(Cannot allocate memory\)/.test(
      text,
    )
  ) {
    const message = 'perf may lock no more memory for its rings: another perf may have used up what this user has'
    return new Failure('PERF_MLOCK', message, { details })
  }
  if (/perf_event_paranoid|Permission denied|Operation not permitted|No permission/i.test(text)) {
    return new Failure('PERF_FORBIDDEN', 'perf may not record the whole machine', { details })
  }
  if (/perf not found for kernel|linux-tools|command not found/i.test(text)) {
    return new Failure('TOOL_MISSING', 'perf is only a wrapper here and finds no perf for this kernel', { details })
  }
  const how = end.signal ? `was killed by ${end.signal}` : `ended with code ${end.exitCode}`
  const last = text.trim().split('\n').at(-1)
  return new Failure('TOOL_FAILED', `perf ${how}${last ? `: ${last}` : ''}`, { details })
}

/** `perf version 6.1.187` -> `6.1.187`; undefined when perf is not there. */
export async function perfVersion(perf = 'perf'): Promise<string | undefined> {
  try {
    const result = await runTool({ command: perf, args: ['--version'], deadlineMs: 5000, maxBytes: 4096 })
    return /perf version (\S+)/.exec(new TextDecoder().decode(result.stdout))?.[1]
  } catch (error) {
    if (error instanceof Failure && error.code === 'TOOL_MISSING') return undefined
    throw error
  }
}
