// The cgroup hierarchies of this machine, and taking down a whole subtree of them with the processes in it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Mount points of every hierarchy: one on v2, one per controller on v1, both kinds on a hybrid machine. */
export function cgroupMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] as string)
}

/** A hierarchy in which every process has a place of its own choosing: v2 where there is one. */
export function trackingMount(): string {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const line =
    lines.find((each) => each.includes(' - cgroup2 ')) ?? lines.find((each) => / - cgroup .*\bpids\b/.test(each))
  const mount = line?.split(' ')[4]
  if (!mount) throw new Error('no cgroup hierarchy is mounted')
  return mount
}

/** Files of a cgroup's weight, and what stands in them for that of one process. */
const weightFiles = { 'cpu.shares': 1024, 'cpu.weight': 100 }

/** Gives all that is in a cgroup together the weight of so many busy processes. */
export function giveWeight(cgroup: string, processes: number): void {
  for (const mount of cgroupMounts()) {
    const folder = join(mount, cgroup)
    // v1 has the file at the root of its cpu hierarchy, v2 in the groups that are given the controller.
    if (existsSync(join(mount, 'cpu.shares'))) mkdirSync(folder, { recursive: true })
    for (const [name, ofOne] of Object.entries(weightFiles)) {
      const file = join(folder, name)
      if (existsSync(file)) writeFileSync(file, String(ofOne * processes))
    }
  }
}

/** Folders of a subtree, deepest first. */
function subtree(path: string): string[] {
  let entries: string[]
  try {
    entries = readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name))
  } catch {
    return [] // it is gone already
  }
  return [...entries.flatMap(subtree), path]
}

/** Processes anywhere below a cgroup (named below the mounts, such as `/spikecam-node-1a2b`). */
export function processesIn(cgroup: string): number[] {
  const pids = new Set<number>()
  for (const mount of cgroupMounts()) {
    for (const folder of subtree(join(mount, cgroup))) {
      try {
        for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) if (pid) pids.add(Number(pid))
      } catch {
        // removed between the listing and the read
      }
    }
  }
  return [...pids]
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Kills all processes of a subtree and removes it from every hierarchy; resolves to what could not be removed. */
export async function removeCgroup(cgroup: string, timeoutMs = 10_000): Promise<string[]> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    for (const pid of processesIn(cgroup)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // it ended by itself
      }
    }
    for (const mount of cgroupMounts()) {
      for (const folder of subtree(join(mount, cgroup))) {
        try {
          rmdirSync(folder)
        } catch {
          // busy until the last process in it is reaped: the next round tries again
        }
      }
    }
    const left = cgroupMounts().flatMap((mount) => subtree(join(mount, cgroup)))
    if (left.length === 0 || Date.now() > deadline) return left
    await wait(20)
  }
}
