// What the agent itself costs at the always-on rate: CPU of the agent and its perf (user+sys, all processes of the
// tree) and resident memory, on an idle machine, with every core loaded, and in a fork storm.
//
//   node bench/agent-cost.ts [seconds per state, default 40]
import { type ChildProcess, spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { printRow, startSpikecam, startUp, treeCpuSeconds, treeRssMb } from './measure.ts'

const seconds = Number(process.argv[2] ?? 40)
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

// A server of its own process, so that only the agent is measured. It must not capture meanwhile: a capture is
// measured elsewhere, and the load would trigger one.
const server = await startUp(['--spike-level', '100000%', '--spike-jump', '100000%', '--ring-hz', '1'])
const agent = await startSpikecam(
  'agent',
  ['--server', server.url, '--node', 'bench', '--spike-level', '100000%', '--spike-jump', '100000%'],
  /connected to the server/,
)
await wait(20_000) // first symbols of everything that runs: paid once, not every second
const pid = agent.child.pid as number

async function measure(work: string, load: () => ChildProcess[], goalPercent: number): Promise<void> {
  const children = load()
  // New binaries are symbolised once, and a machine that is loaded as a whole is captured: after that comes the steady state.
  await wait(25_000)
  const before = treeCpuSeconds(pid)
  const beganMs = performance.now()
  await wait(seconds * 1000)
  const percent = ((treeCpuSeconds(pid) - before) / ((performance.now() - beganMs) / 1000)) * 100
  for (const child of children) if (child.pid) process.kill(-child.pid, 'SIGKILL')
  printRow({ work: `agent CPU, ${work}`, ours: `${percent.toFixed(2)} % of one core`, goal: `≤ ${goalPercent} %` })
  printRow({
    work: `agent memory (RSS of agent and perf), ${work}`,
    ours: `${treeRssMb(pid).toFixed(0)} MB`,
    goal: '≤ 150 MB',
  })
}

const shell = (script: string): ChildProcess => spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true })
const cores = availableParallelism()

await measure('idle', () => [], 0.5)
await measure(
  `${cores} cores loaded`,
  () =>
    Array.from({ length: cores }, () => shell('while :; do head -c 300000000 /dev/zero | sha256sum >/dev/null; done')),
  1.5,
)
await measure('fork storm', () => Array.from({ length: cores }, () => shell('while :; do /bin/true; done')), 2.5)
await agent.stop()
await server.stop()
