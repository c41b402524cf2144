// What it costs to follow the CPU, throttling and pressure of 500 containers at 5 Hz: real cgroups with a process in
// each, read by the agent's own code. CPU time (user+sys) of this process, which does nothing else meanwhile.
//
//   node bench/container-usage.ts [seconds per state, default 20]
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openCgroupView } from '../src/target/cgroup-view.ts'
import { CpuUsage } from '../src/target/cpu-usage.ts'
import { cgroupMounts, removeCgroup } from '../test/node-tool/cgroups.ts'
import { printRow } from './measure.ts'

const seconds = Number(process.argv[2] ?? 20)
const count = 500
const intervalMs = 200
const root = `/spikecam-bench-${process.pid}`
const mounts = cgroupMounts()
const children: ChildProcess[] = []
// Ctrl-C ends the waiting, and what was made is removed all the same.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const sleep = (ms: number): Promise<void> => setTimeout(ms, undefined, { signal: stop.signal })

/** A process in a cgroup of every hierarchy, as a runtime makes it; `burn` keeps a core busy. */
function startContainer(burn: boolean): void {
  const path = `${root}/kubepods/burstable/pod${randomUUID()}/${randomBytes(32).toString('hex')}`
  const folders = mounts.map((mount) => join(mount, path))
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  // cpuset on v1 takes no process before it has CPUs and memory nodes of its own.
  const enter = folders.map((folder) => `echo $$ > ${folder}/cgroup.procs 2>/dev/null`).join('; ')
  const script = `${enter}; ${burn ? 'while :; do :; done' : 'exec sleep 3600'}`
  children.push(spawn('/bin/sh', ['-c', script], { stdio: 'ignore' }))
}

async function measure(work: string, goalPercent: number): Promise<void> {
  const usage = new CpuUsage({ node: 'bench', cgroups: openCgroupView() })
  let readings = 0
  const tick = (): void => {
    readings += usage.tick(performance.now()).length
  }
  for (let i = 0; i < 15; i++) {
    tick()
    await sleep(intervalMs) // every container is met within two full passes
  }
  const followed = usage.size
  readings = 0
  const before = process.cpuUsage()
  const beganMs = performance.now()
  const timer = setInterval(tick, intervalMs)
  await sleep(seconds * 1000)
  clearInterval(timer)
  const used = process.cpuUsage(before)
  const elapsedMs = performance.now() - beganMs
  const percent = ((used.user + used.system) / 1000 / elapsedMs) * 100
  usage.close()
  printRow({
    work: `CPU, throttling and pressure of ${count} containers at 5 Hz, ${work} (${followed} followed, ${Math.round((readings * 1000) / elapsedMs)} readings/s)`,
    ours: `${percent.toFixed(2)} % of one core`,
    goal: `≤ ${goalPercent} %`,
  })
}

try {
  for (let i = 0; i < count; i++) {
    startContainer(false)
    if (i % 50 === 49) await sleep(100)
  }
  await sleep(2000)
  await measure('idle', 2)
  startContainer(true)
  startContainer(true)
  await measure('two of them busy', 2)
  // The worst case: load that comes and goes makes every tick a pass over everything.
  for (const child of children.splice(-2)) child.kill('SIGKILL')
  children.push(spawn('/bin/sh', ['-c', 'while :; do timeout 0.3 sh -c "while :; do :; done"; sleep 0.3; done']))
  await measure('with load that comes and goes', 2)
} catch (error) {
  if (!stop.signal.aborted) throw error
  process.exitCode = 130
} finally {
  for (const child of children) child.kill('SIGKILL')
  const left = await removeCgroup(root)
  if (left.length > 0) process.stderr.write(`not removed: ${left.join(' ')}\n`)
}
