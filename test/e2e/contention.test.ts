// On a full CPU: who begins to want a core there is noticed by what it uses and waits for, and those that were there
// before are not. Real processes, and a real container's cgroup, through the agent's own watcher.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { describeSpike } from '../../src/agent/episodes.ts'
import { Scout, type Sighting } from '../../src/agent/scout.ts'
import { UsageRing } from '../../src/ring/usage-ring.ts'
import { CpuUsage } from '../../src/target/cpu-usage.ts'
import { defaultSpikeRule } from '../../src/trigger/spike.ts'
import { favour, favouredWeight } from '../favour.ts'
import { cgroupMounts, giveWeight, removeCgroup } from '../node-tool/cgroups.ts'

const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('skipped: contention: needs root\n')

const intervalMs = 200
const root = `/spikecam-contention-${process.pid}`
const containerId = randomBytes(32).toString('hex')
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => removeCgroup(root))

/** Looks now and then whether this test is still there: its session is not that of a terminal where Ctrl-C is pressed. */
const burn = 'read line; while kill -0 $PPID; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done'

/** On CPU 0 alone; sleeps until it gets a line, then wants all of it. */
function startOnOneCpu(): ChildProcess {
  const child = spawn('taskset', ['-c', '0', 'sh', '-c', burn], { detached: true })
  children.push(child)
  // Shares it with the others of this test, and hardly with what else runs on this machine: a neighbour that gets more of
  // it than before, because something else ended, has a spike itself.
  favour(child.pid as number)
  return child
}

/** A process in a cgroup of every hierarchy, where a runtime would have put it. */
function putInContainer(pid: number): void {
  const path = `${root}/kubepods/burstable/pod${randomUUID()}/${containerId}`
  for (const mount of cgroupMounts()) {
    mkdirSync(join(mount, path), { recursive: true })
    try {
      writeFileSync(join(mount, path, 'cgroup.procs'), String(pid))
    } catch {
      // cpuset on v1 takes no process before it has CPUs and memory nodes of its own
    }
  }
  giveWeight(root, favouredWeight)
}

test.skipIf(!isRoot)(
  'a process and then a container that want a core of a full CPU are sighted, their neighbours are not',
  async () => {
    const neighbours = [startOnOneCpu(), startOnOneCpu()]
    const [alone, contained] = [startOnOneCpu(), startOnOneCpu()]
    putInContainer(contained.pid as number)
    for (const neighbour of neighbours) neighbour.stdin?.write('go\n')

    const usage = new CpuUsage({ node: 'n' })
    const sightings: Sighting[] = []
    const scout = new Scout({
      usage,
      ring: new UsageRing({ stepMs: intervalMs, keepMs: 60_000 }),
      // Not by its jump: on one CPU of three burners it would be too small, on an idle one it is by its level. And no
      // cooldown, in which some other `sh -c` of this machine would put it.
      rule: { ...defaultSpikeRule, jumpCores: 10, cooldownMs: 0 },
      ownPids: () => [process.pid],
      events: {
        near: () => undefined,
        start: (sighting) => void sightings.push(sighting),
        end: () => undefined,
        suppressed: () => undefined,
      },
    })
    const of = (child: ChildProcess): Sighting[] => sightings.filter(({ target }) => target.pid === child.pid)
    const watch = async (ms: number, isEnough = () => false): Promise<void> => {
      const untilMs = performance.now() + ms
      while (performance.now() < untilMs && !isEnough()) {
        scout.tick(performance.now())
        await sleep(intervalMs)
      }
    }
    try {
      // What is usual for each takes some seconds to be known.
      await watch(9000)
      for (const [late, key] of [
        [alone, `p:${alone.pid}:`],
        [contained, `c:${containerId}`],
      ] as const) {
        late.stdin?.write('go\n')
        // Whoever else wants more at this moment may come first; it is still there when that is captured.
        await watch(40_000, () => of(late).length > 0)
        const [sighting] = of(late)
        expect(sighting).toMatchObject({ rule: 'cpu-spike', spike: { cause: 'contention', thresholdCores: 0.8 } })
        expect(sighting?.key.startsWith(key)).toBe(true)
        const { cores, waitingCores } = sighting!.spike
        expect(cores).toBeLessThan(0.8)
        expect(cores + waitingCores).toBeGreaterThanOrEqual(0.8)
        expect(describeSpike(sighting!.target, sighting!.spike)).toMatch(
          / used 0\.\d\d cores and waited for [01]\.\d\d more for [\d.]+ m?s; over the last minute it used 0\.\d\d$/,
        )
        // Its neighbours have more again, and are no spike for that either.
        late.kill('SIGKILL')
        expect(neighbours.flatMap(of)).toEqual([])
      }
    } finally {
      usage.close()
    }
  },
)
