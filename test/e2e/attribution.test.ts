// Whose sample is it? Containers burn in functions of their own names, so each sample says itself where it was taken;
// what the recorder says of it must be the same: beside a busy neighbour, across fork and exec, and when a container
// comes back with a process that has the PID of one before.
import { execFileSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { perfVersion } from '../../src/capture/perf.ts'
import { type BurnedSamples, burnedIn, recordNode } from '../node-tool/burned.ts'
import { buildBurner } from '../node-tool/burner.ts'
import { trackingMount } from '../node-tool/cgroups.ts'
import { type RunningPod, startTestNode, type TestNode } from '../node-tool/node.ts'
import { whyNoNode } from '../node-tool/packages.ts'
import { hasTool } from '../symbol-programs.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startUp } from './program.ts'

const lastPid = '/proc/sys/kernel/ns_last_pid'
const why =
  whyNoNode() ??
  ((await perfVersion()) === undefined ? 'perf is not installed' : undefined) ??
  (hasTool('gcc') ? undefined : 'gcc is not installed')
if (why) process.stderr.write(`skipped: attribution of samples: ${why}\n`)

const folder = temporaryFolder()
const functions = 10

test.skipIf(why !== undefined)(
  'no sample leaks between busy containers, across fork, exec, and a restart with a recycled PID',
  async () => {
    const burner = buildBurner(folder, 'burner', { functions })
    const reversed = buildBurner(folder, 'burner-reversed', { functions, isReversed: true })
    const control = join(folder, 'control')
    mkdirSync(control)
    for (const name of ['old', 'new']) execFileSync('mkfifo', [join(control, name)])

    const node = await startTestNode()
    const calm = ['--spike-level', '10000%', '--spike-jump', '10000%']
    // Every millisecond: what takes a few of them, such as an exec, is sampled too.
    const up = await startUp(['--cri-socket', node.socket, '--deep-hz', '999', ...calm])
    try {
      const image = await node.packImage({ name: 'burners', programs: [burner, reversed] })
      const container = (name: string, ...words: string[]) => ({
        name,
        image,
        command: [burner, ...words],
        mounts: [{ hostPath: control, containerPath: '/control' }],
        // All of them together leave a core to those who record and start them.
        cpuLimit: words[0] === 'serves' ? 0.3 : 0.1,
      })
      const run = (name: string, ...containers: ReturnType<typeof container>[]) => node.runPod({ name, containers })
      const busy = await run('busy', container('first', 'steady', '0'), container('second', 'steady', '1'))
      const becoming = await run('becoming', container('app', 'execs', '3', '4', '5', reversed))
      const crashing = await run('crashing', container('app', 'serves', '/control/old'))
      const other = await run('other', container('app', 'serves', '/control/new'))
      const crashed: string[] = []
      let recycled = 0
      let forking: RunningPod | undefined
      await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)

      const whileBurning = async (): Promise<void> => {
        while (recycled === 0) {
          // A worker runs, its container is restarted, and then a worker of another container has its PID.
          const pid = (await startWorker(node, crashing, { fifo: join(control, 'old'), job: '5 10000' }))!
          await untilUsed(pid, 0.2)
          crashed.push(crashing.containers.app!.id)
          await crashing.restart('app')
          recycled = (await startWorker(node, other, { fifo: join(control, 'new'), job: '6 10000', pid })) ?? 0
        }
        const restarted = await startWorker(node, crashing, { fifo: join(control, 'old'), job: '7 10000' })
        forking = await run('forking', container('app', 'forks', '2', '5'))
        await untilUsed(recycled, 0.2)
        await untilUsed(restarted!, 0.2)
        await expect.poll(() => childrenTicks(forking!.containers.app!.pid)).toBeGreaterThan(10)
      }
      const { profile, incidentId } = await recordNode(up.client, whileBurning, { lookBackMs: 60_000 })
      const rows = burnedIn(profile)

      const owners: [index: number, ids: string[]][] = [
        [0, [busy.containers.first!.id]],
        [1, [busy.containers.second!.id]],
        [2, [forking!.containers.app!.id]],
        [3, [becoming.containers.app!.id]],
        [4, [becoming.containers.app!.id]],
        [5, crashed],
        [6, [other.containers.app!.id]],
        [7, [crashing.containers.app!.id]],
      ]
      const owner = new Map(owners)
      const idOf = (cgroup: string): string => cgroup.split('/').at(-1)!
      expect(rows.filter(({ index, cgroup }) => !owner.get(index)?.includes(idOf(cgroup)))).toEqual([])
      const sampled = new Map([...owner.keys()].map((index) => [index, 0]))
      for (const { index, samples } of rows) sampled.set(index, (sampled.get(index) ?? 0) + samples)
      for (const [index, samples] of sampled) expect(samples, `samples in burn_0${index}`).toBeGreaterThan(0)

      // By one PID there are both, each with its own container and none of the other's functions.
      expect(new Set(of(rows, recycled).map(({ index }) => index))).toEqual(new Set([5, 6]))
      const query = { phase: 'all' } as const
      const threads = await up.client.get('/api/v1/incidents/{id}/threads', { params: { id: incidentId }, query })
      const homes = threads.rows.filter((row) => row.pid === recycled).map((row) => idOf(row.cgroup!))
      expect(homes.sort()).toEqual([crashed.at(-1), other.containers.app!.id].sort())
      // The children of one program: every one of many PIDs, most of them gone before anybody looked.
      expect(new Set(rows.filter(({ index }) => index === 2).map((row) => row.pid)).size).toBeGreaterThan(1)
      // Two programs with other functions at the same addresses, taking turns under one PID.
      const names = new Set(of(rows, becoming.containers.app!.pid).map(({ index, comm }) => `${index} ${comm}`))
      expect(names).toEqual(new Set(['3 burner', '4 burner-reversed']))
    } finally {
      await node.close()
      await up.stop()
    }
  },
)

