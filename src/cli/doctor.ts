// `spikecam doctor`: looks at this machine, prints one line per thing that matters, and what to do where it is wrong.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { perfFailure } from '../capture/perf.ts'
import type { Config } from '../config.ts'
import { Failure, failures } from '../model/errors.ts'
import { type Check, checkMachine, type EventFacts, type MachineFacts } from './doctor-checks.ts'
import { readOutput, writeForm, writeOut } from './output.ts'

/** @returns 0, or the exit code of the first check that failed */
export async function runDoctor({ options }: Config): Promise<number> {
  const output = readOutput(options.output, ['json', 'yaml'])
  if (options.tls !== undefined) {
    const { answersOf, exitOfTls, renderTls } = await import('./doctor-tls.ts')
    const answers = await answersOf(options)
    if (output && 'form' in output) await writeForm(answers, output.form as 'json' | 'yaml')
    else await writeOut(renderTls(answers))
    return exitOfTls(answers)
  }
  const checks = checkMachine(readFacts(options.perf, options.dataDir))
  if (output && 'form' in output) await writeForm(checks, output.form as 'json' | 'yaml')
  else await writeOut(renderChecks(checks))
  const failed = checks.find((check) => check.state === 'fail')
  return failed?.code ? failures[failed.code].exit : 0
}

/** What keeps this machine from being recorded, if anything does. */
export function whyUnrecordable(perf: string, dataDir: string): Failure | undefined {
  const checks = checkMachine(readFacts(perf, dataDir))
  const failed = checks.find(({ state, name }) => state === 'fail' && ['system', 'perf', 'recording'].includes(name))
  return failed?.code && new Failure(failed.code, failed.found)
}

function renderChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map((check) => check.name.length))
  const lines = checks.flatMap(({ name, state, found, advice }) => [
    `${state.padEnd(4)}  ${name.padEnd(width)}  ${found}`,
    ...(advice ? [`${' '.repeat(8 + width)}-> ${advice}`] : []),
  ])
  const failed = checks.filter((check) => check.state === 'fail').length
  lines.push(
    '',
    failed > 0 ? `${failed} of ${checks.length} checks failed.` : 'This machine can be recorded: spikecam up',
  )
  return `${lines.join('\n')}\n`
}

function readFacts(perf: string, dataDir: string): MachineFacts {
  const version = spawnSync(perf, ['--version'], { encoding: 'utf8', timeout: 10_000 })
  const hasPerf = version.status === 0
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status') ?? '')?.[1] ?? '0'}`),
    perf: hasPerf
      ? { version: version.stdout.trim() }
      : { problem: version.error ? `${perf} is not installed` : `${perf} does not run: ${lastLine(version.stderr)}` },
    events: hasPerf ? { cycles: tryEvent(perf, 'cycles'), 'cpu-clock': tryEvent(perf, 'cpu-clock') } : undefined,
    sysctl: Object.fromEntries(
      ['perf_event_paranoid', 'perf_event_mlock_kb', 'kptr_restrict', 'perf_event_max_sample_rate'].map((name) => {
        const text = readText(`/proc/sys/kernel/${name}`)
        return [name, text === undefined ? undefined : Number(text)]
      }),
    ),
    kernelSymbols: hasKernelSymbols(),
    cgroup: cgroupVersion(),
    isHostPidNamespace: isHostPidNamespace(),
    data: dataFacts(dataDir),
  }
}

/**
 * Records the whole machine into nowhere for the life of `true`. Where there are no hardware cycles `perf record` quietly
 * takes cpu-clock, so counting is asked first; its line then begins with `<not supported>` (perf-stat(1), -x).
 */
function tryEvent(perf: string, event: string): EventFacts {
  const counted = spawnSync(perf, ['stat', '-x,', '-e', event, '--', 'true'], { encoding: 'utf8', timeout: 10_000 })
  if (/^<not (supported|counted)>/m.test(counted.stderr ?? '')) return { works: false, said: 'not supported' }
  // Rings as large as the recorder's: locking their memory may be what is not allowed.
  const args = ['record', '-e', event, '-F', '49', '-a', '-g', '-m', '256', '-N', '-B', '-o', '/dev/null', '--', 'true']
  const { status, stderr, signal } = spawnSync(perf, args, { encoding: 'utf8', timeout: 10_000 })
  const text = stderr ?? ''
  if (status === 0) return { works: true, said: firstSentence(text) }
  const end = { exitCode: status ?? undefined, signal: signal ?? undefined, stderrTail: text }
  return { works: false, said: firstSentence(text), code: perfFailure(end).code }
}

/** perf begins with `Error:` alone on a line. */
const firstSentence = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !/^error:$/i.test(line)) ?? ''

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

/** undefined when it does not exist or may not be read: the fact is then unknown, and the check says so. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Kernel addresses that may not be seen are all zero:
 *   0000000000000000 T _stext
 */
function hasKernelSymbols(): boolean {
  const line = /^([0-9a-f]+) T _stext$/m.exec(readText('/proc/kallsyms') ?? '')
  return line !== null && !/^0+$/.test(line[1]!)
}

function cgroupVersion(): MachineFacts['cgroup'] {
  const mounts = readText('/proc/self/mounts') ?? ''
  const v1 = /^\S+ \S+ cgroup /m.test(mounts)
  const v2 = /^\S+ \S+ cgroup2 /m.test(mounts)
  return v1 && v2 ? 'hybrid' : v2 ? 'v2' : v1 ? 'v1' : undefined
}

/** The first PID namespace always has this number: PROC_PID_INIT_INO in include/linux/proc_ns.h. */
function isHostPidNamespace(): boolean | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid') === `pid:[${0xef_ff_ff_fc}]`
  } catch {
    return undefined // no /proc: unknown, and the check for it does not complain
  }
}

/** The folder, or the nearest one above that exists, in which it would be made. */
function dataFacts(dir: string): MachineFacts['data'] {
  let existing = dir
  // What nobody may look into is as good as not there.
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  const { bavail, blocks, bsize } = statfsSync(existing)
  let problem: string | undefined
  try {
    if (!statSync(existing).isDirectory()) problem = `${existing} is a file`
    accessSync(existing, constants.W_OK)
  } catch {
    problem = `${existing} is not writable`
  }
  return { dir, problem, freeBytes: bavail * bsize, sizeBytes: blocks * bsize }
}
