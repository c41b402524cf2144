// What it costs to look at the threads of a JVM with 500 of them: our CPU for dumps and table, and a dump alone against
// jattach, which is written in C: node bench/jvm-threads.ts
//
// The JVM is stopped by its own dump only; how long, it logs itself (-Xlog:safepoint).
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attachJvm } from '../src/capture/jvm-attach.ts'
import { jvmThreads } from '../src/capture/jvm-threads.ts'
import type { ProbeRequest } from '../src/capture/probe.ts'
import { startTicksOf } from '../src/target/process-identity.ts'
import { compileWorkload, findJdks, startJava } from '../test/jvm-program.ts'
import { median, printRow } from './measure.ts'

const idleThreads = 480
/** Enough for a median; each stops the JVM for some milliseconds. */
const rounds = 15
/** CPU of jattach is told in ticks of 10 ms for all runs together. */
const cpuRounds = 100

interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
}

async function measure(work: () => Promise<unknown>): Promise<Cost> {
  const beganMs = performance.now()
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return { wallMs: performance.now() - beganMs, cpuMs: (user + system) / 1000 }
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<Cost[]> {
  const costs: Cost[] = []
  for (let i = 0; i < times; i++) costs.push(await measure(work))
  return costs
}

const ms = (value: number): string => `${value.toFixed(1)} ms`

/** `user system` of the shell itself, then of its children: `0m0.00s 0m0.01s\n0m0.12s 0m0.25s`. */
function jattachCpuMs(pid: number, command: string): number {
  const script = `i=0; while [ $i -lt ${cpuRounds} ]; do jattach ${pid} jcmd "${command}" >/dev/null; i=$((i+1)); done; times`
  const text = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? ''
  const seconds = [...text.matchAll(/(\d+)m([\d.]+)s/g)].map(([, minutes, rest]) => Number(minutes) * 60 + Number(rest))
  return (seconds.reduce((sum, each) => sum + each, 0) * 1000) / cpuRounds
}

/** Time that dumps have stopped the program so far, ms. */
function stoppedMs(log: string): number {
  let nanos = 0
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!/Safepoint "(?:PrintThreads|PrintJNI|FindDeadlocks)"/.test(line)) continue
    nanos += Number(/Total: +(\d+) ns/.exec(line)?.[1] ?? 0)
  }
  return nanos / 1e6
}

interface Stop {
  /** How long the dump stopped the program. */
  readonly stopMs: number
}

async function stopped(log: string, work: () => Promise<Cost>): Promise<Cost & Stop> {
  const before = stoppedMs(log)
  const cost = await work()
  return { ...cost, stopMs: stoppedMs(log) - before }
}

function runJattach(pid: number, command: string): void {
  const { status, stderr } = spawnSync('jattach', [String(pid), 'jcmd', command], { maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error(`jattach: ${stderr}`)
}

const jdk = findJdks()[0]
if (!jdk) throw new Error('there is no JDK below /usr/lib/jvm: sh scripts/setup.sh test')
const hasPeer = spawnSync('jattach').error === undefined
const classes = mkdtempSync(join(tmpdir(), 'spikecam-bench-'))
compileWorkload(jdk, classes)
const log = join(classes, 'safepoints.log')
const java = await startJava({ jdk, classes, idleThreads, options: [`-Xlog:safepoint:file=${log}`] })
try {
  const request: ProbeRequest = {
    target: { kind: 'process', node: 'bench', pid: java.pid, startTicks: startTicksOf(java.pid) as number },
    kind: 'threads',
    durationMs: 250,
    options: {},
    signal: new AbortController().signal,
  }
  const command = 'Thread.print -e -l'
  const dump = async (): Promise<void> => {
    const jvm = attachJvm(request)
    await jvm.jcmd(command)
    jvm.close()
  }
  const tables = await repeat(rounds, () => jvmThreads.run(request))
  const size = Number(execFileSync('sh', ['-c', `ls /proc/${java.pid}/task | wc -l`], { encoding: 'utf8' }))
  printRow({
    work: `JDK ${jdk.version}, ${size} threads: two dumps, clocks, table, profile; our CPU`,
    ours: `${ms(median(tables.map(({ cpuMs }) => cpuMs)))}, the first time ${ms(tables[0]?.cpuMs ?? 0)}`,
    goal: '≤ 150 ms',
  })

  // In turn, so that both have the same neighbours.
  const ours: (Cost & Stop)[] = []
  const theirs: (Cost & Stop)[] = []
  for (let i = 0; i < rounds; i++) {
    ours.push(await stopped(log, () => measure(dump)))
    if (hasPeer) theirs.push(await stopped(log, () => measure(async () => runJattach(java.pid, command))))
  }
  const wall = { ours: median(ours.map(({ wallMs }) => wallMs)), theirs: median(theirs.map(({ wallMs }) => wallMs)) }
  const compare = (mine: number, other: number) =>
    hasPeer ? { theirs: `jattach ${ms(other)}`, ratio: `${(mine / other).toFixed(2)}×` } : {}
  printRow({
    work: 'a dump alone, until it is here',
    ours: ms(wall.ours),
    ...compare(wall.ours, wall.theirs),
    goal: '≤ 1.5×',
  })
  const cpu = median((await repeat(cpuRounds, dump)).map(({ cpuMs }) => cpuMs))
  printRow({
    work: 'a dump alone, CPU',
    ours: ms(cpu),
    ...compare(cpu, hasPeer ? jattachCpuMs(java.pid, command) : 0),
    goal: '≤ 1.5×',
  })
  const stop = { ours: median(ours.map(({ stopMs }) => stopMs)), theirs: median(theirs.map(({ stopMs }) => stopMs)) }
  printRow({
    work: 'a dump alone, program stopped',
    ours: ms(stop.ours),
    ...compare(stop.ours, stop.theirs),
    goal: 'as its own dump',
  })
} finally {
  await java.stop()
  rmSync(classes, { recursive: true })
}