const of = (rows: readonly BurnedSamples[], wanted: number): BurnedSamples[] => rows.filter(({ pid }) => pid === wanted)

/** Processes of a container, youngest last. */
function processesOf(node: TestNode, { uid, containers }: RunningPod): number[] {
  const path = `${node.cgroup}/kubepods/burstable/pod${uid}/${containers.app!.id}`
  return readFileSync(join(trackingMount(), path, 'cgroup.procs'), 'utf8')
    .trim()
    .split('\n')
    .map(Number)
}

/**
 * Tells a container that serves to fork a worker.
 * @param pid the number that it is to get, free by now
 * @returns the number it has got; undefined when somebody else took the wanted one, such as a thread of the runtime
 */
async function startWorker(
  node: TestNode,
  pod: RunningPod,
  { fifo, job, pid }: { fifo: string; job: string; pid?: number },
): Promise<number | undefined> {
  const main = pod.containers.app!.pid
  const line = openSync(fifo, 'w')
  for (let attempt = 0; attempt < 10; attempt++) {
    if (pid !== undefined) writeFileSync(lastPid, String(pid - 1))
    writeSync(line, `${job}\n`)
    let worker: number | undefined
    await expect
      .poll(() => (worker = processesOf(node, pod).find((each) => each !== main)), { interval: 5 })
      .toBeDefined()
    if (pid === undefined || worker === pid) return worker!
    process.kill(worker!, 'SIGKILL')
    await expect.poll(() => processesOf(node, pod), { interval: 5 }).toEqual([main])
  }
  return undefined
}

/** Until a process has used so many seconds of CPU. */
async function untilUsed(pid: number, seconds: number): Promise<void> {
  const used = (): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  await expect.poll(used, { interval: 20 }).toBeGreaterThan(seconds)
}

/** CPU of its children that ended, in ticks of 10 ms: field 16 of proc_pid_stat(5), counted from behind the name. */
function childrenTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[13])
}
