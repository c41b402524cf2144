// py-spy: stacks of a Python process as Python names them, read from outside out of its memory. Not in Debian and not in
// npm, so it runs where somebody put it on the node (https://github.com/benfred/py-spy, a static binary of 8 MB).
//
//   py-spy dump --pid 4242 --nonblocking
//     Process 4242: python app.py
//     Python v3.12.1 (/usr/bin/python3.12)
//
//     Thread 4242 (active+gil): "MainThread"
//         hot_inner (app.py:4)
//         handle_parse (app.py:7)
//   py-spy record --pid 4242 --format raw    <module> (app.py:12);handle_parse (app.py:7);hot_inner (app.py:4) 99
//                                            on stdout: "py-spy> Wrote raw … Samples: 99 Errors: 0"
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { printBytes } from '../lib/units.ts'
import { mediaTypes } from '../model/capture.ts'
import { Failure } from '../model/errors.ts'
import { readProcess, startTicksOf } from '../target/process-identity.ts'
import { detectRuntime } from '../target/runtime.ts'
import { type Probe, type ProbeRequest, type ProbeYield, Skipped } from './probe.ts'
import { runTool, type ToolResult } from './run.ts'

/** py-spy's own default; it reads the memory of the process for every look. */
const hz = 100
/** To find the interpreter's symbols takes it up to some seconds in a large program on a busy node. */
const attachMs = 15_000
/** A dump has some kilobytes a thread, and ten minutes of stacks of a large program some megabytes. */
const maxBytes = 16 * 1024 * 1024

const howToGet =
  'py-spy is not on this node: get it with `pip install py-spy` or from github.com/benfred/py-spy/releases, and put it into /usr/local/bin'

export const pySpy: Probe = {
  name: 'py-spy',
  run: async (request) => {
    requirePython(request)
    return request.kind === 'threads' ? dump(request) : record(request)
  },
}

/** @throws Skipped, Failure TARGET_GONE */
export function requirePython({ target: { pid, startTicks } }: Pick<ProbeRequest, 'target'>): number {
  if (pid === undefined || startTicks === undefined) throw new Skipped('Python stacks are of one process; name it')
  if (startTicksOf(pid) !== startTicks) throw new Failure('TARGET_GONE', `process ${pid} has ended`)
  const { runtime } = detectRuntime(pid)
  if (runtime !== 'python') throw new Skipped(`process ${pid} is not Python but ${runtime}`)
  return pid
}

async function dump(request: ProbeRequest): Promise<ProbeYield> {
  const { stdout } = await run(['dump'], request, attachMs)
  const text = new TextDecoder().decode(stdout)
  const threads = [...text.matchAll(/^Thread (?:0x)?[\da-fA-F]+ \(([^)]*)\)/gm)].map((match) => match[1] as string)
  if (threads.length === 0) return { outcome: 'empty', message: 'py-spy saw no Python thread', findings: [] }
  const holder = threads.some((state) => state.includes('gil')) ? 'one of them holds' : 'none of them holds'
  return {
    outcome: 'ok',
    message: `py-spy${mode(request)}: ${threads.length} thread${threads.length === 1 ? '' : 's'}, ${holder} the interpreter's lock${isElsewhere(request) ? `; ${cannotTell}` : ''}`,
    findings: [{ name: 'python-threads.txt', mediaType: mediaTypes.text, bytes: stdout }],
  }
}

