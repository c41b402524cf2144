// What the benches share: CPU and memory of a process tree from /proc, medians, and rows of a markdown table.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..')

export interface Row {
  readonly work: string
  readonly ours: string
  /** The peer's figure in the same run, with its name. */
  readonly theirs?: string
  readonly ratio?: string
  readonly goal: string
}

/** One line of the table in RESULTS.md. */
export function printRow({ work, ours, theirs = '–', ratio = '–', goal }: Row): void {
  process.stdout.write(`| ${work} | ${ours} | ${theirs} | ${ratio} | ${goal} |\n`)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/**
 * CPU seconds (user+sys) of a command and all that it started, by the shell's own account. What it prints goes nowhere.
 * @param command the first word is looked up in PATH; a pipeline is `['bash', '-c', 'a | b']`
 */
export function commandCpuSeconds(command: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const timed = 'TIMEFORMAT="cpu %U %S"; time "$@" >/dev/null'
  const run = spawnSync('bash', ['-c', timed, 'bash', ...command], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  })
  const match = /^cpu ([\d.]+) ([\d.]+)$/m.exec(run.stderr)
  if (run.status !== 0 || !match) throw new Error(`${command.join(' ')}: ${run.stderr}`)
  return Number(match[1]) + Number(match[2])
}

/** A process and all that descend from it. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // ended between the listing and the read
    }
  }
  const tree = [pid]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] as number) ?? []))
  return tree
}

/** User and system seconds of the living processes of a tree, by /proc/PID/stat (10 ms resolution). */
export function treeCpuSeconds(pid: number): number {
  let ticks = 0
  for (const each of processTree(pid)) {
    const stat = readFileSync(`/proc/${each}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

/** Resident memory of a tree, MB; pages that several processes share count once per process. */
export function treeRssMb(pid: number): number {
  let kib = 0
  for (const each of processTree(pid)) {
    kib += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? 0)
  }
  return kib / 1024
}

export interface Started {
  readonly url: string
  readonly child: ChildProcess
  stop(): Promise<void>
}

/** The built program where there is one, else the sources; SPIKECAM_BENCH_PROGRAM names another. */
export function program(): string {
  const named = process.env.SPIKECAM_BENCH_PROGRAM
  if (named) return named
  const built = join(root, 'dist', 'spikecam.js')
  return existsSync(built) ? built : join(root, 'spikecam')
}

/** Starts `spikecam WORD …` with a data folder of its own and waits until it says where it serves or that it records. */
export async function startSpikecam(
  word: string,
  args: readonly string[],
  until: RegExp,
): Promise<Started & { match: string }> {
  const data = mkdtempSync(join(tmpdir(), 'spikecam-bench-'))
  // By its first line, as an installed one is started: it also sets how memory is kept. With the Node that runs this.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
  const child = spawn(program(), [word, '--data', data, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env })
  const match = await new Promise<string>((done, fail) => {
    let text = ''
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const found = until.exec(text)
      if (found) done(found[0])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', (code) => fail(new Error(`spikecam ${word} ended with ${code}: ${text}`)))
  })
  return {
    url: match,
    match,
    child,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((done) => child.once('exit', done))
        child.kill('SIGTERM')
        await gone
      }
      rmSync(data, { recursive: true, force: true })
    },
  }
}

export const startUp = (args: readonly string[]): Promise<Started> =>
  startSpikecam('up', ['--listen', '127.0.0.1:0', ...args], /http:\/\/127\.0\.0\.1:\d+/)
