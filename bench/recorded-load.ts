// Recordings of a busy machine for benches: programs of every kind at once, compilers that start thousands of processes,
// and `perf record` of all of it.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compileProgram, programs } from '../test/recordings/programs.ts'

export interface RecordLoadOptions {
  /** For what is compiled, and for the recording. */
  readonly folder: string
  readonly hz: number
  readonly seconds: number
  /** Name of the recording in the folder. */
  readonly name: string
}

export interface RecordedLoad {
  /** The perf.data. */
  readonly file: string
  /** Removes what runtimes left in /tmp for those who read the recording. */
  forget(): void
}

/** Longer than the recording, which begins and ends in the middle of the load. */
const marginSeconds = 30

/** The programs that were recorded stay where they are until this process ends, so that their symbols can be read. */
export async function recordLoad({ folder, hz, seconds, name }: RecordLoadOptions): Promise<RecordedLoad> {
  const file = join(folder, name)
  const load = startLoad(folder, seconds + marginSeconds)
  const what = ['record', '-F', String(hz), '-a', '-g', '-e', 'cpu-clock', '-m', '1024', '-k', 'monotonic', '-N', '-B']
  try {
    await promisify(execFile)('perf', [...what, '-o', file, '--', 'sleep', String(seconds)])
  } finally {
    await Promise.all(load.map(end))
  }
  if (statSync(file).size < 1_000_000) throw new Error(`${file} is too small to measure anything`)
  const forget = (): void => {
    for (const { pid } of load) rmSync(`/tmp/perf-${pid}.map`, { force: true })
  }
  return { file, forget }
}

/** Each in a process group of its own, for what they start has to end with them. */
function startLoad(folder: string, seconds: number): ChildProcess[] {
  const begin = ([command = '', ...args]: readonly string[]): ChildProcess =>
    spawn(command, args, { cwd: folder, stdio: 'ignore', detached: true })
  // Not the one that does nothing but fork: compilers do that enough.
  const running = programs
    .filter(({ name }) => name !== 'the kernel')
    .flatMap((program) => {
      const out = compileProgram(program)
      return out === undefined ? [] : [begin(program.run(out, String(seconds)))]
    })
  const source = join(import.meta.dirname, '../test/recordings/src/shapes.cpp')
  const output = join(folder, 'shapes.o')
  mkdirSync(join(folder, 'cache'), { recursive: true })
  const loops = [
    'GOCACHE=$(mktemp -d -p cache) go build -a std',
    `g++ -O2 -g -c ${source} -o ${output}`,
    'ls -lR /usr/share >ls.txt; sort ls.txt | gzip >ls.gz; openssl dgst -sha256 ls.txt',
    // Forty short programs a second: what scripts and health checks start.
    'ls /usr/bin >short.txt; sleep 0.05',
  ]
  return [...running, ...loops.map((loop) => begin(['sh', '-c', `while :; do ${loop}; done`]))]
}

/** SIGTERM, for the JVM writes the names of its code when it ends. */
function end(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      done()
      return
    }
    child.once('exit', () => done())
    process.kill(-child.pid, 'SIGTERM')
  })
}
