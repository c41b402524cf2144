// Nodes with cgroups of version 1 alone and of version 2 alone; the other tests see those of this machine. The agent runs
// in a mount namespace that shows only those hierarchies, and the containers lie in those alone: where perf cannot place a
// sample, the process is asked.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import type { CaptureDetail } from '../../src/api/shapes.ts'
import { perfVersion } from '../../src/capture/perf.ts'
import type { UsageRow } from '../../src/model/inventory.ts'
import { root as repository, spikecam } from '../cli/spikecam.ts'
import { endingWithUs, favour, favouredWeight } from '../favour.ts'
import { buildBurner, burnName } from '../node-tool/burner.ts'
import { giveWeight, removeCgroup } from '../node-tool/cgroups.ts'
import { hasTool } from '../symbol-programs.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { startUpBy } from './program.ts'

type Version = 1 | 2

interface Hierarchy {
  readonly mount: string
  readonly version: Version
}

const hierarchies: readonly Hierarchy[] = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const version = / - cgroup(2?) /.exec(line)?.[1]
    return version === undefined ? [] : [{ mount: line.split(' ')[4]!, version: version === '2' ? 2 : 1 }]
  })
const has = (version: Version): boolean => hierarchies.some((each) => each.version === version)

const why =
  (process.getuid?.() === 0 ? undefined : 'needs root') ??
  ((await perfVersion()) === undefined ? 'perf is not installed' : undefined) ??
  (hasTool('gcc') && hasTool('unshare') ? undefined : 'gcc or unshare is not installed')
if (why) process.stderr.write(`skipped: kinds of cgroups: ${why}\n`)

const root = `/spikecam-kinds-${process.pid}`
const folder = temporaryFolder()
const children: ChildProcess[] = []
afterEach(() => {
  for (const { pid } of children.splice(0)) process.kill(-(pid as number), 'SIGKILL')
})
afterAll(() => removeCgroup(root))

/** Burns in its own function, a quarter of the time, in a cgroup where a runtime would have put it. */
function startContainer(burner: string, index: number, wanted: Version): string {
  const id = randomBytes(32).toString('hex')
  const path = `${root}/kubepods/burstable/pod${randomUUID()}/${id}`
  // Stopped until it is where it belongs.
  const [command, ...options] = endingWithUs
  const child = spawn(command, [...options, 'sh', '-c', `read line; exec ${burner} forks ${index} 20 60`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  children.push(child)
  // It is to be seen in a second of recording, however full this machine is.
  favour(child.pid as number)
  for (const { mount, version } of hierarchies) {
    if (version !== wanted) continue
    mkdirSync(join(mount, path), { recursive: true })
    try {
      writeFileSync(join(mount, path, 'cgroup.procs'), String(child.pid))
    } catch {
      // cpuset on v1 takes no process before it has CPUs and memory nodes of its own
    }
  }
  giveWeight(root, favouredWeight)
  child.stdin?.write('go\n')
  return id
}

/** `spikecam`, as on a node that has only hierarchies of this version. */
function programThatSees(wanted: Version): [string, ...string[]] {
  const hidden = hierarchies.filter(({ version }) => version !== wanted).map(({ mount }) => `umount ${mount}`)
  const script = [...hidden, `exec ${resolve(repository, 'spikecam')} "$@"`].join(' && ')
  return ['unshare', '--mount', 'sh', '-c', script, 'spikecam']
}

test.skipIf(why !== undefined).each(([1, 2] as const).filter(has))(
  'with cgroups of version %i alone containers are found, measured and captured, each for itself',
  async (version) => {
    const burner = buildBurner(folder, 'burner', { functions: 3 })
    const ids = [0, 1].map((index) => startContainer(burner, index, version))
    const calm = ['--spike-level', '10000%', '--spike-jump', '10000%']
    const up = await startUpBy(programThatSees(version), calm, { folder: join(folder, `data-${version}`) })
    try {
      await up.event((event) => event.type === 'agent' && event.agent.status?.recording === true)
      const ask = (...args: string[]) => spikecam(args, { env: { SPIKECAM_SERVER: up.url } })
      const look = async (id: string, index: number): Promise<void> => {
        expect((await ask('whois', id.slice(0, 12), '-o', 'name')).stdout).toBe(`container/${id}\n`)
        const ran = await ask('capture', 'cpu', `container/${id}`, '--for', '1s', '--look-back', '2s', '-o', 'json')
        expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 })
        const { capture } = JSON.parse(ran.stdout) as CaptureDetail
        const query = { phase: 'all', capture: capture.id, limit: 100 } as const
        const top = await up.client.get('/api/v1/incidents/{id}/top', { params: { id: capture.incidentId! }, query })
        const burned = top.rows.filter((row) => /^burn_/.test(row.function)).map((row) => row.function)
        expect(burned).toEqual([burnName(index)])
      }
      await Promise.all(ids.map(look))
      // What each gets on a machine that is full of other tests is for the kernel to say; what is not measured stays 0.
      const measured = async () => {
        const rows = JSON.parse((await ask('top', '-o', 'json')).stdout) as UsageRow[]
        const used = rows.filter(({ target, cores }) => ids.includes(target.containerId ?? '') && cores > 0)
        return used.map(({ target }) => target.containerId).sort()
      }
      await expect.poll(measured).toEqual(ids.toSorted())
    } finally {
      await up.stop()
    }
  },
)
