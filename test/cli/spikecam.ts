// Runs the real program as a child process: own temporary folder, clean environment, nothing of the machine's.
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')
export const fixture = (name: string): string => resolve(root, 'test/fixtures', name)

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly bytes: Buffer
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Record<string, string>
  readonly stdin?: string | Uint8Array
  /** The program to run instead of `./spikecam`. */
  readonly program?: string
}

export function cleanEnv(extra: Record<string, string> = {}): Record<string, string> {
  // Of the machine only where programs are; HOME leads nowhere, so nobody's settings are read.
  return { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...extra }
}

export function spikecam(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((done, reject) => {
    const child = spawn(options.program ?? resolve(root, 'spikecam'), args, {
      cwd: options.cwd ?? root,
      env: cleanEnv(options.env),
      stdio: 'pipe',
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      const bytes = Buffer.concat(out)
      done({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() })
    })
    // A program that does not read its stdin closes it; that is its right.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin ?? '')
  })
}

export interface Running {
  readonly url: string
  readonly child: ChildProcess
  /** Sends the signal and resolves to the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

/** Resolves when the program has printed its address. */
export function startSpikecam(args: readonly string[]): Promise<Running> {
  const child = spawn(resolve(root, 'spikecam'), [...args, '--listen', '127.0.0.1:0', '--log-level', 'error'], {
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((done) => child.once('close', done))
  const stop = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return ended
  }
  let text = ''
  return new Promise((done, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const url = /^Spikecam is at (http:\/\/\S+)$/m.exec(text)?.[1]
      if (url) done({ url, child, stop })
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)))
  })
}
