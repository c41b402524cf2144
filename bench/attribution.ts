// Whether every sample is attributed to the container it ran in: 20 containers, each burning in a function of its own
// name, so that a sample says itself whose it is. Some of them fork, some exec all the time, one is restarted again and
// again. Counts those that the recorder says are somebody else's. Needs root, containerd (see test/node-tool) and gcc.
//
//   node bench/attribution.ts [samples, default 100000]
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../src/api/client.ts'
import { burnedIn, recordNode } from '../test/node-tool/burned.ts'
import { buildBurner } from '../test/node-tool/burner.ts'
import { type RunningPod, startTestNode } from '../test/node-tool/node.ts'
import { printRow, startUp } from './measure.ts'

const wanted = Number(process.argv[2] ?? 100_000)
const count = 20
/** Two cores at this rate give 100 000 samples within half a minute; the rate is no part of what is measured. */
const hz = '4999'
const recordMs = 6000
/** All of them together leave a little to those who record and restart them. */
const cpuLimit = (0.8 * availableParallelism()) / count
const folder = mkdtempSync(join(tmpdir(), 'spikecam-bench-'))
const burner = buildBurner(folder, 'burner', { functions: count })
const reversed = buildBurner(folder, 'burner-reversed', { functions: count, isReversed: true })

/** Twelve burn, four live by children of 10 ms, four become another program and back every 10 ms. */
function wordsOf(index: number): string[] {
  const own = String(index)
  if (index < 12) return ['steady', own]
  return index < 16 ? ['forks', own, '10'] : ['execs', own, own, '10', reversed]
}

const node = await startTestNode()
// A capture is asked for; what these do must not set off others.
const up = await startUp([
  '--cri-socket',
  node.socket,
  '--deep-hz',
  hz,
  '--spike-level',
  '10000%',
  '--spike-jump',
  '10000%',
])
// Ctrl-C ends the waiting, and what was made is removed all the same.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
try {
  const image = await node.packImage({ name: 'burners', programs: [burner, reversed] })
  const ids = new Map<string, number>()
  const pods: RunningPod[] = []
  for (let index = 0; index < count; index++) {
    const command = [burner, ...wordsOf(index)]
    const pod = await node.runPod({ name: `burner-${index}`, containers: [{ name: 'app', image, command, cpuLimit }] })
    pods.push(pod)
    ids.set(pod.containers.app!.id, index)
  }
  const client = createClient({ baseUrl: up.url })
  let samples = 0
  let errors = 0
  const perContainer = new Set<number>()
  while (samples < wanted) {
    const { profile } = await recordNode(client, async () => {
      const untilMs = performance.now() + recordMs
      while (performance.now() < untilMs) {
        await sleep(500, undefined, { signal: stop.signal })
        ids.set((await pods[0]!.restart('app')).id, 0)
      }
    })
    for (const row of burnedIn(profile)) {
      samples += row.samples
      perContainer.add(row.index)
      if (ids.get(row.cgroup.split('/').at(-1)!) !== row.index) errors += row.samples
    }
    process.stderr.write(`${samples} samples of ${perContainer.size} containers, ${errors} wrong\n`)
  }
  printRow({
    work: `samples attributed to another container than they ran in, of ${samples} over ${perContainer.size} containers that burn, fork, exec and restart`,
    ours: String(errors),
    goal: '0',
  })
} catch (error) {
  if (!stop.signal.aborted) throw error
  process.exitCode = 130
} finally {
  await node.close()
  await up.stop()
  rmSync(folder, { recursive: true, force: true })
}
