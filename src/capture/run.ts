// The one file that starts tools: deadline, gentle-then-hard kill, bounded output, and the reason it ended.
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { Failure } from '../model/errors.ts'

export interface ToolSpec {
  readonly command: string
  readonly args: readonly string[]
  /** The whole run is stopped after this; absent for tools that run until told to stop. */
  readonly deadlineMs?: number
  /** Between TERM and KILL. perf needs a moment to drain its rings; 3 s was enough on every loaded machine tried. */
  readonly killAfterMs?: number
  /** How it is asked to end; TERM without. Some write what they have only when they are interrupted. */
  readonly endWith?: 'SIGTERM' | 'SIGINT'
  /** Extra two-way pipes handed to the tool as file descriptors 3, 4, … */
  readonly extraPipes?: number
  /** Descriptors of ours handed on, numbered after the extra pipes. */
  readonly files?: readonly number[]
  /** Runs as this user and group, without ours; takes root. */
  readonly as?: { readonly uid: number; readonly gid: number }
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface ToolEnd {
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  /** The first cause wins: a tool killed at its deadline ended by `deadline` whatever it exits with. */
  readonly endedBy: 'itself' | 'deadline' | 'stopped' | 'aborted'
  readonly stderrTail: string
}

export interface RunningTool {
  readonly pid: number
  readonly stdout: Readable
  readonly extra: readonly Duplex[]
  readonly ended: Promise<ToolEnd>
  stderrTail(): string
  /** TERM, then KILL after `killAfterMs`. Resolves when the tool is gone. */
  stop(): Promise<ToolEnd>
}

/** Enough to show the last error of a chatty tool, little enough to keep in a manifest. */
const stderrTailBytes = 4096

/**
 * Starts a tool and returns at once.
 * @throws Failure TOOL_MISSING when the program is not installed, NOT_PERMITTED when it may not be executed
 */
export async function startTool(spec: ToolSpec): Promise<RunningTool> {
  const pipes = Array.from({ length: spec.extraPipes ?? 0 }, () => 'pipe' as const)
  const child: ChildProcess = spawn(spec.command, [...spec.args], {
    stdio: ['ignore', 'pipe', 'pipe', ...pipes, ...(spec.files ?? [])],
    ...spec.as,
    // One locale, or the texts that are matched below would be translated.
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...spec.env },
  })
  let tail = Buffer.alloc(0)
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk])
    if (tail.length > stderrTailBytes) tail = tail.subarray(tail.length - stderrTailBytes)
  })
  const stderrTail = (): string => tail.toString('utf8')

  let cause: ToolEnd['endedBy'] | undefined
  const timers: NodeJS.Timeout[] = []
  const kill = (because: ToolEnd['endedBy']): void => {
    cause ??= because
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(spec.endWith ?? 'SIGTERM')
    timers.push(setTimeout(() => child.kill('SIGKILL'), spec.killAfterMs ?? 3000))
  }
  if (spec.deadlineMs !== undefined) timers.push(setTimeout(() => kill('deadline'), spec.deadlineMs))
  const onAbort = (): void => kill('aborted')
  if (spec.signal?.aborted) onAbort()
  spec.signal?.addEventListener('abort', onAbort, { once: true })

  const ended = new Promise<ToolEnd>((resolve) => {
    child.once('close', (exitCode, signal) => {
      for (const timer of timers) clearTimeout(timer)
      spec.signal?.removeEventListener('abort', onAbort)
      resolve({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        endedBy: cause ?? 'itself',
        stderrTail: stderrTail(),
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error: NodeJS.ErrnoException) => {
      for (const timer of timers) clearTimeout(timer)
      if (error.code === 'ENOENT') {
        reject(new Failure('TOOL_MISSING', `${spec.command} is not installed`, { cause: error }))
      } else {
        reject(new Failure('NOT_PERMITTED', `${spec.command} could not be started: ${error.message}`, { cause: error }))
      }
    })
  })
  // A pipe that breaks because the tool died is told by `ended`; without a listener Node would throw it.
  const extra = child.stdio.slice(3, 3 + pipes.length) as Duplex[]
  for (const pipe of extra) pipe.on('error', () => kill('stopped'))
  return {
    pid: child.pid as number,
    stdout: child.stdout as Readable,
    extra,
    ended,
    stderrTail,
    stop: () => {
      kill('stopped')
      return ended
    },
  }
}

export interface ToolResult extends ToolEnd {
  readonly stdout: Uint8Array
  /** True when stdout went over `maxBytes` and the tool was stopped for it. */
  readonly cut: boolean
}

/** Runs a tool to its end with its output in memory, at most `maxBytes` of it. */
export async function runTool(spec: ToolSpec & { readonly maxBytes?: number }): Promise<ToolResult> {
  const tool = await startTool(spec)
  const maxBytes = spec.maxBytes ?? 64 * 1024 * 1024
  const chunks: Buffer[] = []
  let size = 0
  let cut = false
  tool.stdout.on('data', (chunk: Buffer) => {
    if (cut) return
    size += chunk.length
    if (size > maxBytes) {
      cut = true
      void tool.stop()
      return
    }
    chunks.push(chunk)
  })
  const end = await tool.ended
  return { ...end, stdout: Buffer.concat(chunks), cut }
}
