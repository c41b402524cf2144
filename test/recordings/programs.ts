// The real programs that recordings are made of: compiled once per run into a temporary folder, recorded for a second.
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freshFolder } from '../scratch.ts'

const sources = resolve(import.meta.dirname, 'src')
const folder = freshFolder('recordings')
// Outside of Vitest, which removes it otherwise.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

export interface Program {
  readonly name: string
  /** Has to be there; the recording is skipped, with a line that says so, where it is not. */
  readonly tool: string
  /** Arguments of the tool that make `out` of `source`; absent = nothing to compile. */
  readonly compile?: (source: string, out: string) => readonly string[]
  readonly source: string
  readonly run: (out: string, seconds: string) => readonly string[]
}

const src = (name: string): string => join(sources, name)

export const programs: readonly Program[] = [
  {
    name: 'C with frame pointers',
    tool: 'gcc',
    source: 'frames.c',
    compile: (source, out) => ['-O2', '-fno-omit-frame-pointer', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'C without frame pointers',
    tool: 'gcc',
    source: 'frames.c',
    compile: (source, out) => ['-O2', '-fomit-frame-pointer', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'C++',
    tool: 'g++',
    source: 'shapes.cpp',
    compile: (source, out) => ['-O2', '-pthread', '-fno-omit-frame-pointer', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'Rust, legacy names',
    tool: 'rustc',
    source: 'traits.rs',
    compile: (source, out) => ['-O', '-Cforce-frame-pointers=yes', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'Rust, v0 names',
    tool: 'rustc',
    source: 'traits.rs',
    compile: (source, out) => ['-O', '-Cforce-frame-pointers=yes', '-Csymbol-mangling-version=v0', source, '-o', out],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'Go',
    tool: 'go',
    source: 'busy.go',
    compile: (source, out) => ['build', '-o', out, source],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'Go, stripped',
    tool: 'go',
    source: 'busy.go',
    compile: (source, out) => ['build', '-ldflags=-s -w', '-o', out, source],
    run: (out, seconds) => [out, seconds],
  },
  {
    name: 'JVM',
    tool: 'javac',
    source: 'Busy.java',
    compile: (source, out) => ['-d', out, source],
    run: (out, seconds) => [
      'java',
      '-XX:+PreserveFramePointer',
      '-XX:+UnlockDiagnosticVMOptions',
      '-XX:+DumpPerfMapAtExit',
      '-Xmx256m',
      '-cp',
      out,
      'Busy',
      seconds,
    ],
  },
  {
    name: 'Node',
    tool: process.execPath,
    source: 'busy.mjs',
    run: (_, seconds) => [process.execPath, '--perf-basic-prof', src('busy.mjs'), seconds],
  },
  { name: 'Python', tool: 'python3', source: 'busy.py', run: (_, seconds) => ['python3', src('busy.py'), seconds] },
  { name: 'the kernel', tool: 'sh', source: 'kernel.sh', run: (_, seconds) => ['sh', src('kernel.sh'), seconds] },
]

/** Why nothing can be recorded here; undefined where it can. */
export function whyNotRecorded(): string | undefined {
  const { error, status, stderr } = spawnSync('perf', ['record', '-e', 'cpu-clock', '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  })
  if (error) return 'perf is not installed here'
  return status === 0 ? undefined : `perf may not record here: ${stderr.trim().split('\n')[0]}`
}

function hasTool(tool: string): boolean {
  const { error } = spawnSync(tool, [tool === 'go' ? 'version' : '--version'], { stdio: 'ignore' })
  return error === undefined
}

export interface RecordOptions {
  readonly seconds?: number
  readonly perfArgs?: readonly string[]
}

/** By name: a program is compiled once, so that a second recording does not replace what the first one ran. */
const compiled = new Map<string, string>()

/** @returns what `run` needs to start it; undefined (and a line on the console) when a tool is missing */
export function compileProgram(program: Program): string | undefined {
  if (!hasTool(program.tool)) {
    console.log(`skipped ${program.name}: ${program.tool} is not installed here`)
    return undefined
  }
  const known = compiled.get(program.name)
  if (known) return known
  const out = join(folder, program.name.replaceAll(/\W+/g, '-').toLowerCase())
  compiled.set(program.name, out)
  if (program.compile) {
    execFileSync(program.tool, program.compile(src(program.source), out) as string[], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { GOCACHE: join(tmpdir(), 'spikecam-gocache'), ...process.env, CGO_ENABLED: '0' },
    })
  }
  return out
}

/**
 * Compiles and records a program.
 * @returns path of the perf.data; undefined (and a line on the console) when a tool is missing
 */
export function recordProgram(
  program: Program,
  { seconds = 1, perfArgs = [] }: RecordOptions = {},
): string | undefined {
  const out = compileProgram(program)
  if (out === undefined) return undefined
  const file = `${out}.perf.data`
  const perf = ['record', '-F', '999', '-g', '-e', 'cpu-clock', '-k', 'monotonic', '-N', '-B', '-o', file, ...perfArgs]
  execFileSync('perf', [...perf, '--', ...program.run(out, String(seconds))], { stdio: ['ignore', 'ignore', 'pipe'] })
  return file
}