async function record(request: ProbeRequest): Promise<ProbeYield> {
  const { durationMs, options } = request
  const seconds = Math.max(1, Math.round(durationMs / 1000))
  // It writes to a path only, and not to a socket, which is what its stdout is here.
  const folder = mkdtempSync(join(tmpdir(), 'spikecam-py-spy-'))
  try {
    const file = join(folder, 'stacks')
    const args = ['record', '--format', 'raw', '--output', file, '--rate', String(hz), '--duration', String(seconds)]
    const { stdout } = await run(
      [...args, '--threads', ...(options.gil || isElsewhere(request) ? ['--gil'] : [])],
      request,
      durationMs + attachMs,
    )
    const counted = /Samples: (\d+) Errors: (\d+)/.exec(new TextDecoder().decode(stdout))
    const stacks = readStacks(file)
    return yieldOf(request, stacks, counted?.slice(1).map(Number) ?? [])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Names of functions are as long as a program makes them. @throws Failure TOO_LARGE */
function readStacks(file: string): Uint8Array | undefined {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size > maxBytes)
    throw new Failure('TOO_LARGE', `py-spy wrote ${printBytes(size)} of stacks: take a shorter --for`)
  return size > 0 ? readFileSync(file) : undefined
}

function yieldOf(request: ProbeRequest, stacks: Uint8Array | undefined, [samples, errors = 0]: number[]): ProbeYield {
  const isOfLock = request.options.gil || isElsewhere(request)
  const why = request.options.gil ? '' : ` (${cannotTell})`
  const which = isOfLock ? `threads that hold the interpreter lock${why}` : 'threads that are not idle'
  const count = samples === undefined ? '' : `: ${samples} samples`
  const about = `py-spy${mode(request)}, ${hz} Hz, ${which}${count}`
  if (!stacks?.length) return { outcome: 'empty', message: `${about}; no thread was on Python code`, findings: [] }
  const lost = errors > 0 ? `, ${errors} more could not be read` : ''
  const findings = [{ name: 'python.folded', mediaType: mediaTypes.folded, bytes: stacks }]
  // A look that raced with the program is normal without stopping it; when most did, the picture is no sample any more.
  return { outcome: errors > (samples ?? 0) ? 'partial' : 'ok', message: about + lost, findings }
}

/** In a container: py-spy asks the kernel about threads by the ids that they have in there, and gets no answer out here. */
const isElsewhere = ({ target: { pid } }: ProbeRequest): boolean =>
  pid !== undefined && (readProcess(pid)?.containerPid ?? pid) !== pid

const cannotTell = 'in a container py-spy cannot tell threads that sleep from those that run'

const mode = ({ options }: ProbeRequest): string => (options.blocking ? ' (stopping the process for each look)' : '')

/** @throws Skipped without py-spy; Failure NOT_PERMITTED, TARGET_GONE, TIMEOUT, TOOL_FAILED */
async function run(args: readonly string[], request: ProbeRequest, deadlineMs: number): Promise<ToolResult> {
  const { target, options, signal } = request
  const [verb = '', ...rest] = args
  const nonblocking = options.blocking ? [] : ['--nonblocking']
  let result: ToolResult
  try {
    result = await runTool({
      command: 'py-spy',
      args: [verb, '--pid', String(target.pid), ...nonblocking, ...rest],
      deadlineMs,
      maxBytes,
      signal,
      endWith: 'SIGINT',
    })
  } catch (error) {
    if (error instanceof Failure && error.code === 'TOOL_MISSING') throw new Skipped(howToGet)
    throw error
  }
  const { stderrTail, exitCode, endedBy, cut } = result
  const details = { stderrTail }
  if (cut) throw new Failure('TOO_LARGE', 'py-spy listed more than 16 MB of threads', { details })
  if (endedBy === 'deadline') throw new Failure('TIMEOUT', 'py-spy did not end in time', { details })
  if (exitCode === 0 || signal.aborted) return result
  if (/Permission denied|Operation not permitted|ptrace/i.test(stderrTail)) {
    throw new Failure('NOT_PERMITTED', 'py-spy may not read the memory of the process: that takes CAP_SYS_PTRACE', {
      details,
    })
  }
  if (startTicksOf(target.pid as number) !== target.startTicks) {
    throw new Failure('TARGET_GONE', `process ${target.pid} ended while it was looked at`, { details })
  }
  throw new Failure('TOOL_FAILED', `py-spy: ${firstError(stderrTail)}`, { details })
}

/** `Error: Failed to find python version from target process` before a stack of Rust frames. */
const firstError = (stderr: string): string =>
  /^Error: (.+)$/m.exec(stderr)?.[1] ?? stderr.trim().split('\n').at(-1) ?? 'it failed without a word'
