// Small real programs for the symbol tests: compiled once per run into a temporary folder, started, looked at, ended.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PerfMapping } from '../src/profile/symbolizer.ts'
import { readExecutableMaps } from '../src/symbols/process-identity.ts'
import { freshFolder } from './scratch.ts'

const folder = freshFolder('symbols')
// Outside of Vitest, which removes it otherwise.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** A fresh folder that is removed when the test process ends. */
export function scratchFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  return path
}

/** Whether a tool can be run; prints why a test is skipped where it cannot. */
export function hasTool(tool: string, args: readonly string[] = ['--version']): boolean {
  try {
    execFileSync(tool, args, { stdio: 'ignore' })
    return true
  } catch {
    console.log(`skipped: ${tool} is not installed here`)
    return false
  }
}

/** Writes `text` to a file of that name and compiles it; `{}` in `args` are source and output. */
export function compile(tool: string, { name, text, args }: { name: string; text: string; args: string[] }): string {
  const source = join(folder, name)
  const output = source.replace(/\.[^.]+$/, '')
  writeFileSync(source, text)
  execFileSync(
    tool,
    args.map((arg) => arg.replace('SOURCE', source).replace('OUTPUT', output)),
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, CGO_ENABLED: '0' },
    },
  )
  return output
}

/** Starts a program and waits until it has written a line. */
export async function start(
  command: string,
  args: readonly string[] = [],
  { cwd }: { cwd?: string } = {},
): Promise<ChildProcess & { pid: number }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...(cwd ? { cwd } : {}) })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code} before it was ready`)))
  })
  return child as ChildProcess & { pid: number }
}

/** Ends a program and waits until it is gone. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

/** Executable mappings of a process as perf's records would tell them. */
export function mappingsOf(pid: number): PerfMapping[] {
  const offsets = new Map(
    [...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(\S+) \S+ ([0-9a-f]+) /gm)].map((m) => [m[1], m[2]]),
  )
  return readExecutableMaps('/proc', pid).map((line) => ({
    pid,
    start: line.start,
    length: line.end - line.start,
    pageOffset: Number.parseInt(offsets.get(line.range) ?? '0', 16),
    path: line.path || '//anon',
    device: line.device,
    inode: line.inode,
    isKernel: false,
  }))
}

/** Symbols of a file by name, as `nm` prints them: `0000000000001139 0000000000000017 T hot`. */
export function nmSymbols(
  path: string,
  args: readonly string[] = [],
): Map<string, { address: number; size: number; type: string }> {
  const text = execFileSync('nm', ['-S', ...args, path], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const symbols = new Map<string, { address: number; size: number; type: string }>()
  for (const match of text.matchAll(/^([0-9a-f]+) ([0-9a-f]+ )?(\w) (.+)$/gm)) {
    const [, address = '', size = '0', type = '', name = ''] = match
    symbols.set(name, { address: Number.parseInt(address, 16), size: Number.parseInt(size, 16), type })
  }
  return symbols
}
